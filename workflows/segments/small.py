"""Of few people nothing is told: what is said of very few is said of each of them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from passerelle.segmentation import InForce

SMALL_GROUP = 10
"""Of fewer people nothing is told."""

OTHERS = "others"
"""What small parts are called together."""


def told(each: "InForce") -> bool:
    """Whether a threshold rests on enough people to be told: of few it would be somebody's own value."""
    return each.people is None or each.people >= SMALL_GROUP


def people(count: int) -> str:
    """A number of people as it may be told."""
    return f"{count:,}" if count >= SMALL_GROUP or not count else f"fewer than {SMALL_GROUP}"


def folded(parts: Mapping[str, int]) -> dict[str, int]:
    """Parts of a whole, the greatest first; small ones together as `others`, so many that they are not few.

    Where only one is small, the next is taken with it: else whoever knows the whole could tell how small it is. Of a
    whole of few people, nothing is left.
    """
    if sum(parts.values()) < SMALL_GROUP:
        return {}
    kept = sorted(((count, name) for name, count in parts.items() if count), key=lambda each: (-each[0], each[1]))
    rest = 0
    while kept and (kept[-1][0] < SMALL_GROUP or 0 < rest < SMALL_GROUP):
        rest += kept.pop()[0]
    return {name: count for count, name in kept} | ({OTHERS: rest} if rest else {})
