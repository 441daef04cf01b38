"""What customers will still buy: BG/NBD (Fader, Hardie and Lee 2005) and gamma-gamma (Fader and Hardie 2013).

BG/NBD: while somebody is a customer, they buy at random at a rate of their own; after each purchase they may leave for
good, with a probability of their own. Rates follow a gamma distribution (r, alpha), probabilities a beta (a, b).
Gamma-gamma: amounts vary around a mean of each customer's own, which has nothing to do with how often they buy.

Times are in days. Fitting needs SciPy; what a fitted model expects needs NumPy alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from passerelle.segmentation.learning.features import Matrix
from passerelle.segmentation.learning.model import Numbers, short

_STEPS = 100_000
_SMALL = 1e-13
_AWAY = 1e-6
_FAR, _NEAR = 6.0, 0.01
"""Logarithms of parameters are looked for up to here: beyond it, they change nothing any more."""


@dataclass(frozen=True, slots=True)
class Purchases:
    """A row per customer: purchases after the first, when the last was and how long ago the first, and their mean."""

    again: Matrix
    last: Matrix
    """Days from the first purchase to the last."""
    age: Matrix
    """Days from the first purchase to now."""
    mean: Matrix
    """Of all purchases, the first included."""


class Lifetime(Numbers):
    """The parameters of both models."""

    form: Literal["lifetime"] = "lifetime"
    r: float
    alpha: float
    a: float
    b: float
    p: float
    q: float
    gamma: float

    def purchases(self, of: Purchases, days: float) -> Matrix:
        """How many more purchases are expected in so many days (Fader, Hardie and Lee 2005, equation 10).

        Euler's transformation of the hypergeometric function keeps it exact for customers with many purchases.
        """
        r, b, x = self.r, self.b, of.again
        a = self.a if abs(self.a - 1) > _AWAY else 1 + _AWAY
        z = days / (self.alpha + of.age + days)
        series = hypergeometric(a + b - 1 - r, a - 1, a + b + x - 1, z)
        expected = (a + b + x - 1) / (a - 1) * (1 - (1 - z) ** (a - 1) * series)
        made: Matrix = np.maximum(expected, 0) * self.alive(of)
        return made

    def alive(self, of: Purchases) -> Matrix:
        """How probably each is still a customer."""
        silent = (self.r + of.again) * np.log((self.alpha + of.age) / (self.alpha + of.last))
        odds = np.log(self.a / (self.b + np.maximum(of.again, 1) - 1)) + silent
        return np.where(of.again > 0, 0.5 * (1 - np.tanh(0.5 * odds)), 1.0)

    def amount(self, of: Purchases) -> Matrix:
        """What a purchase of theirs is expected to bring: between their own mean and everybody's."""
        number = of.again + 1
        own = self.p * number / (self.p * number + self.q - 1)
        made: Matrix = (1 - own) * (self.gamma * self.p / (self.q - 1)) + own * np.maximum(of.mean, 0)
        return made

    def spending(self, of: Purchases, days: float) -> Matrix:
        """What they are expected to bring in so many days."""
        return self.purchases(of, days) * self.amount(of)


def hypergeometric(a: float, b: float, c: Matrix, z: Matrix) -> Matrix:
    """Gauss's function 2F1 as its series, for 0 <= z < 1."""
    term, total = np.ones_like(z), np.ones_like(z)
    for step in range(_STEPS):
        term = term * ((a + step) * (b + step) / (step + 1)) * z / (c + step)
        total += term
        if np.all(np.abs(term) <= _SMALL * np.abs(total)):
            break
    return total


def log_likelihood(of: Purchases, r: float, alpha: float, a: float, b: float) -> Matrix:
    """Of each customer's purchases under BG/NBD (equation 6)."""
    from scipy.special import betaln, gammaln

    x = of.again
    bought = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + betaln(a, b + x) - betaln(a, b)
    still = -(r + x) * np.log(alpha + of.age)
    gone = np.log(a / (b + np.maximum(x, 1) - 1)) - (r + x) * np.log(alpha + of.last)
    made: Matrix = bought + np.where(x > 0, np.logaddexp(still, gone), still)
    return made


def amount_log_likelihood(number: Matrix, mean: Matrix, p: float, q: float, gamma: float) -> Matrix:
    """Of each customer's mean amount under gamma-gamma, of so many purchases (equation 1a)."""
    from scipy.special import gammaln

    px = p * number
    made: Matrix = (
        gammaln(px + q)
        - gammaln(px)
        - gammaln(q)
        + q * np.log(gamma)
        + (px - 1) * np.log(mean)
        + px * np.log(number)
        - (px + q) * np.log(gamma + number * mean)
    )
    return made


@dataclass(frozen=True, slots=True)
class Found:
    """Parameters of greatest likelihood. `at_end`: one lies at the end of its range, and says no more than that."""

    values: tuple[float, ...]
    at_end: bool


def fit_purchases(of: Purchases) -> Found:
    """r, alpha, a and b. Where people either leave at once or never, a and b are as small as they may be."""
    scale = float(of.age.mean()) or 1.0
    looked = Purchases(of.again, of.last / scale, of.age / scale, of.mean)
    found = _greatest(lambda *each: log_likelihood(looked, *each), 4)
    r, alpha, a, b = found.values
    return Found((r, short(alpha * scale), a, b), found.at_end)


def fit_amounts(number: Matrix, mean: Matrix) -> Found:
    """p, q and gamma; q is more than 1, or there is no mean amount."""
    scale = float(mean.mean())

    def said(p: float, q: float, gamma: float) -> Matrix:
        return amount_log_likelihood(number, mean / scale, p, 1 + q, gamma)

    found = _greatest(said, 3)
    p, q, gamma = found.values
    return Found((p, short(1 + q), short(gamma * scale)), found.at_end)


def _greatest(said: Callable[..., Matrix], count: int) -> Found:
    """Where the mean of `said` is greatest, looked for by the logarithms of its parameters, from 1 on."""
    from scipy.optimize import minimize

    def worse(logs: Matrix) -> float:
        return -float(np.mean(said(*np.exp(logs))))

    options = {"maxiter": 2_000, "ftol": 1e-13, "gtol": 1e-8}
    bounds = [(-_FAR, _FAR)] * count
    with np.errstate(all="ignore"):
        found = minimize(worse, np.zeros(count), method="L-BFGS-B", jac="3-point", bounds=bounds, options=options)
    ends = bool(np.any(np.abs(found.x) > _FAR - _NEAR))
    return Found(tuple(short(float(each)) for each in np.exp(found.x)), ends)
