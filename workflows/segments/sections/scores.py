"""How good the scores are that the segment rests on: ROC and calibration."""

from typing import TYPE_CHECKING

from passerelle.workflows.report.markup import Markup, joined, tag
from passerelle.workflows.scores.report import quality
from passerelle.workflows.segments.section import Asked, Section

if TYPE_CHECKING:
    from passerelle.segmentation.scores.model import ScoreModel


def applies(asked: Asked) -> bool:
    """Whether the segment, or one that it refers to, uses scores."""
    return bool(asked.run.needs_of(asked.segment).scores)


def look(asked: Asked) -> "list[ScoreModel]":
    """The models in use."""
    models = asked.run.dataset.scores.models
    return [models[name] for name in sorted(asked.run.needs_of(asked.segment).scores)]


def draw(found: "list[ScoreModel]") -> Markup:
    """Of each score, what is asked, and how well it is known."""
    return joined([joined([tag("h3", each.score), tag("p", f"{each.question}."), quality(each)]) for each in found])


SECTION = Section("Scores", applies, look, draw)
