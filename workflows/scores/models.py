"""Fitted scores in `var/scores`, and how they do from run to run."""

from dataclasses import asdict, dataclass
from pathlib import Path

from passerelle.segmentation.scores.known import ScoreStanding
from passerelle.segmentation.scores.model import ScoreModel
from passerelle.workflows.learning.models import Models


@dataclass(frozen=True, slots=True)
class Run:
    """How a model did at one instant (µs UTC)."""

    as_of: int
    version: str
    people: int
    mean: float
    drift: float
    drifted: str


class ScoreModels(Models[ScoreModel, Run]):
    """The scores in use."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "score", ScoreModel, Run)

    def note_standing(self, name: str, standing: ScoreStanding, as_of: int) -> None:
        """Remember how a model does at an instant."""
        self.note(name, Run(as_of, self[name].version, **asdict(standing)))
