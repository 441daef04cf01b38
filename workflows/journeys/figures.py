"""Funnels, ladders and journeys of a workspace, at one instant. Nothing is saved; of few people nothing is told."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from passerelle.segmentation import Evaluation, evaluating
from passerelle.segmentation.journeys.funnels import FunnelFigures, funnel_figures
from passerelle.segmentation.journeys.ladders import LadderFigures, ladder_figures, standing
from passerelle.segmentation.journeys.ways import JourneyFigures, journey_figures
from passerelle.segmentation.resolve_journeys import LADDER
from passerelle.workflows.engine import Unsaved, dataset, located
from passerelle.workflows.segments.small import SMALL_GROUP

if TYPE_CHECKING:
    from passerelle.workflows.workspace import Workspace


@contextmanager
def _opened(
    workspace: "Workspace", as_of: int, *, names: Sequence[str] = (), extra: Sequence[str] = ()
) -> Iterator[Evaluation]:
    with (
        located(workspace),
        evaluating(
            names,
            model=workspace.model,
            segments=workspace.segments,
            dataset=dataset(workspace),
            as_of=as_of,
            history=Unsaved(workspace.store()),
            extra=extra,
        ) as run,
    ):
        yield run


def funnel(workspace: "Workspace", name: str, *, as_of: int, by: str | None) -> FunnelFigures:
    """How far people come, also by a trait or attribute. Raises `DefinitionError` with file and line."""
    with _opened(workspace, as_of, extra=[] if by is None else [by]) as run:
        return funnel_figures(run, name, minimum=SMALL_GROUP, by=by)


def ladder(workspace: "Workspace", name: str, *, as_of: int, since: int | None) -> LadderFigures:
    """How many people stand where, and who moved since an earlier instant."""
    names, before = [f"{LADDER}{name}"], None
    if since is not None:
        with _opened(workspace, since, names=names) as run:
            before = standing(run, name)
    with _opened(workspace, as_of, names=names) as run:
        return ladder_figures(run, name, minimum=SMALL_GROUP, before=before, since=since or 0)


def journey(workspace: "Workspace", name: str, *, as_of: int) -> JourneyFigures:
    """Which way people take."""
    with _opened(workspace, as_of) as run:
        return journey_figures(run, name, minimum=SMALL_GROUP)
