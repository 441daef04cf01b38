"""Moments, funnels and ways again, naively: one person at a time, from the words of docs/journeys.md."""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

from tests.segmentation import naive
from tests.segmentation.world import Row

Fits = Callable[[Row], bool]


def moments_in_visits(rows: Sequence[Row], parts: Sequence[tuple[Fits, int]], gap: int) -> int:
    """In how many visits each part happens often enough."""
    visits = naive.sessions(rows, gap)
    return sum(all(sum(map(fits, visit)) >= times for fits, times in parts) for visit in visits)


def moments_in_time(rows: Sequence[Row], parts: Sequence[tuple[Fits, int]], length: int) -> int:
    """How many moments there are; those no further apart than `length` are one."""
    found: list[int] = []
    for at in sorted({row["at"] for row in rows if any(fits(row) for fits, _ in parts)}):
        lately = [row for row in rows if at - length <= row["at"] <= at]
        if all(sum(map(fits, lately)) >= times for fits, times in parts):
            found.append(at)
    return len(found) and 1 + sum(later - earlier > length for earlier, later in pairwise(found))


def ways(
    steps: Sequence[Sequence[int]], withins: Sequence[int | None], longest: int | None, every: Sequence[int] | None
) -> list[list[list[int]]]:
    """Every way to each step, as instants. `steps`: when each step's events happen; `every`: strict, all instants."""
    found = [[[at] for at in sorted(set(steps[0]))]]
    for candidates, within in zip(steps[1:], withins[1:], strict=True):
        found.append(
            [
                [*way, at]
                for way in found[-1]
                for at in sorted(set(candidates))
                if at > way[-1]
                and (within is None or at - way[-1] <= within)
                and (longest is None or at - way[0] <= longest)
                and (every is None or not any(way[-1] < other < at for other in every))
            ]
        )
    return found


def transitions(
    rows: Sequence[Row], state_of: Callable[[Row], str | None], order: Sequence[str], gap: int | None, goal: str | None
) -> Counter[tuple[str, str]]:
    """How often one person went from which state to which."""
    states: dict[int, str] = {}
    for row in rows:
        state = state_of(row)
        if state is not None:
            before = states.get(row["at"])
            states[row["at"]] = state if before is None else min(before, state, key=list(order).index)
    found: Counter[tuple[str, str]] = Counter()
    last: tuple[int, str] | None = None
    for at, state in sorted(states.items()):
        if last is not None and gap is not None and at - last[0] > gap:
            found[last[1], "end"] += 1
            last = None
        found["start" if last is None else last[1], state] += 1
        last = None if state == goal else (at, state)
    if last is not None:
        found[last[1], "end"] += 1
    return found
