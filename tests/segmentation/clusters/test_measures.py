"""Our own measures against scikit-learn's."""

import numpy as np
import pytest
from sklearn import metrics

from passerelle.segmentation.clusters.axes import axes, varimax
from passerelle.segmentation.clusters.measures import agreement, calinski_harabasz, nearest, silhouette, turned
from passerelle.segmentation.learning.sample import drawn

CHANCE = np.random.default_rng(11)
ROWS = CHANCE.normal(size=(700, 4)) * np.array([3.0, 1.0, 1.0, 0.2])
LABELS = CHANCE.integers(0, 5, 700)
OTHERS = np.where(CHANCE.random(700) < 0.3, CHANCE.integers(0, 4, 700), LABELS)


def test_measures_are_those_of_scikit_learn() -> None:
    assert silhouette(ROWS, LABELS) == pytest.approx(metrics.silhouette_score(ROWS, LABELS))
    assert calinski_harabasz(ROWS, LABELS) == pytest.approx(metrics.calinski_harabasz_score(ROWS, LABELS))
    assert agreement(LABELS, OTHERS) == pytest.approx(metrics.adjusted_rand_score(LABELS, OTHERS))
    points = ROWS[:9]
    where, distance = nearest(ROWS, points)
    found, apart = metrics.pairwise_distances_argmin_min(ROWS, points)
    assert where.tolist() == found.tolist()
    assert distance == pytest.approx(apart, abs=1e-7)


def test_one_group_has_no_silhouette_and_everybody_alike_is_in_agreement() -> None:
    one = np.zeros(700, np.int64)
    assert (silhouette(ROWS, one), calinski_harabasz(ROWS, one)) == (0.0, 0.0)
    assert agreement(one, one) == 1.0


def test_directions_are_those_of_scikit_learn_and_enough_of_them_are_kept() -> None:
    from sklearn.decomposition import PCA

    found, theirs = axes(ROWS, 0.85), PCA(2).fit(ROWS)
    assert found.shares == pytest.approx(theirs.explained_variance_ratio_[: len(found.shares)])
    ours = turned(ROWS, np.array(found.mean), np.array(found.directions))
    assert np.abs(ours) == pytest.approx(np.abs(theirs.transform(ROWS)), abs=1e-9)
    assert sum(axes(ROWS, 0.99).shares) >= 0.99


def test_varimax_leaves_each_trait_to_one_direction_and_changes_no_sum() -> None:
    simple = np.array([[0.9, 0.0], [0.8, 0.0], [0.0, 0.7], [0.0, 0.6]])
    angle = 0.6
    mixed = simple @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    assert varimax(mixed) == pytest.approx(simple, abs=1e-4)
    assert (varimax(mixed) ** 2).sum(axis=1) == pytest.approx((mixed**2).sum(axis=1))


def test_whoever_is_drawn_today_is_drawn_tomorrow() -> None:
    ids = np.arange(1, 5_001)
    today = set(ids[drawn(ids, 500, seed=1)].tolist())
    more = np.arange(1, 5_101)
    tomorrow = set(more[drawn(more, 500, seed=1)].tolist())
    assert len(today) == len(tomorrow) == 500
    assert len(today & tomorrow) > 470
    assert today != set(ids[drawn(ids, 500, seed=2)].tolist())
