"""People of three kinds, whom any method must tell apart, and a fit of them that takes well under a second."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from passerelle.segmentation.clusters.file import ClusterFile
from passerelle.segmentation.clusters.fit import fit
from passerelle.segmentation.clusters.model import Axes, ClusterModel, Group
from passerelle.segmentation.learning.model import Feature
from passerelle.segmentation.learning.people import Looked
from passerelle.workflows.settings.load import validated
from tests.segmentation.world import DAY, T

KINDS = [(5.0, 20.0, 900.0), (100.0, 3.0, 80.0), (300.0, 1.0, 20.0)]
"""Days since the last purchase, purchases, revenue."""
SIZES = (60, 50, 40)
DAY_LATER = T + DAY
TRAITS = ("recency_days", "orders_365d", "revenue_365d")
BY_LOGARITHM: Mapping[str, Any] = {name: {"log": True} for name in TRAITS}


def asked(**more: Any) -> ClusterFile:  # noqa: ANN401 - as a file says it
    """What a file asks for: three groups, few rounds."""
    written = {
        "cluster": "kinds",
        "traits": BY_LOGARITHM,
        "groups": {"from": 3, "to": 3},
        "stability": {"rounds": 5},
        **more,
    }
    return validated(ClusterFile, {key: value for key, value in written.items() if value is not None})


def kinds(sizes: tuple[int, ...] = SIZES) -> np.ndarray[Any, Any]:
    """Which kind each person is of, by subject_id: kinds take turns, so that no order gives them away."""
    left, found = list(sizes), []
    while any(left):
        for kind, count in enumerate(left):
            if count:
                found.append(kind)
                left[kind] -= 1
    return np.array(found)


def people(sizes: tuple[int, ...] = SIZES, *, seed: int = 7, first: int = 1) -> pa.Table:
    """The crowd, sorted by subject_id."""
    kind = kinds(sizes)
    values = np.array(KINDS)[kind] * np.random.default_rng(seed).lognormal(0, 0.2, (len(kind), 3))
    columns = {name: np.round(values[:, index], 2) for index, name in enumerate(TRAITS)}
    return pa.table({"subject_id": np.arange(first, first + len(kind)), **columns})


@cache
def plainly_fitted() -> ClusterModel:
    """A fit of the crowd; made once in a process."""
    return fit(asked(), Looked(people(), T, "a snapshot"))


def fitted(
    raw: pa.Table | None = None,
    previous: ClusterModel | None = None,
    *,
    as_of: int = T,
    **more: Any,  # noqa: ANN401 - as a file says it
) -> ClusterModel:
    """A fit of `raw` (by default the crowd)."""
    if raw is None and previous is None and not more:
        return plainly_fitted()
    table = people() if raw is None else raw
    return fit(asked(**more), Looked(table, as_of, "a snapshot"), previous)


def by_hand(file: ClusterFile, features: Sequence[Feature], points: list[list[float]]) -> ClusterModel:
    """A model that nobody fitted: the points are its groups, from 1 on."""
    wide = [0.0] * len(features)
    groups = [
        Group(label=label, size=50, centre=point, figures=[], words="", middle=(0, 0), spread=(1, 1, 0))
        for label, point in enumerate(points, 1)
    ]
    return ClusterModel(
        cluster=file.cluster,
        definition=file.digest,
        snapshot="",
        as_of=T,
        seed=1,
        made_with={},
        method=file.method,
        settings={},
        people=150,
        sampled=150,
        left_out=0,
        features=list(features),
        axes=Axes(mean=wide, directions=[], shares=[], loadings=[], turned_shares=[]),
        reduced=False,
        points=points,
        labels=[group.label for group in groups],
        reach={},
        groups=groups,
        silhouette=0.5,
        calinski_harabasz=1.0,
        stability=1.0,
        agreement=1.0,
        next_label=len(points) + 1,
        minimum_group=10,
    )
