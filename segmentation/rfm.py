"""The eleven usual RFM groups: which of them a recency score and a frequency-and-money score belong to.

FM is the mean of the frequency and money scores, a half rounded up. Every pair of scores has one group, so the
groups are mutually exclusive and together hold everybody who has scores.
"""

from collections.abc import Mapping

NAMES: Mapping[str, str] = {
    "champions": "Bought lately, often, and for much.",
    "loyal": "Buy often, and not long ago.",
    "potential_loyalists": "Lately here, more than once: could become loyal.",
    "new_customers": "Bought very lately, for the first time or nearly so.",
    "promising": "Bought lately, little so far.",
    "need_attention": "In the middle everywhere, and slowing down.",
    "about_to_sleep": "Some time ago, seldom: will be lost without a reason to return.",
    "at_risk": "Used to buy often or for much, long ago.",
    "cant_lose": "Were among the best, and have not been seen for longest.",
    "hibernating": "Long ago, seldom, for little.",
    "lost": "Longest ago, least of all.",
}

BINS = 5

# By recency score (5 = latest), then FM score 1 to 5.
GRID: Mapping[int, tuple[str, str, str, str, str]] = {
    5: ("new_customers", "potential_loyalists", "loyal", "champions", "champions"),
    4: ("promising", "potential_loyalists", "loyal", "champions", "champions"),
    3: ("about_to_sleep", "about_to_sleep", "need_attention", "loyal", "loyal"),
    2: ("hibernating", "hibernating", "at_risk", "at_risk", "cant_lose"),
    1: ("lost", "hibernating", "at_risk", "cant_lose", "cant_lose"),
}


def group(recency: int, frequency: int, monetary: int) -> str:
    """The group of three scores from 1 to 5."""
    return GRID[recency][(frequency + monetary + 1) // 2 - 1]


def cells(name: str) -> list[tuple[int, int]]:
    """The (recency, FM) scores that make up a group."""
    return [(r, fm) for r, row in GRID.items() for fm, owner in enumerate(row, start=1) if owner == name]
