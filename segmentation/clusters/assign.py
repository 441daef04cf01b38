"""Which group each person belongs to, by a fitted model: a pure function of the person's traits. Needs NumPy alone."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from passerelle.segmentation.clusters.measures import calinski_harabasz, silhouette, turned
from passerelle.segmentation.clusters.model import NONE, ClusterModel
from passerelle.segmentation.clusters.points import Points
from passerelle.segmentation.clusters.states import standing_in
from passerelle.segmentation.learning.features import Matrix, matrix
from passerelle.segmentation.learning.sample import Labels, drawn, slices

_AT_ONCE = 262_144
_LOOKED_AT = 2_000
_DIGITS = 9


def assigned(model: ClusterModel, raw: pa.Table) -> tuple[Labels, Matrix]:
    """Each person's label (`NONE`: no group) and distance to its nearest point, to nine digits after the point.

    `raw` has a column per trait; of hidden states see `sequences`, and the distance is the doubt. Somebody with a
    missing value belongs to no group and has no distance.
    """
    if model.hidden is not None:
        return standing_in(model, raw)
    points = Points(np.array(model.points), np.array(model.labels, np.int64), model.reach)
    labels = np.empty(raw.num_rows, np.int64)
    distance: Matrix = np.empty(raw.num_rows, np.float64)
    for part in slices(raw.num_rows, _AT_ONCE):
        rows = _rows(model, raw.slice(part.start, part.stop - part.start))
        labels[part], distance[part] = points.assign(rows)
    rounded: Matrix = np.round(distance, _DIGITS).astype(np.float64, copy=False)
    return labels, rounded


def _rows(model: ClusterModel, raw: pa.Table) -> Matrix:
    rows = matrix(raw, model.features)
    axes = model.axes
    return turned(rows, np.array(axes.mean), np.array(axes.directions)) if model.reduced else rows


@dataclass(frozen=True, slots=True)
class Standing:
    """How a model does on the people of one run."""

    sizes: dict[int, int]
    none: int
    """People of the population who belong to no group, but for those with a missing value."""
    left_out: int
    """For a missing value."""
    silhouette: float
    calinski_harabasz: float


def standing(model: ClusterModel, raw: pa.Table, labels: Labels, distance: Matrix) -> Standing:
    """Sizes, and how well the groups still hold together, on a sample that stays the same while its people do.

    `raw` is sorted by `subject_id`.
    """
    sizes = {group.label: int((labels == group.label).sum()) for group in model.groups}
    unknown = int(np.isnan(distance).sum())
    if model.hidden is not None:  # states are no places: nothing lies near or far
        return Standing(sizes, raw.num_rows - unknown - sum(sizes.values()), unknown, 0.0, 0.0)
    looked = drawn(raw["subject_id"].to_numpy(), _LOOKED_AT, model.seed)
    looked = looked[labels[looked] != NONE]
    rows = _rows(model, raw.take(pa.array(looked)))
    return Standing(
        sizes,
        raw.num_rows - unknown - sum(sizes.values()),
        unknown,
        round(silhouette(rows, labels[looked]), 6),
        round(calinski_harabasz(rows, labels[looked]), 6),
    )
