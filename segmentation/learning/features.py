"""Traits as numbers that can be compared: filled, logarithms, yes or no, scaled. Columns in, matrix out."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.privacy.errors import HeldBack
from passerelle.segmentation.learning.model import Feature
from passerelle.segmentation.learning.traits import LearnedTrait

Matrix = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
MOST_CATEGORIES = 12


def complete(raw: pa.Table, traits: Mapping[str, LearnedTrait]) -> Mask:
    """Who has every value, or one that stands for it. `raw`: a column per trait, numbers or texts."""
    known = np.ones(raw.num_rows, bool)
    for name, how in traits.items():
        if how.fill is None:
            known &= raw[name].is_valid().to_numpy()
    return known


def learned(raw: pa.Table, traits: Mapping[str, LearnedTrait], *, minimum: int) -> list[Feature]:
    """How each trait becomes a number, by these people, none of whom is left out.

    Raises `HeldBack` where all are alike in a trait, or a logarithm is asked of what is negative. Categories of fewer
    than `minimum` people are no category of their own.
    """
    found: list[Feature] = []
    for name, how in traits.items():
        if how.one_hot:
            found += [
                Feature(trait=name, category=value, fill=None if how.fill is None else str(how.fill))
                for value in _categories(raw, name, how, minimum)
            ]
        else:
            found.append(_scaled(raw, name, how))
    return found


def matrix(raw: pa.Table, features: Sequence[Feature]) -> Matrix:
    """One row per person, one column per feature. Not a number where a value is missing or has no logarithm."""
    made = np.empty((raw.num_rows, len(features)), np.float64)
    for index, feature in enumerate(features):
        made[:, index] = (_plain(raw, feature) - feature.centre) / feature.spread
    return made


def _plain(raw: pa.Table, feature: Feature) -> Matrix:
    column = raw[feature.trait]
    if feature.fill is not None:
        column = pc.fill_null(column, pa.scalar(feature.fill).cast(column.type))
    if feature.category is not None:
        column = pc.equal(column, feature.category).cast(pa.float64())
    values: Matrix = column.to_numpy().astype(np.float64)
    if not feature.log:
        return values
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(values >= 0, np.log1p(values), np.nan)


def _categories(raw: pa.Table, name: str, how: LearnedTrait, minimum: int) -> list[str]:
    column = raw[name] if how.fill is None else pc.fill_null(raw[name], str(how.fill))
    counts = {str(row["values"]): int(row["counts"]) for row in pc.value_counts(column).to_pylist()}
    wanted = list(counts) if how.one_hot is True else [str(each) for each in how.one_hot or ()]
    often = sorted((each for each in wanted if counts.get(each, 0) >= minimum), key=lambda each: (-counts[each], each))
    found = [each for each in often if counts[each] < raw.num_rows][:MOST_CATEGORIES]
    if not found:
        raise HeldBack(
            f"No value of `{name}` tells people apart: each has fewer than {minimum} people, or all of them.",
            advice=f"Leave `{name}` out, or widen the population.",
        )
    return sorted(found)


def _scaled(raw: pa.Table, name: str, how: LearnedTrait) -> Feature:
    plain = Feature(trait=name, log=how.log, fill=None if how.fill is None else float(how.fill))
    values = _plain(raw, plain)
    if negative := int(np.isnan(values).sum()):
        raise HeldBack(
            f"{negative} people have a negative `{name}`, which has no logarithm.",
            advice=f"Take `log` away from `{name}`, or leave these people out with `population`.",
        )
    low, high = float(values.min()), float(values.max())
    if low == high:
        raise HeldBack(
            f"Everybody has the same `{name}`, so it tells nobody apart.",
            advice=f"Leave `{name}` out, or widen the population.",
        )
    if how.scale == "min_max":
        return plain.model_copy(update={"centre": low, "spread": high - low})
    return plain.model_copy(update={"centre": float(values.mean()), "spread": float(values.std())})


def unscaled(raw: pa.Table, features: Sequence[Feature]) -> Matrix:
    """The same columns as people write them: no logarithm, no scale; of categories 1 or 0."""
    return np.column_stack([_plain(raw, feature.model_copy(update={"log": False})) for feature in features])
