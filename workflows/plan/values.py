"""What each person of an audience is worth, as it is sent: rounded, and only where it is an amount of zero or more."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from passerelle.privacy.personal import Personal
from passerelle.workflows.plan.moves import Ids

LARGEST = 1e12
"""A value beyond this is taken for a mistake."""

DECIMALS = 6

WHY_NOT = {
    "value_missing": "the trait says nothing of them",
    "value_negative": "their value is below zero",
    "value_too_large": "their value is above a million millions",
}
"""Reasons for which people of an audience with values are kept out."""

Amounts = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """Who is worth what: `subject_id` sorted and distinct, `amount` aligned with it."""

    subject_id: Ids
    amount: Amounts = field(repr=False)

    def of(self, ids: Ids) -> Amounts:
        """The amounts of these people, who are all among them."""
        return self.amount[np.searchsorted(self.subject_id, ids)]

    def personal(self, ids: Ids) -> Personal:
        """The same as a table of `subject_id` and `value`, for the gate."""
        return Personal(pa.table({"subject_id": pa.array(ids), "value": pa.array(self.of(ids))}))


@dataclass(frozen=True, slots=True, eq=False)
class Worth:
    """The values of a segment's people, as they are sent; `marks` (see `privacy.ledger.marks`) are aligned with them.

    `unfit` are people without a value that may be sent, by reason of `WHY_NOT`.
    """

    values: Values
    marks: Ids
    unfit: Mapping[str, Ids]

    def marks_of(self, ids: Ids) -> Ids:
        """The marks of these people, who all have a value."""
        return self.marks[np.searchsorted(self.values.subject_id, ids)]


def values_of(ids: Ids, amounts: Amounts, digits: int) -> tuple[Values, dict[str, Ids]]:
    """The values of these people (sorted) as they are sent, and who has none that may be, by reason of `WHY_NOT`."""
    kept_out = {
        "value_missing": np.isnan(amounts),
        "value_negative": amounts < 0,
        "value_too_large": amounts > LARGEST,
    }
    fit = ~np.logical_or.reduce(list(kept_out.values()))
    sent = Values(ids[fit], rounded(amounts[fit], digits))
    return sent, {reason: ids[mask] for reason, mask in kept_out.items() if mask.any()}


def rounded(amounts: Amounts, digits: int) -> Amounts:
    """Rounded to so many significant digits and at most `DECIMALS` places, halves to even; none is negative."""
    with np.errstate(divide="ignore"):
        size = np.where(amounts > 0, np.floor(np.log10(amounts)), 0.0)
    places = np.minimum(digits - 1 - size, DECIMALS)
    fine, coarse = 10.0 ** np.maximum(places, 0), 10.0 ** np.maximum(-places, 0)  # whole powers of ten are exact
    found: Amounts = np.rint(amounts / coarse * fine) * coarse / fine
    return found
