"""Against published examples and SciPy's own tests."""

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from passerelle.segmentation.measurement.statistics import (
    Asked,
    Mean,
    Share,
    association,
    fits,
    standardised,
    two_means,
    two_shares,
)

USUAL = Asked()
SAMPLES = st.lists(st.integers(-1_000, 1_000), min_size=2, max_size=30).filter(lambda values: len({*values}) > 1)


def mean_of(values: list[int]) -> Mean:
    return Mean(float(np.mean(values)), float(np.var(values, ddof=1)), len(values))


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [  # Newcombe 1998, Statistics in Medicine 17:873, table II, method 10
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0000),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
def test_the_interval_of_two_shares_is_newcombes(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    found = two_shares(Share(*one), Share(*other), USUAL)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 40), st.integers(1, 40))
def test_the_test_of_two_shares_is_the_chi_square_without_correction(one: int, other: int) -> None:
    found = two_shares(Share(one, 50), Share(other, 45), USUAL)
    p = stats.chi2_contingency([[one, 50 - one], [other, 45 - other]], correction=False).pvalue
    assert found.p == pytest.approx(p)
    assert found.low <= found.difference <= found.high


@given(SAMPLES, SAMPLES)
def test_the_test_and_the_interval_of_two_means_are_welchs(one: list[int], other: list[int]) -> None:
    found = two_means(mean_of(one), mean_of(other), Asked(0.9))
    known = stats.ttest_ind(one, other, equal_var=False)
    interval = known.confidence_interval(0.9)
    assert found.p == pytest.approx(known.pvalue, rel=1e-6, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-6, abs=1e-6)


def test_groups_without_any_spread_differ_or_not() -> None:
    same, more = Mean(0.0, 0.0, 20), Mean(1.0, 0.0, 20)
    assert (two_means(same, same, USUAL).p, two_means(more, same, USUAL).p) == (1.0, 0.0)
    assert two_means(same, same, USUAL).needed is None
    assert standardised(same, same) == 0.0


def test_a_difference_as_big_as_the_detectable_one_is_seen_with_the_power_asked_for() -> None:
    other = Mean(100.0, 900.0, 1_000)
    found = two_means(Mean(100.0, 1_600.0, 4_000), other, Asked(0.95, 0.8))
    error = (1_600 / 4_000 + 900 / 1_000) ** 0.5
    assert 1 - stats.norm.cdf(1.959964 - found.detectable / error) == pytest.approx(0.8, abs=1e-4)
    again = two_means(Mean(100.0 + found.detectable, 1_600.0, 4_000), other, Asked(0.95, 0.8))
    assert again.needed in {5_000, 5_001}
    assert again.lift == pytest.approx(found.detectable / 100)


def test_lift_of_nothing_is_unknown() -> None:
    assert two_shares(Share(5, 100), Share(0, 100), USUAL).lift is None
    assert two_shares(Share(6, 100), Share(5, 100), USUAL).lift == pytest.approx(0.2)


@given(st.integers(1, 500), st.integers(1, 500), st.integers(1, 99))
def test_sizes_are_held_against_shares_by_chi_square(one: int, other: int, percent: int) -> None:
    found = fits({"a": one, "b": other}, {"a": percent, "b": 100 - percent})
    hoped = [(one + other) * percent / 100, (one + other) * (100 - percent) / 100]
    assert found == pytest.approx(stats.chisquare([one, other], hoped).pvalue, rel=1e-6, abs=1e-300)


@pytest.mark.parametrize(
    ("found", "expected", "p"),
    [
        ({"a": 0, "b": 0}, {"a": 1, "b": 1}, 1.0),
        ({"a": 5, "b": 0}, {"a": 1, "b": 0}, 1.0),
        ({"a": 5, "b": 1}, {"a": 1, "b": 0}, 0.0),
    ],
)
def test_sizes_of_nobody_fit_and_somebody_where_nobody_can_be_does_not(
    found: dict[str, int], expected: dict[str, int], p: float
) -> None:
    assert fits(found, expected) == p


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=2, max_size=6))
def test_an_association_is_chi_square_with_cramers_v(rows: list[tuple[int, int]]) -> None:
    found = association([list(row) for row in rows])
    kept = [row for row in rows if sum(row)]
    if len(kept) < 2 or not all(sum(column) for column in zip(*kept, strict=True)):
        assert found is None
        return
    assert found is not None
    known = stats.chi2_contingency(kept, correction=False)
    assert (found.statistic, found.p, found.freedom) == pytest.approx((known.statistic, known.pvalue, known.dof))
    assert found.effect == pytest.approx(stats.contingency.association(kept, method="cramer"), abs=1e-9)
    assert 0 <= found.effect <= 1 + 1e-9 < inf
