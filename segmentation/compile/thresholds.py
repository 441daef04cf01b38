"""Thresholds as queries: exact, and the same whatever the order of rows."""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction

import ibis

from passerelle.segmentation.compile.events import MICRO
from passerelle.segmentation.compile.portable import Expr, rounded, squared_sum, whole_division

_MICRO = Decimal(1).scaleb(-6)


def quantiles(values: Expr, amounts: list[Fraction]) -> Expr:
    """Of `values` (`v` not null, `g` the group): per group and amount the smallest v that so many do not exceed.

    Columns: `g`; `n` values; per amount i `q{i}`, and `below{i}`, how many lie strictly below it (whole numbers of
    any type). Everything is counted in whole numbers, so no share is ever rounded and equal values are never split.
    """
    ranked = _ranked(values)
    parts: dict[str, Expr] = {"n": ranked.n.max()}
    for index, amount in enumerate(amounts):
        part, whole = amount.as_integer_ratio()
        reached = ranked.up_to * whole >= ranked.n * part
        parts[f"q{index}"] = ranked.v.min(where=reached)
        parts[f"below{index}"] = (ranked.up_to - ranked.k).min(where=reached)
    return ranked.group_by("g").aggregate(**parts)


def edge(values: Expr, *, share: Fraction | None, number: int) -> Expr:
    """Of `values` (`v` not null, one `g`): `least`, the smallest v that fewer than so many exceed.

    So many are a `share` of them, or else a `number`. All equals of the last are within.
    """
    ranked = _ranked(values)
    part, whole = (1, 1) if share is None else share.as_integer_ratio()
    most = ibis.literal(number, type="int64") if share is None else ranked.n * part
    return ranked.aggregate(least=ranked.v.min(where=(ranked.n - ranked.up_to) * whole < most))


def _ranked(values: Expr) -> Expr:
    """By group `g`, each different `v`, how often it occurs, `k`, how many do not exceed it, `up_to`, and all, `n`."""
    counts = values.group_by(["g", "v"]).aggregate(k=values.count())
    rising = ibis.cumulative_window(group_by=counts.g, order_by=counts.v)
    return counts.mutate(up_to=counts.k.sum().over(rising), n=counts.k.sum().over(ibis.window(group_by=counts.g)))


def moments(values: Expr, *, whole: bool) -> Expr:
    """Of `values` (`v` not null, `g` the group): `g`, `n`, and the exact sums of v and v², of floats in millionths."""
    table = values.mutate(x=_in_whole(values.v, whole=whole))
    return table.group_by("g").aggregate(n=table.count(), total=table.x.sum(), squares=squared_sum(table.x))


def extent(values: Expr, *, whole: bool) -> Expr:
    """Of all `v`, floats in millionths: `low`, `high`, how many there are, `n`, and how many are `distinct`."""
    x = _in_whole(values.v, whole=whole)
    return values.aggregate(low=x.min(), high=x.max(), n=values.count(), distinct=x.nunique())


def counted(values: Expr, *, whole: bool, low: int, step: int) -> Expr:
    """By group `g`, each different value `x` (floats in millionths) and how often it occurs, `k`.

    With a `step` above 1, values between two multiples of it (counted from `low`) are taken for the least of them.
    """
    table = values.mutate(x=_in_whole(values.v, whole=whole))
    table = table.mutate(bucket=whole_division(table.x - low, step) if step > 1 else table.x)
    return table.group_by(["g", "bucket"]).aggregate(x=table.x.min(), k=table.count())


def _in_whole(value: Expr, *, whole: bool) -> Expr:
    return value if whole else rounded(value * float(MICRO))


def z_value(amount: Decimal, n: int, total: Decimal, squares: Decimal, *, whole: bool) -> Decimal | None:
    """Mean plus `amount` standard deviations (of the population), to six decimals; None for nobody."""
    if n == 0:
        return None
    scale = 1 if whole else MICRO
    mean = Fraction(int(total), n)
    variance = Fraction(int(squares), n) - mean * mean
    with localcontext() as context:
        context.prec = 60
        deviation = (Decimal(variance.numerator) / Decimal(variance.denominator)).sqrt()
        exact = (Decimal(mean.numerator) / Decimal(mean.denominator) + amount * deviation) / scale
        return exact.quantize(_MICRO, rounding=ROUND_HALF_EVEN).normalize()


def mean_of_days(days: list[Fraction]) -> Decimal | None:
    """The mean of daily values, to six decimals; None where there is no day."""
    if not days:
        return None
    mean = sum(days, Fraction()) / len(days)
    with localcontext() as context:
        context.prec = 60
        exact = Decimal(mean.numerator) / Decimal(mean.denominator)
        return exact.quantize(_MICRO, rounding=ROUND_HALF_EVEN).normalize()
