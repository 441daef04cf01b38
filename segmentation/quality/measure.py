"""A table measured in DuckDB: counts, shares, fences and distributions. The order of the rows changes nothing."""

# ruff: noqa: S608 - statements are made of checked column names and numbers

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from passerelle.segmentation.dataset import COLUMN_TYPES
from passerelle.segmentation.literals import CENTS
from passerelle.segmentation.quality.file import ColumnRules, Outliers, Possible, TableRules
from passerelle.segmentation.quality.meant import slipped, text
from passerelle.segmentation.quality.subject import Subject
from passerelle.segmentation.quality.suited import suit
from passerelle.segmentation.quoting import quoted_name
from passerelle.segmentation.rules import Sort

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection  # settings are read by verbs that measure nothing

_BINS = 10
_WORDS = 20
_FEW = 10
_DIGITS = 9
_EMPTY = 1e-4
"""What stands for an empty bin, whose logarithm does not exist; the usual stopgap."""


@dataclass(slots=True)
class ColumnFigures:
    """One column. `low` and `high` are the fences of outliers; `middle` is what a repair puts in."""

    missing: int = 0
    impossible: int = 0
    outliers: int = 0
    corrected: int = 0
    low: float | None = None
    high: float | None = None
    middle: float | None = None
    edges: list[float] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    bins: list[int] = field(default_factory=list)
    psi: float | None = None
    learnt: dict[str, Any] | None = None
    """What `imputation` filled gaps by."""


@dataclass(slots=True)
class Measured:
    """A table's figures. Those of the last snapshot that was let through are the reference for the next."""

    rows: int = 0
    columns: dict[str, ColumnFigures] = field(default_factory=dict)


def measure(
    db: "DuckDBPyConnection", table: Subject, rules: TableRules, *, before: Mapping[str, Any], now: int
) -> Measured:
    """Measure `table` as far as `rules` ask. `before` is the reference's `columns`, as plain data; `now` is µs UTC.

    Raises `Misdefined` where a rule does not fit its column.
    """
    suit(table, rules)
    files = ", ".join("'" + str(path).replace("'", "''") + "'" for path in table.files)
    db.execute(f"CREATE OR REPLACE TEMP VIEW given AS SELECT * FROM read_parquet([{files}])")
    found = Measured(rows=_row(db, "count(*)")[0])
    for name, wanted in rules.columns.items():
        found.columns[name] = _column(db, table, name, wanted, before.get(name, {}), now)
    return found


def impossible(name: str, kind: str, rule: Possible | None, now: int) -> str:
    """An expression: true where a value cannot be. Never null."""
    if rule is None:
        return "false"
    value, unit = quoted_name(name), CENTS if kind == "money" else 1
    parts = []
    if rule.at_least is not None:
        parts.append(f"{value} < {rule.at_least * unit}")
    if rule.at_most is not None:
        parts.append(f"{value} > {rule.at_most * unit}")
    if rule.not_before is not None:
        first = datetime.combine(rule.not_before, time(), UTC)
        parts.append(f"epoch_us({value}) < {int(first.timestamp()) * 1_000_000}")
    if not rule.future:
        parts.append(f"epoch_us({value}) > {now}")
    return f"coalesce({' OR '.join(parts)}, false)"


def psi(expected: Sequence[int], actual: Sequence[int]) -> float:
    """The population stability index: the sum over bins of (a - e) · ln(a / e), a and e being shares.

    N. Siddiqi, Credit Risk Scorecards (2006): below 0.10 no change, from 0.25 on another population. An empty bin
    counts as a ten-thousandth.
    """
    whole_e, whole_a = sum(expected) or 1, sum(actual) or 1
    total = 0.0
    for e, a in zip(expected, actual, strict=True):
        share_e, share_a = max(e / whole_e, _EMPTY), max(a / whole_a, _EMPTY)
        total += (share_a - share_e) * math.log(share_a / share_e)
    return round(total, 6)


def _column(
    db: "DuckDBPyConnection", table: Subject, name: str, rule: ColumnRules, before: Mapping[str, Any], now: int
) -> ColumnFigures:
    kind, value = table.columns[name], quoted_name(name)
    bad = impossible(name, kind, rule.possible, now)
    found = ColumnFigures()
    missing, wrong = _row(db, f"count(*) - count({value}), count(*) FILTER ({bad})")
    found.missing, found.impossible = int(missing), int(wrong)
    if rule.corrections is not None:
        found.corrected = int(_row(db, f"count(*) FILTER ({slipped(name, rule)})")[0])
    counts = COLUMN_TYPES[kind].sort in {Sort.NUMBER, Sort.MONEY}
    sound = f"FILTER ({value} IS NOT NULL AND NOT {bad})"
    if counts:
        _measure_numbers(db, value, sound, rule, found)
    if rule.drift is not None:
        _measure_drift(db, value, sound, found, before, counts=counts)
    return found


