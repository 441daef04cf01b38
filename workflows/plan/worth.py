"""Which traits and scores are sent as values, whether they may be, and of whom."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from passerelle.workflows.plan.aims import Aim
from passerelle.workflows.plan.values import Worth, values_of

if TYPE_CHECKING:
    from passerelle.privacy.subjects import Subjects
    from passerelle.segmentation import Membership


def traits_of(wanted: Sequence[Aim]) -> dict[str, list[str]]:
    """By segment, the traits that are sent as values."""
    pairs = sorted({(aim.segment, aim.value.trait) for aim in wanted if aim.value is not None})
    return {segment: [trait for of, trait in pairs if of == segment] for segment, _ in pairs}


def relied_on(aim: Aim, found: "Membership") -> "Membership":
    """Its segment; where its values are a score that may not be relied on, the same as one that is held back."""
    if aim.value is None or found.held is not None or aim.value.trait not in found.unsaid:
        return found
    return found.held_back(found.unsaid[aim.value.trait], [aim.value.trait])


def worth_of(subjects: "Subjects", aim: Aim, found: "Membership") -> Worth | None:
    """What the people of a segment are worth at a place, where the audience has values."""
    if aim.value is None:
        return None
    amounts = found.values[aim.value.trait].to_numpy(zero_copy_only=False)
    values, unfit = values_of(np.asarray(found.subject_ids.to_numpy()), amounts, aim.value.digits)
    marks = subjects.marks(pa.array(values.subject_id), pa.array(values.amount))
    return Worth(values, np.asarray(marks.to_numpy(), np.int64), unfit)
