"""`segment snapshot`: keep who is in a segment now, and all that this rests on."""

from typing import TYPE_CHECKING

from pydantic import Field

from passerelle.workflows.verbs.contract import AnyVerb, Environment, Request, Result, Verb
from passerelle.workflows.verbs.instants import AS_OF, as_of

if TYPE_CHECKING:
    from rich.console import Console


class SnapshotRequest(Request):
    """Which segment, and from when."""

    name: str = Field(description="The segment.", json_schema_extra={"cli": "argument"})
    as_of: str | None = Field(None, description=AS_OF)


class SnapshotResult(Result):
    """What was kept."""

    segment: str = ""
    snapshot: str = Field("", description="Its id, for `segment diff` and `segment replay`.")
    as_of: str = Field("", description="UTC.")
    version: str = Field("", description="Digest of the definition with everything that it refers to.")
    size: int = 0
    came: int = Field(0, description="Since the snapshot before.")
    went: int = Field(0, description="Since the snapshot before.")


def run(environment: Environment, request: SnapshotRequest) -> SnapshotResult:
    """Compute the segment and keep it; its thresholds are saved as those of any run."""
    from passerelle.privacy.audit.times import iso
    from passerelle.privacy.errors import DefinitionError
    from passerelle.workflows.engine import dataset, run_segments
    from passerelle.workflows.snapshots.taking import Computed, keep_snapshots
    from passerelle.workflows.workspace import Workspace

    now = environment.now()
    with Workspace.open(environment.workspace) as workspace:
        if not workspace.settings.snapshots.keep_days:
            raise DefinitionError(
                "No snapshot is kept here.", advice="Let `snapshots: keep_days` of passerelle.yaml be more than 0."
            )
        data, at = dataset(workspace), as_of(workspace, request.as_of, now)
        found = run_segments(workspace, [request.name], as_of=at, now=now, progress=environment.progress, data=data)
        if (held := found[request.name].held) is not None:
            raise held.error
        (kept,) = keep_snapshots(workspace, Computed(found, data), run=environment.run_id, now=now)
    return SnapshotResult(
        segment=kept.segment,
        snapshot=kept.id,
        as_of=iso(kept.as_of),
        version=kept.version,
        size=kept.members.count,
        came=kept.came,
        went=kept.went,
    )


def render(result: SnapshotResult, console: "Console") -> None:
    """One line."""
    moved = f"{result.came:,} came and {result.went:,} went since the one before"
    console.print(f"{result.segment} {result.snapshot}: {result.size:,} people; {moved}.", markup=False)


VERBS: list[AnyVerb] = [
    Verb(
        name="segment snapshot",
        help="Keep who is in a segment now, and all that this rests on. Every sync does so by itself.",
        request=SnapshotRequest,
        result=SnapshotResult,
        run=run,
        render=render,
        recorded=True,
    ),
]
