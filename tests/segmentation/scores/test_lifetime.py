"""BG/NBD and gamma-gamma: published figures, other ways to the same numbers, and parameters found again."""

import numpy as np
import pytest
from scipy.special import betaln, gammaln, hyp2f1

from passerelle.segmentation.learning.features import Matrix
from passerelle.segmentation.scores.lifetime import (
    Lifetime,
    Purchases,
    amount_log_likelihood,
    fit_amounts,
    fit_purchases,
    hypergeometric,
    log_likelihood,
)

CDNOW = Lifetime(r=0.243, alpha=4.414, a=0.793, b=2.426, p=6.25, q=3.74, gamma=15.44)
"""Fader, Hardie and Lee 2005; Fader and Hardie 2013: of 2,357 customers of CDNOW, in weeks and dollars."""


def bought(again: list[float], last: list[float], age: list[float], mean: list[float] | None = None) -> Purchases:
    return Purchases(np.array(again), np.array(last), np.array(age), np.array(mean or [1.0] * len(again)))


def test_the_expectation_published_for_a_customer_of_cdnow() -> None:
    """Two repeat purchases, the last after 30.43 of 38.86 weeks: 1.226 in the next 39 (Hardie's spreadsheet)."""
    assert CDNOW.purchases(bought([2], [30.43], [38.86]), 39)[0] == pytest.approx(1.226, abs=5e-4)


def test_the_expectations_published_for_a_new_customer() -> None:
    new = bought([0], [0], [0])
    for weeks, said in ((0.1429, 0.0078), (1, 0.0532), (3, 0.1506), (31.8571, 1.0405), (32, 1.0437), (78, 1.8576)):
        assert CDNOW.purchases(new, weeks)[0] == pytest.approx(said, abs=3e-3)


def test_the_likelihood_is_that_of_the_formula_written_out() -> None:
    of = bought([0, 1, 2, 7], [0, 1.71, 30.43, 29.43], [38.86, 38.86, 38.86, 38.86])
    r, alpha, a, b = 0.243, 4.414, 0.793, 2.426
    said = [
        np.exp(betaln(a, b + x) - betaln(a, b))
        * np.exp(gammaln(r + x) - gammaln(r))
        * (alpha**r)
        * ((alpha + age) ** -(r + x) + (x > 0) * a / (b + max(x, 1) - 1) * (alpha + last) ** -(r + x))
        for x, last, age in zip(of.again, of.last, of.age, strict=True)
    ]
    assert np.exp(log_likelihood(of, r, alpha, a, b)) == pytest.approx(said, rel=1e-12)


def test_expectations_are_those_of_the_published_formula_with_scipys_function() -> None:
    of, days = bought([1, 4, 30], [2, 20, 35], [30, 30, 40]), 26.0
    r, alpha, a, b = CDNOW.r, CDNOW.alpha, CDNOW.a, CDNOW.b
    x, z = of.again, days / (alpha + of.age + days)
    series = hyp2f1(r + x, b + x, a + b + x - 1, z)
    said = (a + b + x - 1) / (a - 1) * (1 - ((alpha + of.age) / (alpha + of.age + days)) ** (r + x) * series)
    assert CDNOW.purchases(of, days) == pytest.approx(said * CDNOW.alive(of), rel=1e-9)


def test_a_customer_with_hundreds_of_purchases_overflows_nothing() -> None:
    found = CDNOW.purchases(bought([900], [700], [702]), 90)
    assert 80 < found[0] < 130


@pytest.mark.parametrize("z", [0.0, 0.3, 0.9, 0.999])
def test_the_series_is_scipys_function(z: float) -> None:
    said = hyp2f1(1.976, -0.207, np.array([2.2, 9.0]), z)
    assert hypergeometric(1.976, -0.207, np.array([2.2, 9.0]), np.array([z, z])) == pytest.approx(said, rel=1e-9)


def test_whoever_never_came_back_is_still_a_customer_and_silence_makes_it_less_sure() -> None:
    assert CDNOW.alive(bought([0, 3, 3], [0, 38, 5], [38, 38, 38])).tolist() == pytest.approx([1, 0.8, 0.05], abs=0.1)


def test_an_amount_lies_between_the_customers_own_mean_and_everybodys() -> None:
    everybody = CDNOW.gamma * CDNOW.p / (CDNOW.q - 1)
    found = CDNOW.amount(bought([0, 40], [0, 50], [60, 60], [100.0, 100.0]))
    assert everybody == pytest.approx(35.22, abs=0.01)
    assert everybody < found[0] < found[1] < 100


def test_the_density_of_amounts_adds_up_to_one() -> None:
    means = np.linspace(1e-6, 4_000, 400_001)
    density = np.exp(amount_log_likelihood(np.full_like(means, 2.0), means, 6.25, 3.74, 15.44))
    assert float(np.trapezoid(density, means)) == pytest.approx(1, abs=1e-4)


def simulated(people: int = 4_000) -> tuple[Purchases, Matrix]:
    """Customers of known parameters: r 0.8, alpha 12, a 0.9, b 3; p 4, q 5, gamma 120."""
    chance = np.random.default_rng(11)
    rates, leaves = chance.gamma(0.8, 1 / 12, people), chance.beta(0.9, 3, people)
    ages = chance.uniform(50, 200, people)
    means = chance.gamma(5, 1 / 120, people)
    again, last, amount = np.zeros(people), np.zeros(people), np.zeros(people)
    for each in range(people):
        at, count = 0.0, 0
        while chance.uniform() >= leaves[each] or count == 0:
            step = chance.exponential(1 / rates[each])
            if at + step > ages[each]:
                break
            at, count = at + step, count + 1
        again[each], last[each] = count, at
        amount[each] = chance.gamma(4 * (count + 1), 1 / (means[each] * (count + 1)))
    return Purchases(again, last, ages, amount), again + 1


def test_parameters_that_people_were_made_with_are_found_again() -> None:
    of, number = simulated()
    r, alpha, a, b = fit_purchases(of).values
    assert (r, alpha) == pytest.approx((0.8, 12), rel=0.15)
    assert a / (a + b) == pytest.approx(0.9 / 3.9, rel=0.25)
    p, q, gamma = fit_amounts(number, of.mean).values
    assert gamma * p / (q - 1) == pytest.approx(120, rel=0.05)
    assert p == pytest.approx(4, rel=0.2)


def test_people_who_all_pay_the_same_are_at_the_end_of_what_the_model_can_say() -> None:
    found = fit_amounts(np.full(100, 5.0), np.full(100, 30.0))
    assert found.at_end
    p, q, gamma = found.values
    assert Lifetime(r=1, alpha=1, a=1, b=1, p=p, q=q, gamma=gamma).amount(
        bought([4], [30], [60], [30.0])
    ) == pytest.approx([30], rel=0.01)
    assert not fit_amounts(*reversed(_varied())).at_end


def _varied() -> tuple[Matrix, Matrix]:
    of, number = simulated(300)
    return of.mean, number
