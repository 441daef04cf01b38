"""What MLlib learns from a table, where its rows are."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

_STARTS = 3
_ROUNDS = 100
_STILL = 1e-6
_REMOTE = "SPARK_CONNECT_MODE_ENABLED"


def directions(frame: Any, columns: Sequence[str]) -> list[tuple[float, list[float]]]:  # noqa: ANN401 - a DataFrame
    """See `Learns`."""
    with _spoken_to(frame):
        from pyspark.ml.feature import PCA

        found = PCA(k=len(columns), inputCol="x", outputCol="y").fit(_vectors(frame, columns))
        components, shares = found.pc.toArray(), found.explainedVariance.toArray()
    return [(float(share), components[:, place].tolist()) for place, share in enumerate(shares)]


def middles(
    frame: Any,  # noqa: ANN401 - a DataFrame
    columns: Sequence[str],
    groups: int,
    seed: int,
) -> list[tuple[int, list[float]]]:
    """See `Learns`. The best of some starts."""
    with _spoken_to(frame):
        from pyspark.ml.clustering import KMeans

        rows = _vectors(frame, columns)
        tried = [
            KMeans(featuresCol="x", k=groups, seed=seed + start, maxIter=_ROUNDS, tol=_STILL).fit(rows)
            for start in range(_STARTS)
        ]
        best = min(tried, key=lambda each: float(each.summary.trainingCost))
        sizes, centres = best.summary.clusterSizes, best.clusterCenters()
    return [(int(size), [float(value) for value in centre]) for size, centre in zip(sizes, centres, strict=True)]


def _vectors(frame: Any, columns: Sequence[str]) -> Any:  # noqa: ANN401 - DataFrames
    from pyspark.ml.feature import VectorAssembler

    return VectorAssembler(inputCols=list(columns), outputCol="x").transform(frame).select("x")


@contextmanager
def _spoken_to(frame: Any) -> Iterator[None]:  # noqa: ANN401 - a DataFrame
    """PySpark's MLlib asks the environment whether it speaks to a server; its own way of opening a session says so."""
    if ".connect." not in type(frame).__module__ or _REMOTE in os.environ:
        yield
        return
    os.environ[_REMOTE] = "1"
    try:
        yield
    finally:
        del os.environ[_REMOTE]
