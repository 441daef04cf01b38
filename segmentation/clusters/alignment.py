"""Labels that stay: groups of a new fit take the labels of those that they go on from."""

from passerelle.segmentation.clusters.measures import contingency
from passerelle.segmentation.clusters.model import NONE, Alignment
from passerelle.segmentation.learning.features import Matrix
from passerelle.segmentation.learning.model import short
from passerelle.segmentation.learning.sample import Labels

SAME = 0.5
"""So much of the smaller of two groups must be in both, or they are two groups."""


def aligned(
    before: Labels, middles: dict[int, Matrix], after: Labels, new_middles: dict[int, Matrix], next_label: int
) -> tuple[dict[int, int], Alignment, int]:
    """Leads from each new label to the one to use; and the next label that nobody has had.

    `before` and `after` are labels of the same people by the two models, the middles those of their groups in the
    same space. Pairs have the smallest sum of squared distances (Hungarian method); a pair of whom too few people are
    the same is none, so that a label never comes to mean other people.
    """
    from scipy.optimize import linear_sum_assignment

    old, new = sorted(middles), sorted(new_middles)
    costs = [[float(((middles[one] - new_middles[other]) ** 2).sum()) for other in new] for one in old]
    pairs = [(old[i], new[j]) for i, j in zip(*linear_sum_assignment(costs), strict=True)] if costs and new else []
    shares = _shared(before, after)
    kept = {one: shares.get((one, other), 0.0) for one, other in pairs}
    renamed = {other: one for one, other in pairs if kept[one] >= SAME}
    fresh: list[int] = []
    for label in new:
        if label not in renamed:
            renamed[label] = next_label + len(fresh)
            fresh.append(renamed[label])
    told = Alignment(
        kept={one: short(share) for one, share in kept.items() if one in renamed.values()},
        new=fresh,
        ended=[one for one in old if one not in renamed.values()],
    )
    return renamed, told, next_label + len(fresh)


def _shared(before: Labels, after: Labels) -> dict[tuple[int, int], float]:
    """Per pair of groups, the share of the smaller one's people that both have."""
    names, others, counts = contingency(before, after)
    sizes, other_sizes = counts.sum(axis=1), counts.sum(axis=0)
    return {
        (int(one), int(other)): float(counts[i, j] / min(sizes[i], other_sizes[j]))
        for i, one in enumerate(names)
        for j, other in enumerate(others)
        if NONE not in (one, other)
    }
