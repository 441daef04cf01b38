"""People's traits as the rows that scores are learnt from and applied to."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from passerelle.segmentation.learning.features import Matrix, learned, matrix
from passerelle.segmentation.scores.file import ScoredTrait
from passerelle.segmentation.scores.model import Column

_MINIMUM = 20
"""People, at least, who have a category, or of whom a value is unknown, for that to be learnt from."""


def columns_of(raw: pa.Table, traits: Mapping[str, ScoredTrait]) -> list[Column]:
    """What is learnt from, by these people. Raises `HeldBack` where all are alike in a trait."""
    found: list[Column] = []
    for name, how in traits.items():
        known = raw if how.fill is not None else raw.filter(raw[name].is_valid())
        features = learned(known, {name: how}, minimum=_MINIMUM) if known.num_rows else []
        found += [Column(feature=each) for each in features]
        unknown = raw[name].null_count if how.fill is None else 0
        if features and unknown >= _MINIMUM:
            found.append(Column(feature=features[0], gap=True))
    return found


def rows_of(raw: pa.Table, columns: Sequence[Column]) -> Matrix:
    """One row per person. An unknown value counts as the mean, beside which stands that it is unknown."""
    made = np.nan_to_num(matrix(raw, [each.feature for each in columns]), nan=0.0)
    for place, each in enumerate(columns):
        if each.gap:
            made[:, place] = raw[each.feature.trait].is_null().to_numpy().astype(np.float64)
    return made
