"""Learnt models as numbers, and what they say of a row: a pure function, the same whoever else is asked about.

Sums run column by column in a fixed order: a matrix product's last digits depend on where a row stands.
"""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from passerelle.segmentation.learning.features import Matrix
from passerelle.segmentation.learning.model import Numbers

LEAF = -1


def squashed(scores: Matrix) -> Matrix:
    """The logistic function: log-odds into probabilities."""
    made: Matrix = 0.5 * (1.0 + np.tanh(0.5 * scores))
    return made


def log_odds(probabilities: Matrix) -> Matrix:
    """The other way round, away from certainty."""
    inside = np.clip(probabilities, 1e-9, 1 - 1e-9)
    made: Matrix = np.log(inside / (1 - inside))
    return made


def _weighed(rows: Matrix, weights: Matrix, start: float) -> Matrix:
    made = np.full(len(rows), start)
    for column, weight in enumerate(weights):
        made += rows[:, column] * weight
    return made


class Linear(Numbers):
    """A weighted sum, squashed."""

    form: Literal["linear"] = "linear"
    weights: list[float]
    start: float

    def probability(self, rows: Matrix) -> Matrix:
        """Of each row, between 0 and 1."""
        return squashed(_weighed(rows, np.array(self.weights), self.start))


class Tree(Numbers):
    """Nodes: a row goes `left` where its `feature` is at most `threshold`. Leaves have `LEAF` for a feature."""

    feature: list[int]
    threshold: list[float]
    left: list[int]
    right: list[int]
    value: list[float]


class Trees(Numbers):
    """The sum, or mean, of what many trees say; `squash`: the sum is in log-odds."""

    form: Literal["trees"] = "trees"
    trees: list[Tree]
    start: float = 0.0
    mean: bool = False
    squash: bool = True
    single: bool = False
    """Rows are looked at in single precision, as their learner does."""

    def probability(self, rows: Matrix) -> Matrix:
        """Of each row, between 0 and 1."""
        looked = rows.astype(np.float32).astype(np.float64) if self.single else rows
        made = np.full(len(rows), self.start)
        for tree in self.trees:
            made += _leaves(tree, looked)
        if self.mean:
            made = made / len(self.trees)
        return squashed(made) if self.squash else made


def _leaves(tree: Tree, rows: Matrix) -> Matrix:
    feature, threshold = np.array(tree.feature), np.array(tree.threshold)
    left, right = np.array(tree.left), np.array(tree.right)
    at = np.zeros(len(rows), np.int64)
    here = np.arange(len(rows))
    while len(going := here[feature[at[here]] != LEAF]):
        here = going
        node = at[here]
        goes = rows[here, feature[node]] <= threshold[node]
        at[here] = np.where(goes, left[node], right[node])
    found: Matrix = np.array(tree.value)[at]
    return found


class Layer(Numbers):
    """One layer of a network: a row of weights per neuron."""

    weights: list[list[float]]
    start: list[float]


class Layers(Numbers):
    """A network: each layer's sums, cut off below 0; the last one is squashed."""

    form: Literal["layers"] = "layers"
    layers: list[Layer]

    def probability(self, rows: Matrix) -> Matrix:
        """Of each row, between 0 and 1."""
        *hidden, last = self.layers
        for layer in hidden:
            sums = [_weighed(rows, np.array(w), start) for w, start in zip(layer.weights, layer.start, strict=True)]
            rows = np.maximum(np.column_stack(sums), 0)
        return squashed(_weighed(rows, np.array(last.weights[0]), last.start[0]))


Predictor = Annotated[Linear | Trees | Layers, Field(discriminator="form")]
"""What a learner leaves: one of these forms, whichever learner it was."""
