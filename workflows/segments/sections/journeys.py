"""The way that the segment's people take: how far they come in each funnel, and each journey's graph."""

from dataclasses import dataclass

import pyarrow as pa

from passerelle.segmentation.journeys.funnels import FunnelFigures, funnel_figures
from passerelle.segmentation.journeys.ways import JourneyFigures, journey_figures
from passerelle.workflows.journeys.pictures import funnel_bars, journey_graph
from passerelle.workflows.report.markup import Markup, joined, tag
from passerelle.workflows.segments.section import Asked, Section
from passerelle.workflows.segments.small import SMALL_GROUP


@dataclass(frozen=True, slots=True)
class Taken:
    """The figures of those in the segment, its holdout left out."""

    funnels: tuple[FunnelFigures, ...]
    journeys: tuple[JourneyFigures, ...]


def applies(asked: Asked) -> bool:
    """Whether model.yaml has any, and the segment is not too small."""
    model = asked.workspace.model
    return bool(model.funnels or model.journeys) and asked.membership.size >= SMALL_GROUP


def look(asked: Asked) -> Taken:
    """Follow the segment's people."""
    model, run = asked.workspace.model, asked.run
    members = run.session.put("members", pa.table({"subject_id": asked.membership.subject_ids}))
    return Taken(
        tuple(funnel_figures(run, name, minimum=SMALL_GROUP, among=members) for name in model.funnels),
        tuple(journey_figures(run, name, minimum=SMALL_GROUP, among=members) for name in model.journeys),
    )


def draw(found: Taken) -> Markup:
    """A picture for each, but of journeys that so few people took that nothing may be told."""
    told = [each for each in found.journeys if each.ways]
    return joined(
        [
            *(tag("figure", funnel_bars(each)) for each in found.funnels),
            *(tag("figure", journey_graph(each)) for each in told),
            *(
                tag("p", f"Of the journey {each.name} nothing can be told: too few people went any way of it.")
                for each in found.journeys
                if each not in told
            ),
        ]
    )


SECTION = Section("The way they take", applies, look, draw)
