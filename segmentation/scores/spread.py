"""How scores and columns were spread over the people of the test, to be compared with the people of a run."""

import numpy as np
import pyarrow as pa

from passerelle.segmentation.learning.features import Matrix
from passerelle.segmentation.scores.apply import WATCHED, looked_at
from passerelle.segmentation.scores.measures import shares, tenths
from passerelle.segmentation.scores.model import Reference, ScoreModel


def references(model: ScoreModel, raw: pa.Table, found: Matrix) -> list[Reference]:
    """Of the score `found`, then of each column that is watched."""
    columns = looked_at(model, raw)
    names = [each.shown for each in model.columns] or [WATCHED]
    watched = [(f"the score {model.score}", found), *((name, columns[:, at]) for at, name in enumerate(names))]
    return [_reference(name, values) for name, values in watched]


def _reference(name: str, values: Matrix) -> Reference:
    edges = tenths(values)
    if len(edges) < 3:  # noqa: PLR2004 - most are equal: the smallest value is told apart from the rest
        edges = np.unique([values.min(), *edges])
    return Reference(name=name, edges=edges.tolist(), shares=shares(values, edges))
