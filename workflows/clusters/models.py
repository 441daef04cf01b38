"""Fitted clusters in `var/clusters`, and how they do from run to run."""

from dataclasses import asdict, dataclass
from pathlib import Path

from passerelle.segmentation.clusters.assign import Standing
from passerelle.segmentation.clusters.model import ClusterModel
from passerelle.workflows.learning.models import Models


@dataclass(frozen=True, slots=True)
class Run:
    """How a model did at one instant (µs UTC)."""

    as_of: int
    version: str
    sizes: dict[int, int]
    none: int
    left_out: int
    silhouette: float
    calinski_harabasz: float


class ClusterModels(Models[ClusterModel, Run]):
    """The clusters in use."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "cluster", ClusterModel, Run)

    def before(self, name: str, definition: str, snapshot: str, as_of: int) -> ClusterModel | None:
        """The model that a fit of these inputs goes on from: that in use, or what that one went on from itself.

        The second where the same inputs were fitted already: they give the same model again.
        """
        now = self.get(name)
        if now is None or (now.definition, now.snapshot, now.as_of) != (definition, snapshot, as_of):
            return now
        return self.of(name, now.alignment.previous) if now.alignment.previous else None

    def note_standing(self, name: str, standing: Standing, as_of: int) -> None:
        """Remember how a model does at an instant."""
        self.note(name, Run(as_of, self[name].version, **asdict(standing)))
