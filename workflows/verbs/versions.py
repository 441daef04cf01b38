"""`segment diff · history · replay`: who came and went and why, what changed, and whether it can be computed again."""

from typing import TYPE_CHECKING

from pydantic import Field

from passerelle.workflows.verbs.contract import EXIT_CODES, AnyVerb, Environment, Outcome, Part, Request, Result, Verb

if TYPE_CHECKING:
    from rich.console import Console

    from passerelle.workflows.snapshots.manifest import Ids, Manifest
    from passerelle.workflows.snapshots.shelf import Shelf
    from passerelle.workflows.workspace import Workspace

_LAST = 60


# --- diff
class DiffRequest(Request):
    """Which segment, and which two of its snapshots."""

    name: str = Field(description="The segment.", json_schema_extra={"cli": "argument"})
    earlier: str | None = Field(
        None, description="The earlier snapshot; by default the latest, or the one before `--later`."
    )
    later: str | None = Field(None, description="The later snapshot; by default now, and nothing is saved.")
    list: int = Field(0, ge=0, le=10_000, description="Also list the references of so many who came and who went.")


class Moves(Part):
    """People who moved for one cause."""

    cause: str = Field(description="data, time, thresholds, models or rule.")
    meaning: str
    came: int
    went: int


class DiffResult(Result):
    """Who came and went between two runs."""

    segment: str = ""
    earlier: str = ""
    later: str = Field("", description="A snapshot, or `now`.")
    earlier_size: int = Field(0, description="People who were erased since are not counted.")
    later_size: int = 0
    came: int = 0
    went: int = 0
    causes: list[Moves] = Field(default_factory=list)
    unknown: list[str] = Field(default_factory=list, description="What is gone, so that nobody can say why.")
    came_refs: list[str] = Field(default_factory=list, description="References of people, where --list asks for them.")
    went_refs: list[str] = Field(default_factory=list, description="References of people, where --list asks for them.")


def run_diff(environment: Environment, request: DiffRequest) -> DiffResult:
    """Compare, and tell causes apart; save nothing."""
    from passerelle.workflows.snapshots.compare import CAUSES, compare
    from passerelle.workflows.snapshots.taking import shelf_of
    from passerelle.workflows.workspace import Workspace

    with (
        Workspace.open(environment.workspace) as workspace,
        environment.progress.step(f"Comparing runs of {request.name}"),
    ):
        shelf = shelf_of(workspace)
        later = None if request.later is None else shelf.find(_known(workspace, request.name), request.later)
        earlier = shelf.find(_known(workspace, request.name), request.earlier or _before(later))
        found = compare(workspace, earlier, later, now=environment.now())
        refs = [_refs(workspace, ids[: request.list]) for ids in (found.came_ids, found.went_ids)]
    causes = [
        Moves(cause=cause, meaning=meaning, came=found.came.get(cause, 0), went=found.went.get(cause, 0))
        for cause, meaning in CAUSES.items()
        if cause in found.came or cause in found.went
    ]
    return DiffResult(
        segment=request.name,
        earlier=found.earlier.shown,
        later=found.later.shown,
        earlier_size=len(found.earlier.members),
        later_size=len(found.later.members),
        came=len(found.came_ids),
        went=len(found.went_ids),
        causes=causes,
        unknown=list(found.unknown),
        came_refs=refs[0],
        went_refs=refs[1],
    )


def _known(workspace: "Workspace", name: str) -> str:
    """The segment's name. Raises `DefinitionError` where neither a file nor a snapshot is called so."""
    from passerelle.privacy.errors import DefinitionError
    from passerelle.workflows.settings.names import did_you_mean
    from passerelle.workflows.snapshots.taking import shelf_of

    known = {*workspace.segments, *shelf_of(workspace).segments()}
    if name not in known:
        raise DefinitionError(f"There is no such segment.{did_you_mean(name, known)}")
    return name


def _before(later: "Manifest | None") -> str | None:
    """The snapshot before another."""
    return later.before or later.id if later is not None else None


