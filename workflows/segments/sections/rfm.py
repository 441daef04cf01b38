"""Where everybody stands by recency and frequency, where the segment uses these scores."""

from passerelle.segmentation import RfmMap
from passerelle.segmentation.literals import in_words
from passerelle.segmentation.rfm_map import mapped
from passerelle.segmentation.wrong import model_place
from passerelle.workflows.report.blocks import listed
from passerelle.workflows.report.markup import Markup, joined, tag
from passerelle.workflows.segments.pictures import rfm_heat
from passerelle.workflows.segments.section import Asked, Section
from passerelle.workflows.segments.small import SMALL_GROUP


def applies(asked: Asked) -> bool:
    """Whether the segment, or one that it refers to, uses RFM scores."""
    return asked.run.needs_of(asked.segment).rfm is not None


def look(asked: Asked) -> RfmMap:
    """Count everybody by their scores."""
    return mapped(asked.run, asked.run.resolver.rfm(model_place()), SMALL_GROUP)


def draw(found: RfmMap) -> Markup:
    """The map of heat, and the groups."""
    lines = [
        (name.replace("_", " "), f"{worth.people:,}", in_words(worth.mean, found.money))
        for name, worth in found.groups.items()
    ]
    return joined(
        [
            tag("figure", rfm_heat(found)),
            listed(("Group", "People", "Mean of their money"), lines, numbers=2) if lines else None,
        ]
    )


SECTION = Section("Recency, frequency and money", applies, look, draw)
