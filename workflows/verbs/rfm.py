"""`segment rfm`: how many people have which RFM scores, and what they are worth."""

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from passerelle.workflows.segments.small import SMALL_GROUP
from passerelle.workflows.verbs.contract import AnyVerb, Environment, Part, Request, Result, Verb
from passerelle.workflows.verbs.instants import AS_OF, as_of

if TYPE_CHECKING:
    from rich.console import Console


class RfmRequest(Request):
    """From when, and where the picture goes."""

    as_of: str | None = Field(None, description=AS_OF)
    out: Path | None = Field(None, description="A file for the map of heat (SVG).")


class ScoredCell(Part):
    """People with one recency score and one frequency score."""

    recency: int
    frequency: int
    people: int
    mean: str = Field(description="Of their money, as people read it.")


class ScoredGroup(Part):
    """People of one of the eleven groups."""

    group: str
    people: int
    mean: str = Field(description="Of their money, as people read it.")


class RfmResult(Result):
    """Cells and groups of fewer than 10 people are left out."""

    as_of: str = Field("", description="UTC.")
    bins: int = 0
    cells: list[ScoredCell] = Field(default_factory=list)
    groups: list[ScoredGroup] = Field(default_factory=list)
    small_cells: int = Field(0, description="Cells with people in them, but fewer than 10.")
    picture: str = Field("", description="The file that was written.")


def run(environment: Environment, request: RfmRequest) -> RfmResult:
    """Compute the scores; save nothing but the picture."""
    from passerelle.privacy.audit.times import iso
    from passerelle.segmentation.literals import in_words
    from passerelle.workflows.engine import instant, rfm_scores
    from passerelle.workflows.segments.pictures import rfm_heat
    from passerelle.workflows.workspace import Workspace

    now = environment.now()
    with Workspace.open(environment.workspace) as workspace, environment.progress.step("Computing RFM scores"):
        moment = instant(as_of(workspace, request.as_of, now), now)
        found = rfm_scores(workspace, as_of=moment, minimum=SMALL_GROUP)
    if request.out is not None:
        request.out.write_text(rfm_heat(found) + "\n", encoding="utf-8")
    return RfmResult(
        as_of=iso(moment),
        bins=found.bins,
        cells=[
            ScoredCell(recency=r, frequency=f, people=worth.people, mean=in_words(worth.mean, found.money))
            for (r, f), worth in sorted(found.cells.items(), reverse=True)
        ],
        groups=[
            ScoredGroup(group=name, people=worth.people, mean=in_words(worth.mean, found.money))
            for name, worth in found.groups.items()
        ],
        small_cells=found.small,
        picture=str(request.out or ""),
    )


def render(result: RfmResult, console: "Console") -> None:
    """The map as a table, then the groups."""
    from passerelle.workflows.verbs.tables import number, table

    cells = {(cell.recency, cell.frequency): cell for cell in result.cells}
    scores = range(1, result.bins + 1)
    lines = table("People by recency (R) and frequency (F)", ("R",), tuple(f"F {f}" for f in scores))
    for r in reversed(scores):
        lines.add_row(str(r), *(number(cells[r, f].people) if (r, f) in cells else "" for f in scores))
    console.print(lines, markup=False)
    if result.groups:
        groups = table("Groups", ("Group",), ("People", "Mean"))
        for row in result.groups:
            groups.add_row(row.group.replace("_", " "), number(row.people), row.mean)
        console.print(groups, markup=False)
    if result.small_cells:
        told = "One cell has" if result.small_cells == 1 else f"{result.small_cells} cells have"
        console.print(f"{told} fewer than {SMALL_GROUP} people: not shown.")


VERBS: list[AnyVerb] = [
    Verb(
        name="segment rfm",
        help="How many people have which RFM scores, and what they are worth; --out draws the map of heat.",
        request=RfmRequest,
        result=RfmResult,
        run=run,
        render=render,
    ),
]
