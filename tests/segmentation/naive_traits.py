"""Traits, a score and groups once more, one person at a time: those that tests/segmentation/any_rule.py names."""

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tests.segmentation import naive

if TYPE_CHECKING:
    from tests.segmentation.naive_rules import Naive

Value = Any
CENTS = 100
MONEY = {"spent", "least", "most", "amount", "revenue_365d"}
GRID = {
    5: ["new_customers", "potential_loyalists", "loyal", "champions", "champions"],
    4: ["promising", "potential_loyalists", "loyal", "champions", "champions"],
    3: ["about_to_sleep", "about_to_sleep", "need_attention", "loyal", "loyal"],
    2: ["hibernating", "hibernating", "at_risk", "at_risk", "cant_lose"],
    1: ["lost", "hibernating", "at_risk", "cant_lose", "cant_lose"],
}


def _amounts(here: "Naive", person: int, **window: Any) -> list[int]:  # noqa: ANN401 - as a file says it
    return [row["amount"] for row in here.own(person, ["purchase"], window) if row["amount"] is not None]


def _sum(here: "Naive", person: int, **window: Any) -> int:  # noqa: ANN401 - as a file says it
    return sum(_amounts(here, person, **window))


def _days(here: "Naive", person: int) -> int | None:
    return min((naive.days_since(row["at"]) for row in here.own(person, ["purchase"])), default=None)


def _known(here: "Naive", person: int, column: str, *names: str) -> list[tuple[int, str]]:
    return [(row["at"], row[column]) for row in here.own(person, names) if row.get(column) is not None]


def _first(here: "Naive", person: int) -> str | None:
    return min(_known(here, person, "page", "view"), default=(0, None))[1]


def _last(here: "Naive", person: int) -> str | None:
    return min(((-at, value) for at, value in _known(here, person, "status", "purchase")), default=(0, None))[1]


def _favourite(here: "Naive", person: int) -> str | None:
    seen = [page for _, page in _known(here, person, "page", "view")]
    return min(set(seen), key=lambda page: (-seen.count(page), page), default=None)


def _soon(here: "Naive", person: int) -> Fraction | None:
    """The score that tests/segmentation/test_rules.py makes by hand, to nine digits."""
    if not here.own(person, ["purchase"]):
        return None
    odds = 0.4 * ((here.value(person, "spent") / CENTS - 2) / 1.5) - 0.2
    return Fraction(str(round(1 / (1 + math.exp(-odds)), 9)))


def _kind(here: "Naive", person: int) -> str | None:
    """The group of the cluster that was made by hand: whose middle is nearest, by points and orders."""
    if here.value(person, "points") is None:
        return None
    at = (float(here.value(person, "points")), float(here.value(person, "orders_365d")))
    return min("123", key=lambda group: math.dist(at, MIDDLES[group]))


MIDDLES = {"1": (-2.1, 0.3), "2": (1.2, 0.7), "3": (0.4, 3.6)}
TRAITS: Mapping[str, Callable[["Naive", int], Value]] = {
    "spent": _sum,
    "revenue_365d": lambda here, person: _sum(here, person, within="52w"),
    "least": lambda here, person: min(_amounts(here, person), default=None),
    "most": lambda here, person: max(_amounts(here, person), default=None),
    "orders_365d": lambda here, person: len(here.own(person, ["purchase"])),
    "recency_days": _days,
    "paid": lambda here, person: len(
        here.own(person, ["purchase"], {"within": "5d", "where": {"status": {"is": "paid"}}})
    ),
    "pages": lambda here, person: len({page for _, page in _known(here, person, "page", "view")}),
    "first_page": _first,
    "last_status": _last,
    "favourite": _favourite,
    "tier": lambda here, person: {"argent": 1, "or": 2}.get(here.value(person, "loyalty"), 0),
    "score.soon": _soon,
    "cluster.kinds": _kind,
    "rfm.r": lambda here, person: (here.rfm(person) or [None] * 3)[0],
    "rfm.f": lambda here, person: (here.rfm(person) or [None] * 3)[1],
    "rfm.m": lambda here, person: (here.rfm(person) or [None] * 3)[2],
}
