"""What was measured, held against what is expected. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from passerelle.segmentation.quality.file import ColumnRules, Nearest, Severity, TableRules
from passerelle.segmentation.quality.measure import ColumnFigures, Measured
from passerelle.segmentation.quality.suited import FEWEST, MOST_GAPS, learnt_from


@dataclass(frozen=True, slots=True)
class Finding:
    """An expectation that was not met. `column` is empty where it is about the table; `said` names no value."""

    table: str
    column: str
    check: str
    severity: Severity
    said: str
    advice: str


@dataclass(frozen=True, slots=True)
class Came:
    """Identifiers of one field that came since the last snapshot that was let through."""

    given: int
    unusable: int


def judge(
    table: str, rules: TableRules, found: Measured, *, before: Mapping[str, Any], came: Mapping[str, Came]
) -> list[Finding]:
    """Every expectation of one table that was not met. `before` is the reference, as plain data; empty: none."""
    return [
        *_of_rows(table, rules, found.rows, before.get("rows")),
        *_of_identifiers(table, rules, came),
        *(
            finding
            for name, rule in rules.columns.items()
            for finding in _of_column(table, name, rule, found.columns[name], found.rows, before)
        ),
    ]


def _of_rows(table: str, rules: TableRules, rows: int, before: int | None) -> Iterator[Finding]:
    rule = rules.rows
    if rule is None:
        return
    if rule.at_least is not None and rows < rule.at_least:
        said = f"{rows:,} rows; at least {rule.at_least:,} are expected."
        yield Finding(table, "", "rows", rule.severity, said, "See whether the source was cut off.")
    if rule.max_change is not None and before:
        change = abs(rows - before) / before
        if change > rule.max_change:
            said = f"{rows:,} rows after {before:,}: {change:.0%} changed; {rule.max_change:.0%} is expected at most."
            yield Finding(table, "", "rows", rule.severity, said, "See what the source lost or gained.")


def _of_identifiers(table: str, rules: TableRules, came: Mapping[str, Came]) -> Iterator[Finding]:
    for name, rule in rules.identifiers.items():
        seen = came.get(name)
        if seen is not None and seen.given and seen.unusable / seen.given > rule.unusable:
            share = seen.unusable / seen.given
            said = f"{seen.unusable:,} of {seen.given:,} cannot be used ({share:.1%}; {rule.unusable:.1%} is allowed)."
            advice = "`passerelle normalize` says why one is refused; mend them at the source."
            yield Finding(table, name, "format", rule.severity, said, advice)


def _of_learning(
    rule: ColumnRules, found: ColumnFigures, rows: int, broken: Callable[[str, Severity, str, str], Finding]
) -> Iterator[Finding]:
    """Gaps that are to be filled by what other columns say, and can't be."""
    repair = rule.missing.repair if rule.missing is not None else None
    if learnt_from(repair) is None or not rows or not found.missing:
        return
    if rows - found.missing < FEWEST:
        said = f"{rows - found.missing:,} rows have a value: too few to learn from, so its gaps stay."
        yield broken("repair", "warn", said, f"At least {FEWEST} are needed; else use the median or a constant.")
    elif isinstance(repair, Nearest) and found.missing > MOST_GAPS:
        said = f"{found.missing:,} rows have no value: too many to look for the nearest rows of each."
        yield broken("repair", "stop", said, f"`knn` fills at most {MOST_GAPS:,} gaps; use `iterative` or the median.")


def _of_column(
    table: str, name: str, rule: ColumnRules, found: ColumnFigures, rows: int, before: Mapping[str, Any]
) -> Iterator[Finding]:
    def broken(check: str, severity: Severity, said: str, advice: str) -> Finding:
        return Finding(table, name, check, severity, said, advice)

    missing, share = rule.missing, found.missing / rows if rows else 0.0
    yield from _of_learning(rule, found, rows, broken)
    if missing is not None:
        earlier = before.get("columns", {}).get(name)
        if missing.at_most is not None and share > missing.at_most:
            said = f"{found.missing:,} of {rows:,} have no value ({share:.1%}; {missing.at_most:.1%} is allowed)."
            yield broken("missing", missing.severity, said, "Fill them at the source, or have them repaired.")
        if missing.max_change is not None and earlier is not None and before.get("rows"):
            was = earlier["missing"] / before["rows"]
            if share - was > missing.max_change:
                said = f"{share:.1%} have no value, after {was:.1%} in the run before."
                yield broken("missing", missing.severity, said, "See whether the source renamed or lost the column.")
    for check, limit, count in (
        ("impossible", rule.possible, found.impossible),
        ("outliers", rule.outliers, found.outliers),
    ):
        if limit is not None and limit.allowed is not None and rows and count / rows > limit.allowed:
            said = f"{count:,} of {rows:,} ({count / rows:.1%}; {limit.allowed:.1%} is allowed)."
            yield broken(check, limit.severity, said, "Look at the source; see `then` in quality.yaml.")
    if rule.drift is not None and found.psi is not None and found.psi > rule.drift.psi:
        said = f"the distribution moved: PSI {found.psi:.3f}, {rule.drift.psi} is allowed."
        yield broken("drift", rule.drift.severity, said, "See what changed at the source; else raise `psi`.")
