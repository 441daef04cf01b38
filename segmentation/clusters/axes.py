"""The directions in which people differ most, and what each is made of."""

import numpy as np

from passerelle.segmentation.clusters.model import Axes
from passerelle.segmentation.learning.features import Matrix
from passerelle.segmentation.learning.model import short

_TURNS = 200
_STILL = 1e-10


def axes(rows: Matrix, keep: float) -> Axes:
    """As many directions as explain `keep` of the variance; at least two where there are two features."""
    mean = rows.mean(axis=0)
    centred = rows - mean
    covariance = np.einsum("ij,ik->jk", centred, centred, optimize=False) / max(len(rows) - 1, 1)
    return axes_of(mean, *np.linalg.eigh(covariance), keep)


def axes_of(mean: Matrix, values: Matrix, vectors: Matrix, keep: float) -> Axes:
    """The same, of the covariance's eigenvalues and eigenvectors (columns), in any order."""
    order = np.argsort(values, kind="stable")[::-1]
    values, vectors = np.maximum(values[order], 0.0), vectors[:, order]
    shares = values / values.sum()
    enough = int(np.searchsorted(np.cumsum(shares), keep - 1e-12) + 1)
    many = min(max(enough, 2), len(values))
    vectors = vectors[:, :many]
    vectors = vectors * np.where(vectors[np.argmax(np.abs(vectors), axis=0), np.arange(many)] < 0, -1.0, 1.0)
    loadings = varimax((vectors * np.sqrt(values[:many]))[:, :enough])
    total = values.sum()
    return Axes(
        mean=[short(each) for each in mean],
        directions=[[short(each) for each in row] for row in vectors.T],
        shares=[short(each) for each in shares[:many]],
        loadings=[[short(each) for each in row] for row in loadings],
        turned_shares=[short(each) for each in (loadings**2).sum(axis=0) / total],
    )


def varimax(loadings: Matrix) -> Matrix:
    """Loadings turned so that each feature belongs to as few directions as can be (Kaiser 1958), the greatest first."""
    features, many = loadings.shape
    turn = np.eye(many)
    before = 0.0
    for _ in range(_TURNS if many > 1 else 0):
        seen = loadings @ turn
        left, values, right = np.linalg.svd(loadings.T @ (seen**3 - seen * (seen**2).sum(axis=0) / features))
        turn = left @ right
        if values.sum() <= before * (1 + _STILL):
            break
        before = float(values.sum())
    found = loadings @ turn
    order = np.argsort(-(found**2).sum(axis=0), kind="stable")
    found = found[:, order]
    signs: Matrix = np.where(found[np.argmax(np.abs(found), axis=0), np.arange(many)] < 0, -1.0, 1.0)
    turned: Matrix = found * signs
    return turned
