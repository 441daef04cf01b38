"""The arithmetic of comparing two groups, pure. The distributions come from SciPy, which the extra `ml` brings.

The first group is who was sent, the second who was not: differences are the first less the second.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, sqrt
from typing import Self

from passerelle.privacy.extras import need


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many people."""

    did: int
    people: int

    @property
    def share(self) -> float:
        """Between 0 and 1."""
        return self.did / self.people


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over so many people, and the sample's variance (with n - 1)."""

    mean: float
    variance: float
    people: int

    @classmethod
    def of_sums(cls, people: int, total: int, squares: int, scale: int) -> Self:
        """Of the exact sums of values and of their squares, in units of which `scale` make one.

        Each figure is rounded once, so that all engines say the same.
        """
        left = Fraction(squares * people - total * total, people * scale * scale)
        return cls(float(Fraction(total, people * scale)), float(left / max(people - 1, 1)), people)


@dataclass(frozen=True, slots=True)
class Difference:
    """What is between two groups: the difference, its interval, how probable one as big is by chance, and what follows.

    `lift` is the difference by the second group's figure; None where that is zero. `detectable` is the smallest
    difference that groups of these sizes would have shown with the power asked for. `needed` is how many people it
    takes in both groups together, divided as they are, to show the difference that was seen; None where there is none.
    """

    difference: float
    low: float
    high: float
    p: float
    lift: float | None
    detectable: float
    needed: int | None


@dataclass(frozen=True, slots=True)
class Asked:
    """How sure an interval is, and with which probability a real difference should be seen."""

    confidence: float = 0.95
    power: float = 0.8


def need_scipy() -> None:
    """Raises `DefinitionError` where SciPy is not installed."""
    need("scipy.special", "SciPy", "Install it: pip install 'passerelle[ml]'")


def two_shares(one: Share, other: Share, asked: Asked) -> Difference:
    """Newcombe's hybrid score interval (1998, method 10); the two-sided z-test with one pooled share."""
    difference = one.share - other.share
    z = _z(asked.confidence)
    (low_1, high_1), (low_2, high_2) = _wilson(one, z), _wilson(other, z)
    low = difference - sqrt((one.share - low_1) ** 2 + (high_2 - other.share) ** 2)
    high = difference + sqrt((high_1 - one.share) ** 2 + (other.share - low_2) ** 2)
    pooled = (one.did + other.did) / (one.people + other.people)
    variance = pooled * (1 - pooled)
    return _told(difference, (low, high), _z_test(difference, variance, one.people, other.people), other.share, asked,
                 spreads=(variance, variance), people=(one.people, other.people))  # fmt: skip


def two_means(one: Mean, other: Mean, asked: Asked) -> Difference:
    """Welch's t-test and its interval: the groups may spread differently."""
    from scipy.special import stdtr, stdtrit

    difference = one.mean - other.mean
    parts = one.variance / one.people, other.variance / other.people
    error = sqrt(sum(parts))
    if error == 0:  # nobody differs from anybody of the same group
        p, margin = float(difference == 0), 0.0
    else:
        freedom = sum(parts) ** 2 / (parts[0] ** 2 / (one.people - 1) + parts[1] ** 2 / (other.people - 1))
        p = 2 * float(stdtr(freedom, -abs(difference) / error))
        margin = error * float(stdtrit(freedom, (1 + asked.confidence) / 2))
    return _told(difference, (difference - margin, difference + margin), p, other.mean, asked,
                 spreads=(one.variance, other.variance), people=(one.people, other.people))  # fmt: skip


def standardised(one: Mean, other: Mean) -> float:
    """The difference of two means in standard deviations (of both groups, pooled evenly); 0 where nobody differs."""
    spread = sqrt((one.variance + other.variance) / 2)
    return 0.0 if spread == 0 else (one.mean - other.mean) / spread


def fits(found: Mapping[str, int], expected: Mapping[str, float]) -> float:
    """How probable such sizes are, or less even ones, where the shares expected (of any sum) hold: chi-square."""
    from scipy.special import chdtrc

    if any(found[name] and not share for name, share in expected.items()):
        return 0.0  # somebody is where nobody can be
    people, whole = sum(found.values()), sum(expected.values())
    hoped = {name: people * share / whole for name, share in expected.items() if people and share}
    if len(hoped) < 2:  # noqa: PLR2004 - two make a comparison
        return 1.0
    statistic = sum((found[name] - hoped[name]) ** 2 / hoped[name] for name in hoped)
    return float(chdtrc(len(hoped) - 1, statistic))


@dataclass(frozen=True, slots=True)
class Association:
    """Whether two ways of dividing people have to do with each other: chi-square, its p, and Cramér's V (0 to 1)."""

    statistic: float
    freedom: int
    p: float
    effect: float


def association(table: list[list[int]]) -> Association | None:
    """Of counts by row and column; None where there is nothing to compare: fewer than two of either with people."""
    from scipy.special import chdtrc

    rows = [row for row in table if sum(row)]
    columns = [list(column) for column in zip(*rows, strict=True) if sum(column)]
    if len(rows) < 2 or len(columns) < 2:  # noqa: PLR2004 - two make a comparison
        return None
    across, down = [sum(column) for column in columns], [sum(row) for row in rows]
    people = sum(down)
    statistic = sum(
        (count - below * beside / people) ** 2 / (below * beside / people)
        for column, below in zip(columns, across, strict=True)
        for count, beside in zip(column, [sum(row) for row in zip(*columns, strict=True)], strict=True)
    )
    least = min(len(rows), len(columns)) - 1
    freedom = (len(rows) - 1) * (len(columns) - 1)
    return Association(statistic, freedom, float(chdtrc(freedom, statistic)), sqrt(statistic / (people * least)))


def _told(
    difference: float,
    interval: tuple[float, float],
    p: float,
    base: float,
    asked: Asked,
    *,
    spreads: tuple[float, float],
    people: tuple[int, int],
) -> Difference:
    """With what such groups could have shown, by the normal approximation and the spreads that were seen."""
    both = _z(asked.confidence) + _normal(asked.power)
    detectable = both * sqrt(spreads[0] / people[0] + spreads[1] / people[1])
    needed = sum(people) * (detectable / difference) ** 2 if difference else None
    return Difference(
        difference,
        *interval,
        p,
        difference / base if base else None,
        detectable,
        None if needed is None else ceil(needed),
    )


def _wilson(found: Share, z: float) -> tuple[float, float]:
    """Wilson's score interval."""
    middle = (found.did + z * z / 2) / (found.people + z * z)
    margin = z * sqrt(found.share * (1 - found.share) * found.people + z * z / 4) / (found.people + z * z)
    return max(0.0, middle - margin), min(1.0, middle + margin)


def _z_test(difference: float, variance: float, one: int, other: int) -> float:
    from scipy.special import ndtr

    error = sqrt(variance * (1 / one + 1 / other))
    return 1.0 if error == 0 else 2 * float(ndtr(-abs(difference) / error))


def _z(confidence: float) -> float:
    return _normal((1 + confidence) / 2)


def _normal(share: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(share))