def _refs(workspace: "Workspace", ids: "Ids") -> list[str]:
    import pyarrow as pa

    if not len(ids):
        return []
    with workspace.store().read() as connection:
        found = workspace.subjects().refs(connection, pa.array(ids, pa.int64()))
    return [str(ref) for ref in found.drop_null().to_pylist()]


def render_diff(result: DiffResult, console: "Console") -> None:
    """Sizes, then why."""
    from passerelle.workflows.verbs.tables import number, table

    said = f"{result.earlier_size:,} people at {result.earlier}, {result.later_size:,} at {result.later}"
    console.print(f"{result.segment}: {said}; {result.came:,} came and {result.went:,} went.", markup=False)
    if result.causes:
        lines = table("Why", (), ("Came", "Went"), ("",))
        for row in result.causes:
            lines.add_row(number(row.came), number(row.went), row.meaning)
        console.print(lines, markup=False)
    for told in result.unknown:
        console.print(f"Nobody can say why. Gone: {told}", style="yellow", markup=False)
    for title, refs in (("Came", result.came_refs), ("Went", result.went_refs)):
        if refs:
            console.print(f"{title}: {' '.join(refs)}", markup=False)


# --- history
class HistoryRequest(Request):
    """Which segment."""

    name: str = Field(description="The segment.", json_schema_extra={"cli": "argument"})


class Changed(Part):
    """One place of a definition: what stood there, and what stands there since. Empty: nothing."""

    where: str
    before: str
    after: str


class Version(Part):
    """Runs in a row, by one version of the definition."""

    version: str
    since: str = Field(description="The first snapshot.")
    until: str = Field(description="The last snapshot.")
    runs: int
    first_size: int
    last_size: int
    changes: list[Changed] = Field(description="Against the version before.")


class RunKept(Part):
    """One snapshot."""

    snapshot: str
    version: str
    size: int
    came: int = Field(description="Since the snapshot before.")
    went: int = Field(description="Since the snapshot before.")


class HistoryResult(Result):
    """Versions, and the latest snapshots; the oldest first."""

    segment: str = ""
    versions: list[Version] = Field(default_factory=list)
    snapshots: list[RunKept] = Field(default_factory=list, description=f"The last {_LAST}.")


def run_history(environment: Environment, request: HistoryRequest) -> HistoryResult:
    """What snapshots say of themselves; nobody in them is looked at."""
    from itertools import groupby

    from passerelle.workflows.snapshots.taking import shelf_of
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        shelf = shelf_of(workspace)
        every = shelf.of(_known(workspace, request.name))
        versions: list[Version] = []
        before: Manifest | None = None
        for version, group in groupby(every, key=lambda each: each.version):
            runs = list(group)
            versions.append(
                Version(
                    version=version,
                    since=runs[0].id,
                    until=runs[-1].id,
                    runs=len(runs),
                    first_size=runs[0].members.count,
                    last_size=runs[-1].members.count,
                    changes=[] if before is None else _changes(shelf, before, runs[0]),
                )
            )
            before = runs[-1]
    kept = [
        RunKept(snapshot=each.id, version=each.version, size=each.members.count, came=each.came, went=each.went)
        for each in every[-_LAST:]
    ]
    return HistoryResult(segment=request.name, versions=versions, snapshots=kept)


def _changes(shelf: "Shelf", before: "Manifest", after: "Manifest") -> "list[Changed]":
    """What differs in the documents, then in the models."""
    from passerelle.workflows.snapshots.documents import edits

    found = [
        Changed(where=each.where, before=each.before, after=each.after)
        for each in edits(shelf.definition(before), shelf.definition(after))
    ]
    old, new = ({(each.kind, each.name): each.version[:12] for each in side.models} for side in (before, after))
    keys = [key for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]
    return found + [Changed(where=" ".join(k), before=old.get(k, ""), after=new.get(k, "")) for k in keys]


