"""A sample drawn on a plane so that neighbours stay neighbours (t-SNE), told in patches of several people each."""

from collections.abc import Iterator

import numpy as np

from passerelle.segmentation.clusters.model import Embedding, Patch
from passerelle.segmentation.learning.features import Matrix
from passerelle.segmentation.learning.model import short
from passerelle.segmentation.learning.sample import Labels

_NEIGHBOURS = 15


def embedded(rows: Matrix, labels: Labels, *, perplexity: float, seed: int, minimum: int) -> Embedding:
    """Where people of each group come to lie (van der Maaten and Hinton 2008), the same each time.

    A patch is the mean of at least `minimum` people of one group who lie together; groups with fewer have none. `trust`
    says how many of the neighbours on the plane are neighbours among the traits, 1 at most (Venna and Kaski 2001).
    """
    from sklearn.manifold import TSNE, trustworthiness

    wide = min(perplexity, (len(rows) - 1) / 3)
    start = "pca" if rows.shape[1] > 1 else "random"
    places = TSNE(2, perplexity=wide, init=start, random_state=seed, n_jobs=1).fit_transform(rows).astype(np.float64)
    near = min(_NEIGHBOURS, (len(rows) - 1) // 2)
    return Embedding(
        sample=len(rows),
        perplexity=short(wide),
        trust=round(float(trustworthiness(rows, places, n_neighbors=near)), 6),
        patches=[
            Patch(label=int(label), at=(_plain(lying[:, 0]), _plain(lying[:, 1])), people=len(lying))
            for label in np.unique(labels)
            for lying in _together(places[labels == label], minimum)
        ],
    )


def _together(places: Matrix, minimum: int) -> Iterator[Matrix]:
    """Halved across the longer side until a half would have too few."""
    if len(places) < 2 * minimum:
        if len(places) >= minimum:
            yield places
        return
    side = int(np.argmax(np.ptp(places, axis=0)))
    order = np.argsort(places[:, side], kind="stable")
    middle = len(places) // 2
    yield from _together(places[order[:middle]], minimum)
    yield from _together(places[order[middle:]], minimum)


def _plain(values: Matrix) -> float:
    return round(float(values.mean()), 3)
