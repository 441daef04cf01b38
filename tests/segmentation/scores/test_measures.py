"""Figures of the model card: against sums over all pairs, by hand, and at their ends."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.segmentation.quality.measure import psi
from passerelle.segmentation.scores import measures

PAIRS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6)), min_size=1, max_size=30)


def split(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([yes for yes, _ in pairs]), np.array([score / 6 for _, score in pairs])


@given(PAIRS)
def test_the_auc_is_the_share_of_pairs_in_the_right_order(pairs: list[tuple[int, int]]) -> None:
    outcome, scores = split(pairs)
    ups, downs = scores[outcome == 1], scores[outcome == 0]
    right = [(up > down) + 0.5 * (up == down) for up in ups for down in downs]
    assert measures.auc(outcome, scores) == pytest.approx(np.mean(right) if right else 0.5)


@given(PAIRS)
def test_the_best_cut_has_the_greatest_f1(pairs: list[tuple[int, int]]) -> None:
    outcome, scores = split(pairs)
    if outcome.any():
        best = measures.confusion(outcome, scores, measures.best_cut(outcome, scores)).f1
        assert best == pytest.approx(max(measures.confusion(outcome, scores, cut).f1 for cut in scores))


@given(PAIRS)
def test_the_curve_rises_from_one_corner_to_the_other(pairs: list[tuple[int, int]]) -> None:
    outcome, scores = split(pairs)
    points = measures.roc(outcome, scores)
    assert points[0] == (0, 0)
    assert points == sorted(points)
    if 0 < outcome.sum() < len(outcome):
        assert points[-1] == pytest.approx((1, 1))
        area = np.trapezoid([up for _, up in points], [across for across, _ in points])
        assert area == pytest.approx(measures.auc(outcome, scores))


def test_a_confusion_matrix_by_hand() -> None:
    found = measures.confusion(np.array([1, 1, 0, 0, 1]), np.array([0.9, 0.4, 0.6, 0.1, 0.5]), 0.5)
    assert found == measures.Confusion(2, 1, 1, 1)
    assert (found.precision, found.recall, found.f1) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert measures.confusion(np.array([0]), np.array([0.1]), 0.5).precision == 0


def test_equals_are_never_parted_and_errors_are_means_over_people() -> None:
    expected = np.array([0.1] * 90 + [0.9] * 10)
    bins = measures.reliability(np.array([0.0] * 90 + [1.0] * 10), expected)
    assert [(each.people, round(each.expected, 9), each.happened) for each in bins] == [(90, 0.1, 0), (10, 0.9, 1)]
    assert measures.calibration_error(bins) == pytest.approx(0.1)
    assert measures.calibration_error([]) == 0
    assert measures.brier(np.array([1, 0]), np.array([0.5, 0.5])) == 0.25


def test_the_same_people_have_not_moved_and_others_have() -> None:
    values = np.arange(1_000.0)
    edges = measures.tenths(values)
    before = measures.shares(values, edges)
    assert len(before) == len(edges) + 2
    assert sum(before) == pytest.approx(100_000, abs=10)
    assert psi(before, measures.shares(values[::-1], edges)) == 0
    assert psi(before, measures.shares(values + 100, edges)) > 0.05
    assert psi(before, measures.shares(np.where(values < 500, np.nan, values), edges)) > 1