def render_history(result: HistoryResult, console: "Console") -> None:
    """Each version with what changed, then the latest snapshots."""
    from passerelle.workflows.verbs.tables import number, table

    for row in result.versions:
        told = f"{row.runs} run{'' if row.runs == 1 else 's'}, {row.first_size:,} people, then {row.last_size:,}"
        console.print(f"{row.version[:12]}  {row.since} to {row.until}: {told}", markup=False)
        for each in row.changes:
            console.print(f"    {each.where}: {each.before or 'nothing'} -> {each.after or 'nothing'}", markup=False)
    lines = table("Snapshots", ("Snapshot", "Version"), ("People", "Came", "Went"))
    for kept in result.snapshots:
        lines.add_row(kept.snapshot, kept.version[:12], *map(number, (kept.size, kept.came, kept.went)))
    console.print(lines, markup=False)


# --- replay
class ReplayRequest(Request):
    """Which segment, and which of its snapshots."""

    name: str = Field(description="The segment.", json_schema_extra={"cli": "argument"})
    snapshot: str | None = Field(None, description="The snapshot; by default the latest.")


class ReplayResult(Result):
    """Whether the same inputs gave the same members."""

    segment: str = ""
    snapshot: str = ""
    same: bool | None = Field(None, description="To the byte; null where inputs are gone, so that nobody can tell.")
    size_then: int = 0
    size_now: int = 0
    digest_then: str = Field("", description="SHA-256 of the sorted members, as 64-bit numbers.")
    digest_now: str = ""
    only_then: int = Field(0, description="People who were in, and are not by the replay.")
    only_now: int = Field(0, description="People who are in by the replay, and were not.")
    missing: list[str] = Field(default_factory=list, description="Inputs that are gone.")
    changed: list[str] = Field(default_factory=list, description="What else is not what it was.")
    erased: int = Field(0, description="People who were erased since, and are in neither.")


def run_replay(environment: Environment, request: ReplayRequest) -> ReplayResult:
    """Compute it again; save nothing."""
    from passerelle.workflows.snapshots.replay import replay
    from passerelle.workflows.snapshots.taking import shelf_of
    from passerelle.workflows.workspace import Workspace

    with (
        Workspace.open(environment.workspace) as workspace,
        environment.progress.step(f"Computing {request.name} again"),
    ):
        manifest = shelf_of(workspace).find(_known(workspace, request.name), request.snapshot)
        found = replay(workspace, manifest)
    outcome = Outcome.DONE if found.same else Outcome.HELD_BACK
    advice = {
        True: "",
        False: "The same inputs gave other members: `changed` says what is not what it was; if nothing is, tell us.",
        None: "Inputs are gone, so nobody can tell: `missing` says which.",
    }
    return ReplayResult(
        outcome=outcome,
        exit_code=EXIT_CODES[outcome],
        advice=advice[found.same],
        segment=request.name,
        snapshot=manifest.id,
        same=found.same,
        size_then=manifest.members.count,
        size_now=found.count,
        digest_then=manifest.members.digest,
        digest_now=found.digest,
        only_then=found.only_then,
        only_now=found.only_now,
        missing=list(found.missing),
        changed=list(found.changed),
        erased=manifest.erased,
    )


def render_replay(result: ReplayResult, console: "Console") -> None:
    """The verdict, then what is gone or changed."""
    verdict = {
        True: f"the same {result.size_then:,} people, to the byte.",
        False: f"NOT the same: {result.only_then:,} were in then, {result.only_now:,} are in now.",
        None: "nobody can tell.",
    }
    console.print(f"{result.segment} {result.snapshot}: {verdict[result.same]}", markup=False)
    for told in result.missing:
        console.print(f"Gone: {told}", style="yellow", markup=False)
    for told in result.changed:
        console.print(f"Changed: {told}", style="yellow", markup=False)


VERBS: list[AnyVerb] = [
    Verb(
        name="segment diff",
        help="Who came and went between two runs of a segment, or until now, and why. Nothing is saved.",
        request=DiffRequest,
        result=DiffResult,
        run=run_diff,
        render=render_diff,
    ),
    Verb(
        name="segment history",
        help="Versions of a segment with what changed between them, and its snapshots.",
        request=HistoryRequest,
        result=HistoryResult,
        run=run_history,
        render=render_history,
    ),
    Verb(
        name="segment replay",
        help="Compute a snapshot again from the same inputs: are the members the same to the byte? Nothing is saved.",
        request=ReplayRequest,
        result=ReplayResult,
        run=run_replay,
        render=render_replay,
    ),
]
