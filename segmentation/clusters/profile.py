"""What makes each group different: figures, words, and tests of whether the groups differ at all."""

from collections.abc import Mapping, Sequence

import numpy as np

from passerelle.segmentation.clusters.model import Comparison, TraitFigures
from passerelle.segmentation.learning.features import Matrix
from passerelle.segmentation.learning.model import Feature, short
from passerelle.segmentation.learning.sample import Labels

_WORDS = ((1.0, "far"), (0.5, ""), (0.25, "slightly"))
_NAMED = 4


def figures(rows: Matrix, values: Matrix, members: Labels, features: Sequence[Feature]) -> list[TraitFigures]:
    """Each feature in the group of `members` (places of rows). `values` are as people write them, `rows` scaled."""
    spread = rows.std(axis=0)
    away = (rows[members].mean(axis=0) - rows.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return [
        TraitFigures(
            feature=feature.shown,
            mean=short(float(values[members, index].mean())),
            median=short(float(np.median(values[members, index]))),
            difference=short(float(away[index])),
        )
        for index, feature in enumerate(features)
    ]


def in_words(found: Sequence[TraitFigures], features: Sequence[Feature], everybody: Mapping[str, float]) -> str:
    """What stands out, the most telling first: `orders_365d far above the usual (median 7, everybody's 2)`.

    Medians are told, since a few huge amounts make a mean that nobody has. `everybody`: of each feature the median, of
    a category its share.
    """
    category = {feature.shown for feature in features if feature.category is not None}
    told = sorted((each for each in found if _strength(each.difference) is not None), key=lambda e: -abs(e.difference))
    if not told:
        return "Near the average in everything."
    return (
        "; ".join(_said(each, everybody[each.feature], share=each.feature in category) for each in told[:_NAMED]) + "."
    )


def _said(each: TraitFigures, usual: float, *, share: bool) -> str:
    side = "above" if each.difference > 0 else "below"
    strength = " ".join(part for part in (_strength(each.difference), side) if part)
    if share:
        return f"{each.feature} for {100 * each.mean:.0f} % ({100 * usual:.0f} % of everybody)"
    return f"{each.feature} {strength} the usual (median {_number(each.median)}, everybody's {_number(usual)})"


def _strength(difference: float) -> str | None:
    return next((word for least, word in _WORDS if abs(difference) >= least), None)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits say enough


def compared(values: Matrix, labels: Labels, names: Sequence[str]) -> list[Comparison]:
    """Per trait: one-way ANOVA, Welch's and Kruskal and Wallis's test, with effect sizes.

    The groups were made from these traits, so that they differ is no surprise: the effects say in which most.
    """
    groups = [labels == each for each in np.unique(labels)]
    return [_compared(name, [values[group, index] for group in groups]) for index, name in enumerate(names)]


def _compared(name: str, samples: list[Matrix]) -> Comparison:
    from scipy import stats

    everything = np.concatenate(samples)
    total = float(((everything - everything.mean()) ** 2).sum())
    inside = sum(float(((sample - sample.mean()) ** 2).sum()) for sample in samples)
    steady = any(len(sample) < 2 or float(sample.std()) == 0 for sample in samples)  # noqa: PLR2004 - one varies not
    plain = stats.f_oneway(*samples) if inside > 0 else None
    welch = None if steady else stats.f_oneway(*samples, equal_var=False)
    ranks = stats.kruskal(*samples) if total > 0 else None
    return Comparison(
        trait=name,
        anova=_finite(plain and plain.statistic),
        anova_p=_finite(plain and plain.pvalue),
        eta_squared=short((total - inside) / total) if total > 0 else 0.0,
        welch=_finite(welch and welch.statistic),
        welch_p=_finite(welch and welch.pvalue),
        kruskal=_finite(ranks and ranks.statistic),
        kruskal_p=_finite(ranks and ranks.pvalue),
        epsilon_squared=short(float(ranks.statistic) / (len(everything) - 1)) if ranks else 0.0,
    )


def _finite(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else short(float(value))
