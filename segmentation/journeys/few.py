"""What is not told, so that nothing of few people can be found by subtraction either. Pure."""

from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

K = TypeVar("K")


def untold(counts: Mapping[K, int], few: Iterable[K], lines: Iterable[Collection[K]], minimum: int) -> set[K]:
    """`few`, and so many others that on no line less than `minimum` is left untold, but nothing.

    `lines` are counts whose sum may be known. The least go first; the same counts always give the same answer.
    """
    hidden, lines = set(few), [list(line) for line in lines]
    changed = True
    while changed:
        changed = False
        for line in lines:
            rest = sum(counts[key] for key in line if key in hidden)
            shown = [key for key in line if key not in hidden and counts[key]]
            for key in sorted(shown, key=lambda each: (counts[each], str(each))):
                if rest == 0 or rest >= minimum:
                    break
                hidden.add(key)
                rest += counts[key]
                changed = True
    return hidden
