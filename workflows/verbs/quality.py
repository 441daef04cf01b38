"""`quality check` and `quality report`: what was found in the data that was pulled."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from passerelle.workflows.verbs.contract import EXIT_CODES, AnyVerb, Environment, Outcome, Part, Request, Result, Verb

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from rich.console import Console

    from passerelle.workflows.quality.gate import Checked
    from passerelle.workflows.workspace import Workspace

_FEW = 10


class CheckedColumn(Part):
    """What was counted in one column."""

    column: str
    missing: int = Field(description="Rows without a value.")
    impossible: int
    outliers: int
    corrected: int = Field(0, description="Values that the dictionary of corrections says otherwise.")
    psi: float | None = Field(description="Population stability index against the run before.")


class Came(Part):
    """Identifiers of one field, of the records that came since the table was last let through."""

    field: str
    given: int
    unusable: int = Field(description="Of them, those that no platform takes.")


class Slip(Part):
    """Addresses that came whose domain looks like a slip of a well-known one."""

    domain: str
    meant: str = Field(description="The domain that it differs from by a letter. A guess.")
    addresses: int
    in_dictionary: bool = Field(description="`email_domains` of quality.yaml has it.")


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
    slips: list[Slip] = Field(default_factory=list)
    rare_slips: int = Field(0, description="Addresses at more such domains, each too rare to be named.")
    findings: list[QualityFinding]


def checked_table(found: "Checked", known: "Container[str]" = ()) -> CheckedTable:
    """As results tell it. `known`: domains that the dictionary takes for slips."""
    from passerelle.privacy.audit.times import iso
    from passerelle.privacy.providers import slip_of

    return CheckedTable(
        table=found.table,
        let_through=found.let_through,
        at=iso(found.at) or "",
        rows=found.rows,
        columns=[
            CheckedColumn(column=name, **{key: each[key] for key in CheckedColumn.model_fields if key in each})
            for name, each in found.columns.items()
        ],
        identifiers=[Came(field=name, given=n.given, unusable=n.unusable) for name, n in sorted(found.came.items())],
        slips=[
            Slip(domain=domain, meant=slip_of(domain) or "", addresses=count, in_dictionary=domain in known)
            for domain, count in sorted(found.slips.items(), key=lambda each: (-each[1], each[0]))
            if count >= _FEW
        ],
        rare_slips=sum(count for count in found.slips.values() if count < _FEW),
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
    from passerelle.workflows.quality.spellings import tie_known_slips
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace, environment.progress.step("Checking quality"):
        tie_known_slips(workspace, now=environment.now())
        found = check_tables(workspace, now=environment.now(), again=True)
        return _told(found, held_back(found).advice, workspace)


def run_report(environment: Environment, _request: CheckRequest) -> CheckResult:
    """What the last check of each table found. Nothing is measured or changed."""
    from passerelle.workflows.quality.gate import last_checks
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        advice = "Mend the source and pull, or change quality.yaml and check again."
        return _told(last_checks(workspace), advice, workspace)


def _told(found: "list[Checked]", advice: str, workspace: "Workspace") -> CheckResult:
    quality = workspace.quality
    known = quality.email_domains if quality is not None else {}
    held = any(each.held for each in found)
    outcome = Outcome.HELD_BACK if held else Outcome.DONE
    return CheckResult(
        outcome=outcome,
        exit_code=EXIT_CODES[outcome],
        advice=advice if held else "",
        tables=[checked_table(each, known) for each in found],
    )


def render_check(result: CheckResult, console: "Console") -> None:
    """A line per column, then what was not as expected."""
    from passerelle.workflows.verbs.tables import number, table

    lines = table("Quality", ("Table", "Column"), ("Rows", "Missing", "Impossible", "Outliers", "Corrected", "PSI"))
    for one in result.tables:
        for each in one.identifiers:
            lines.add_row(one.table, each.field, number(each.given), "", number(each.unusable), "", "", "")
        for column in one.columns:
            counts = (one.rows, column.missing, column.impossible, column.outliers, column.corrected)
            psi = "" if column.psi is None else f"{column.psi:.3f}"
            lines.add_row(one.table, column.column, *map(number, counts), psi)
    console.print(lines, markup=False)
    for one in result.tables:
        for slip in one.slips:
            said = "in the dictionary" if slip.in_dictionary else "see `email_domains` in quality.yaml"
            told = f"{one.table}: {slip.addresses:,} addresses at {slip.domain}: {slip.meant}? ({said})"
            console.print(told, markup=False)
        if one.rare_slips:
            console.print(f"{one.table}: {one.rare_slips:,} more at domains that are as near and rare.", markup=False)
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
