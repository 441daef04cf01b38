"""`ladder show`: how many people stand on which step, and who moved."""

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from passerelle.workflows.verbs.contract import AnyVerb, Environment, Part, Request, Result, Verb
from passerelle.workflows.verbs.instants import AS_OF, as_of

if TYPE_CHECKING:
    from rich.console import Console

    from passerelle.segmentation.journeys.ladders import LadderFigures
    from passerelle.workflows.workspace import Workspace


class LadderRequest(Request):
    """Which ladder, and since when."""

    name: str = Field(description="The ladder, as model.yaml calls it.", json_schema_extra={"cli": "argument"})
    since: str | None = Field(
        None, description="Who moved since then: an earlier date (and time), or a length of time such as 30d."
    )
    as_of: str | None = Field(None, description=AS_OF)
    out: Path | None = Field(None, description="A file for the picture (SVG).")


class LadderStanding(Part):
    """One step."""

    step: str
    people: int | None = Field(description="Null: fewer than 10, but not nobody.")


class LadderMove(Part):
    """Who went from one step to one step; who stayed, too."""

    before: str
    now: str
    people: int | None = Field(description="Null: fewer than 10, but not nobody.")
    share: float | None = Field(description="Of those who stood there before.")


class LadderResult(Result):
    """Where people stand. Of a ladder each person stands on exactly one step."""

    ladder: str = ""
    as_of: str = Field("", description="UTC.")
    steps: list[LadderStanding] = Field(default_factory=list, description="From the lowest.")
    since: str = Field("", description="UTC; empty where no moves were asked for.")
    up: int | None = Field(None, description="People who stand higher than then.")
    down: int | None = Field(None, description="People who stand lower than then.")
    stayed: int | None = None
    moves: list[LadderMove] = Field(default_factory=list)
    picture: str = Field("", description="The file that was written.")


def run(environment: Environment, request: LadderRequest) -> LadderResult:
    """Compute it, at both instants by the same rules; save nothing but the picture."""
    from passerelle.privacy.audit.times import iso
    from passerelle.workflows.engine import instant
    from passerelle.workflows.journeys.figures import ladder
    from passerelle.workflows.journeys.pictures import ladder_moves
    from passerelle.workflows.workspace import Workspace

    now = environment.now()
    with Workspace.open(environment.workspace) as workspace, environment.progress.step("Computing the ladder"):
        moment = instant(as_of(workspace, request.as_of, now), now)
        since = _since(workspace, request.since, moment)
        found = ladder(workspace, request.name, as_of=moment, since=since)
    if request.out is not None:
        request.out.write_text(ladder_moves(found) + "\n", encoding="utf-8")
    return LadderResult(
        ladder=found.name,
        as_of=iso(moment),
        steps=[
            LadderStanding(step=step, people=people) for step, people in zip(found.steps, found.people, strict=True)
        ],
        since="" if since is None else iso(since),
        up=found.moves and found.moves.up,
        down=found.moves and found.moves.down,
        stayed=found.moves and found.moves.stayed,
        moves=_moves(found),
        picture=str(request.out or ""),
    )


def _since(workspace: "Workspace", text: str | None, moment: int) -> int | None:
    """The earlier instant (µs UTC)."""
    from pydantic_core import PydanticCustomError

    from passerelle.privacy.errors import DefinitionError
    from passerelle.segmentation.language.words import seconds
    from passerelle.segmentation.literals import instant

    if text is None:
        return None
    try:
        return moment - seconds(text) * 1_000_000
    except PydanticCustomError:
        found = instant(text, workspace.model.timezone)
    if found is None or found >= moment:
        raise DefinitionError(
            "--since is no earlier date, and no length of time.",
            advice="Write 2026-11-20 or 30d.",
        )
    return found


def _moves(found: "LadderFigures") -> list[LadderMove]:
    if found.moves is None:
        return []
    made: list[LadderMove] = []
    for before, line in zip(found.steps, found.moves.people, strict=True):
        whole = None if None in line else sum(people or 0 for people in line)
        for now, people in zip(found.steps, line, strict=True):
            share = people / whole if people is not None and whole else None
            made.append(LadderMove(before=before, now=now, people=people, share=share))
    return made


def render(result: LadderResult, console: "Console") -> None:
    """The steps, the highest first, then who moved."""
    from passerelle.workflows.verbs.tables import number, table

    def told(people: int | None) -> str:
        return "few" if people is None else number(people)

    lines = table(f"The ladder {result.ladder}", ("Step",), ("People",))
    for row in reversed(result.steps):
        lines.add_row(row.step, told(row.people))
    console.print(lines, markup=False)
    if not result.since:
        return
    moved = table(f"Since {result.since}", ("From", "To"), ("People",))
    for move in result.moves:
        if move.before != move.now and move.people != 0:
            moved.add_row(move.before, move.now, told(move.people))
    console.print(moved, markup=False)
    console.print(f"Up {told(result.up)}, down {told(result.down)}, stayed {told(result.stayed)}.", markup=False)


VERBS: list[AnyVerb] = [
    Verb(
        name="ladder show",
        help="How many people stand on which step of a ladder of model.yaml; --since says who moved up and down.",
        request=LadderRequest,
        result=LadderResult,
        run=run,
        render=render,
    ),
]
