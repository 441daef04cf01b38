"""What was pulled is checked before segments see it: let through, repaired, or held back.

The lake settles what came and goes on showing what it showed. Here each table that quality.yaml names is measured as it
came; unless an expectation with `severity: stop` is broken, readers see it from then on, or the repaired copy of it. A
process that dies in between leaves the table waiting: the next check looks at it again.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from passerelle.privacy.errors import DefinitionError, TryLater
from passerelle.segmentation.quality.expected import Came, Finding, judge
from passerelle.segmentation.quality.imputation import fill_gaps
from passerelle.segmentation.quality.measure import Measured, measure
from passerelle.segmentation.quality.repair import added_columns, repaired
from passerelle.segmentation.quality.subject import Subject
from passerelle.workflows.lake.lake import Lake
from passerelle.workflows.lake.merging import at_work_on
from passerelle.workflows.lake.tables import Waiting
from passerelle.workflows.settings.engines import DuckDbEngine

if TYPE_CHECKING:
    from passerelle.segmentation.quality.file import QualityFile, TableRules
    from passerelle.workflows.workspace import Workspace


FIGURES = ("missing", "impossible", "outliers", "corrected", "psi")
"""What is told of a column."""


@dataclass(slots=True)
class Checked:
    """One table. `let_through`: segments see what came."""

    table: str
    let_through: bool
    rows: int
    columns: dict[str, dict[str, Any]]
    findings: list[Finding]
    came: dict[str, Came] = field(default_factory=dict)
    slips: dict[str, int] = field(default_factory=dict)
    """Addresses that came, by domain that looks like a slip of a well-known one."""
    at: int = 0

    @property
    def held(self) -> bool:
        """Whether an expectation that stops was broken."""
        return any(finding.severity == "stop" for finding in self.findings)


def check_tables(workspace: "Workspace", *, now: int, again: bool = False) -> list[Checked]:
    """Look at each table of quality.yaml that waits, or whose rules changed; with `again`, at all of them.

    Raises `DefinitionError` with file and line where a rule does not fit its column.
    """
    wanted = workspace.quality
    return [] if wanted is None else list(_checks(workspace, wanted, now, again=again))


def last_checks(workspace: "Workspace") -> list[Checked]:
    """What the last check of each table found; tables that no check has seen are left out."""
    wanted, lake = workspace.quality, workspace.lake()
    looked = [(name, lake.waiting(name)) for name in sorted(wanted.tables if wanted is not None else ())]
    return [_remembered(name, waiting) for name, waiting in looked if waiting is not None and "last" in waiting.quality]


def remember_came(lake: Lake, table: str, came: Mapping[str, tuple[int, int]], slips: Mapping[str, int]) -> None:
    """Add (given, unusable) by field, and counts of domains, to what came since the table was last let through."""
    waiting = lake.waiting(table)
    if waiting is None or not (came or slips):
        return
    known = dict(waiting.quality.get("came", {}))
    for name, (given, unusable) in came.items():
        before = known.get(name, [0, 0])
        known[name] = [before[0] + given, before[1] + unusable]
    domains = Counter(waiting.quality.get("slips", {}))
    domains.update(slips)
    lake.remark(table, {**waiting.quality, "came": known, "slips": dict(domains)})


def _checks(workspace: "Workspace", wanted: "QualityFile", now: int, *, again: bool) -> Iterator[Checked]:
    lake = workspace.lake()
    for name, rules in sorted(wanted.tables.items()):
        waiting = lake.waiting(name)
        if waiting is None:
            continue
        digest = hashlib.sha256(rules.model_dump_json().encode()).hexdigest()[:16]
        if waiting.through and not again and waiting.quality.get("rules") == digest:
            yield _remembered(name, waiting)
            continue
        with ExitStack() as held:
            try:
                held.enter_context(workspace.store().exclusive(f"pull {name}"))
            except TryLater:  # somebody pulls it now, and looks at it afterwards
                continue
            yield _check(workspace, lake, name, rules, digest, now)


def _check(workspace: "Workspace", lake: Lake, name: str, rules: "TableRules", digest: str, now: int) -> Checked:
    waiting = lake.waiting(name)
    if waiting is None:
        raise DefinitionError(f"The lake's table {name} is gone.", advice="Pull it again.")
    subject = Subject(name, waiting.table.grain, waiting.table.columns, waiting.table.files)
    # Looked at again, it is still compared with the snapshot before it, not with itself.
    reference = waiting.quality.get("before" if waiting.through else "reference", {})
    came = {field: Came(*counts) for field, counts in waiting.quality.get("came", {}).items()}
    with _engine(workspace) as db:
        with at_work_on(name):
            found = measure(db, subject, rules, before=reference.get("columns", {}), now=now)
        plain = asdict(found)
        slips = waiting.quality.get("slips", {})
        checked = Checked(name, False, found.rows, plain["columns"], [], came, slips, now)
        checked.findings = judge(name, rules, found, before=reference, came=came)
        said = {"last": _plain(checked), "rules": digest, "came": waiting.quality.get("came", {}), "slips": slips}
        if checked.held:
            lake.remark(name, {**waiting.quality, **said, "rules": ""})
            return checked
        fill_gaps(db, subject, rules, found, now=now)
        kept = {**said, "reference": asdict(found), "before": reference, "came": {}, "slips": {}}
        checked.let_through = _let_through(workspace, lake, waiting, subject, rules, found, kept, db, now)
    return checked


def _let_through(  # noqa: PLR0913, PLR0917 - the one place where all of it comes together
    workspace: "Workspace",
    lake: Lake,
    waiting: Waiting,
    subject: Subject,
    rules: "TableRules",
    found: Measured,
    kept: dict[str, Any],
    db: duckdb.DuckDBPyConnection,
    now: int,
) -> bool:
    query = repaired(subject, rules, found, timezone=workspace.settings.timezone, now=now)
    if query is None:
        return lake.let_through(waiting, kept)

    def write(path: Path) -> None:
        target = str(path).replace("'", "''")
        db.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 131072)")

    return lake.let_through(waiting, kept, write, added_columns(subject, rules, found))


def engine_limits(workspace: "Workspace") -> DuckDbEngine:
    """How much memory and how many cores DuckDB may use here, also where another engine computes segments."""
    engine = workspace.settings.engine
    return engine if isinstance(engine, DuckDbEngine) else DuckDbEngine()


@contextmanager
def _engine(workspace: "Workspace") -> Iterator[duckdb.DuckDBPyConnection]:
    engine = engine_limits(workspace)
    with duckdb.connect(":memory:") as db:
        db.execute("SET TimeZone = 'UTC'")
        db.execute("SET memory_limit = ?", [engine.memory])
        db.execute("SET temp_directory = ?", [str(workspace.private_folder("var/engine"))])
        db.execute("SET enable_progress_bar = false")
        if engine.threads is not None:
            db.execute("SET threads = ?", [engine.threads])
        yield db


def _plain(checked: Checked) -> dict[str, Any]:
    return {
        "at": checked.at,
        "rows": checked.rows,
        "columns": {name: _told(figures) for name, figures in checked.columns.items()},
        "findings": [asdict(finding) for finding in checked.findings],
        "came": {name: asdict(counts) for name, counts in checked.came.items()},
        "slips": checked.slips,
    }


def _told(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Counts and the index, without fences, bins and words."""
    return {name: figures[name] for name in FIGURES}


def _remembered(name: str, waiting: Waiting) -> Checked:
    last = waiting.quality["last"]
    findings = [Finding(**finding) for finding in last["findings"]]
    came = {field: Came(**counts) for field, counts in last["came"].items()}
    slips = last.get("slips", {})
    return Checked(name, waiting.through, last["rows"], last["columns"], findings, came, slips, last["at"])


__all__ = ["Checked", "check_tables", "remember_came"]
