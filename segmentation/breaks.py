"""Natural breaks: values in groups, so that the squared distances from the groups' means add up to least.

In one dimension the best grouping is found exactly, by dynamic programming over the values in order (Wang and Song,
Ckmeans.1d.dp, The R Journal 3/2, 2011). Where the last group begins never moves back, so each layer goes by halving.
Whole numbers throughout: a cost is one division of exact sums. Of equally good groupings the lowest breaks are taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate


def breaks(values: Sequence[int], counts: Sequence[int], groups: int) -> list[int] | None:
    """The first value of each group but the lowest; None where there are fewer different values than groups.

    `values` rise strictly; `counts` say how often each occurs.
    """
    if len(values) < groups:
        return None
    line = _Line.of(values, counts)
    costs = [line.cost(0, end) for end in range(1, len(values) + 1)]
    starts: list[list[int]] = []
    for layer in range(1, groups):
        costs, begun = _layer(line, costs, layer)
        starts.append(begun)
    found: list[int] = []
    end = len(values)
    for begun in reversed(starts):
        end = begun[end - 1]
        found.append(values[end])
    return found[::-1]


@dataclass(frozen=True, slots=True)
class _Line:
    """Sums of the first so many values: how many, of them, and of their squares."""

    n: list[int]
    total: list[int]
    squares: list[int]

    @classmethod
    def of(cls, values: Sequence[int], counts: Sequence[int]) -> "_Line":
        pairs = list(zip(values, counts, strict=True))
        return cls(
            list(accumulate(counts, initial=0)),
            list(accumulate((value * count for value, count in pairs), initial=0)),
            list(accumulate((value * value * count for value, count in pairs), initial=0)),
        )

    def cost(self, start: int, end: int) -> float:
        """What one group of the values `start` to `end` (not included) costs."""
        n, total = self.n[end] - self.n[start], self.total[end] - self.total[start]
        return (n * (self.squares[end] - self.squares[start]) - total * total) / n


def _layer(line: _Line, before: list[float], least: int) -> tuple[list[float], list[int]]:
    """With one group more: by number of values, the least cost and where the last group begins.

    `least` is how many groups there were: fewer values than groups cost infinitely much.
    """
    size = len(before)
    costs, begun = [float("inf")] * size, [0] * size
    waiting = [(least, size - 1, least, size - 1)]  # ends low to high, whose last group begins in first to last
    while waiting:
        low, high, first, last = waiting.pop()
        if low > high:
            continue
        end = (low + high) // 2
        options = ((before[start - 1] + line.cost(start, end + 1), start) for start in range(first, min(end, last) + 1))
        costs[end], begun[end] = min(options)
        waiting += [(low, end - 1, first, begun[end]), (end + 1, high, begun[end], last)]
    return costs, begun
