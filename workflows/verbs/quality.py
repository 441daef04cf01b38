"""`quality check` and `quality report`: what was found in the data that was pulled."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from passerelle.workflows.verbs.contract import EXIT_CODES, AnyVerb, Environment, Outcome, Part, Request, Result, Verb

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from passerelle.workflows.quality.gate import Checked


class CheckedColumn(Part):
    """What was counted in one column."""

    column: str
    missing: int = Field(description="Rows without a value.")
    impossible: int
    outliers: int
    psi: float | None = Field(description="Population stability index against the run before.")


class Came(Part):
    """Identifiers of one field, of the records that came since the table was last let through."""

    field: str
    given: int
    unusable: int = Field(description="Of them, those that no platform takes.")


class QualityFinding(Part):
    """An expectation that was not met."""

    column: str = Field(description="Empty: the whole table.")
    check: str
    severity: Literal["stop", "warn"]
    said: str
    advice: str


class CheckedTable(Part):
    """One table of quality.yaml."""

    table: str
    let_through: bool = Field(description="Segments see what came; otherwise what they saw before.")
    at: str = Field(description="When it was looked at, UTC.")
    rows: int
    columns: list[CheckedColumn]
    identifiers: list[Came]
    findings: list[QualityFinding]


def checked_table(found: "Checked") -> CheckedTable:
    """As results tell it."""
    from passerelle.privacy.audit.times import iso

    return CheckedTable(
        table=found.table,
        let_through=found.let_through,
        at=iso(found.at) or "",
        rows=found.rows,
        columns=[
            CheckedColumn(column=name, **{key: each[key] for key in ("missing", "impossible", "outliers", "psi")})
            for name, each in found.columns.items()
        ],
        identifiers=[Came(field=name, given=n.given, unusable=n.unusable) for name, n in sorted(found.came.items())],
        findings=[
            QualityFinding(
                column=each.column, check=each.check, severity=each.severity, said=each.said, advice=each.advice
            )
            for each in found.findings
        ],
    )


def render_findings(tables: "Iterable[CheckedTable]", console: "Console") -> None:
    """A line for each expectation that was not met, and for each table that is held back."""
    for one in tables:
        for found in one.findings:
            style = "bold red" if found.severity == "stop" else "yellow"
            place = f"{one.table}.{found.column}" if found.column else one.table
            console.print(f"{place}: {found.check}: {found.said} {found.advice}", markup=False, style=style)
        if not one.let_through:
            console.print(f"{one.table}: held back; segments read what they read before.", markup=False)


# --- check, report
class CheckRequest(Request):
    """Nothing to ask."""


class CheckResult(Result):
    """What was found by the rules of quality.yaml."""

    tables: list[CheckedTable] = Field(default_factory=list)


def run_check(environment: Environment, _request: CheckRequest) -> CheckResult:
    """Measure every table, and let through what is as expected."""
    from passerelle.workflows.pull.report import held_back
    from passerelle.workflows.quality.gate import check_tables
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace, environment.progress.step("Checking quality"):
        found = check_tables(workspace, now=environment.now(), again=True)
    return _told(found, held_back(found).advice)


def run_report(environment: Environment, _request: CheckRequest) -> CheckResult:
    """What the last check of each table found. Nothing is measured or changed."""
    from passerelle.workflows.quality.gate import last_checks
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        return _told(last_checks(workspace), "Mend the source and pull, or change quality.yaml and check again.")


def _told(found: "list[Checked]", advice: str) -> CheckResult:
    held = any(each.held for each in found)
    outcome = Outcome.HELD_BACK if held else Outcome.DONE
    return CheckResult(
        outcome=outcome,
        exit_code=EXIT_CODES[outcome],
        advice=advice if held else "",
        tables=[checked_table(each) for each in found],
    )


def render_check(result: CheckResult, console: "Console") -> None:
    """A line per column, then what was not as expected."""
    from passerelle.workflows.verbs.tables import number, table

    lines = table("Quality", ("Table", "Column"), ("Rows", "Missing", "Impossible", "Outliers", "PSI"))
    for one in result.tables:
        for each in one.identifiers:
            lines.add_row(one.table, each.field, number(each.given), "", number(each.unusable), "", "")
        for column in one.columns:
            counts = (one.rows, column.missing, column.impossible, column.outliers)
            psi = "" if column.psi is None else f"{column.psi:.3f}"
            lines.add_row(one.table, column.column, *map(number, counts), psi)
    console.print(lines, markup=False)
    render_findings(result.tables, console)


VERBS: list[AnyVerb] = [
    Verb(
        name="quality check",
        help="Check what was pulled against quality.yaml, and let segments see what is as expected.",
        request=CheckRequest,
        result=CheckResult,
        run=run_check,
        render=render_check,
        remote=True,
        recorded=True,
    ),
    Verb(
        name="quality report",
        help="What the last check of each table found. Nothing is measured or changed.",
        request=CheckRequest,
        result=CheckResult,
        run=run_report,
        render=render_check,
        remote=True,
    ),
]