def _measure_numbers(db: "DuckDBPyConnection", value: str, sound: str, rule: ColumnRules, found: ColumnFigures) -> None:
    number = f"CAST({value} AS DOUBLE)"
    low, middle, high, mean, deviation, edges = _row(
        db,
        f"quantile_cont({number}, 0.25) {sound}, quantile_cont({number}, 0.5) {sound},"
        f" quantile_cont({number}, 0.75) {sound}, favg({number}) {sound}, stddev_samp({number}) {sound},"
        f" quantile_disc({number}, {[round(n / _BINS, 1) for n in range(1, _BINS)]}) {sound}",
    )
    repair = rule.missing.repair if rule.missing else None
    found.middle = _stable(mean if repair == "mean" else middle if repair == "median" else None)
    found.edges = sorted(set(edges or [])) if rule.drift is not None else []
    if rule.outliers is not None and mean is not None:
        found.low, found.high = (_stable(edge) for edge in _fences(rule.outliers, low, high, mean, deviation or 0.0))
        outside = f"{number} < {found.low!r} OR {number} > {found.high!r}"
        found.outliers = int(_row(db, f"count(*) {sound[:-1]} AND ({outside}))")[0])


def _fences(rule: Outliers, low: float, high: float, mean: float, deviation: float) -> tuple[float, float]:
    """J. W. Tukey, Exploratory Data Analysis (1977): 1.5 interquartile ranges beyond the quartiles; or mean ± z · s."""
    if rule.iqr is not None:
        reach = float(rule.iqr) * (high - low)
        return low - reach, high + reach
    reach = float(rule.z_score or 0) * deviation
    return mean - reach, mean + reach


def _measure_drift(
    db: "DuckDBPyConnection",
    value: str,
    sound: str,
    found: ColumnFigures,
    before: Mapping[str, Any],
    *,
    counts: bool,
) -> None:
    """The distribution over this run's own bins, which the next is compared with; and over the reference's."""
    if not counts:
        rows = db.execute(
            f"SELECT CAST({value} AS VARCHAR) AS w, count(*) AS n FROM given WHERE {value} IS NOT NULL"
            f" GROUP BY w HAVING n >= {_FEW} ORDER BY n DESC, w LIMIT {_WORDS}"
        ).fetchall()
        found.words = [row[0] for row in rows]
    own, asked = _expressions(value, found.edges, found.words, counts=counts), before.get("bins")
    found.bins = _counted(db, own, sound)
    if asked:
        there = _expressions(value, before.get("edges", []), before.get("words", []), counts=counts)
        found.psi = psi(asked, _counted(db, there, sound))


def _expressions(value: str, edges: Sequence[float], words: Sequence[str], *, counts: bool) -> list[str]:
    """One condition per bin: up to each edge and above the last, or each word and all others."""
    if counts:
        bounds = [f"{value} > {low!r} AND {value} <= {high!r}" for low, high in pairwise(edges)]
        return [f"{value} <= {edges[0]!r}", *bounds, f"{value} > {edges[-1]!r}"] if edges else ["true"]
    texts = [text(word) for word in words]
    shown = f"CAST({value} AS VARCHAR)"
    rest = f"{shown} NOT IN ({', '.join(texts)})" if texts else "true"
    return [*(f"{shown} = {each}" for each in texts), rest]


def _counted(db: "DuckDBPyConnection", conditions: Sequence[str], sound: str) -> list[int]:
    return [int(n) for n in _row(db, ", ".join(f"count(*) {sound[:-1]} AND ({each}))" for each in conditions))]


def _row(db: "DuckDBPyConnection", selected: str) -> tuple[Any, ...]:
    found: tuple[Any, ...] = db.execute(f"SELECT {selected} FROM given").fetchall()[0]
    return found


def _stable(value: float | None) -> float | None:
    """Without the last digits, which depend on the order in which numbers were added up."""
    return None if value is None else float(f"{value:.{_DIGITS}g}")
