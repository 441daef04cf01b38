"""What a workspace's files say, once they are known to be right."""

from collections.abc import Container
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from passerelle.privacy.consent.notice import Notice
from passerelle.privacy.consent.policy import Policy
from passerelle.segmentation import ModelFile, SegmentFile
from passerelle.workflows.settings.audience import Audience
from passerelle.workflows.settings.document import Document
from passerelle.workflows.settings.project import Project
from passerelle.workflows.settings.unusable import Problem

if TYPE_CHECKING:
    from passerelle.segmentation.clusters.file import ClusterFile
    from passerelle.segmentation.quality.file import QualityFile
    from passerelle.segmentation.scores.file import ScoreFile


@dataclass(frozen=True, slots=True)
class Plugged:
    """A source or destination of the workspace: its class, and its settings as that class wants them."""

    kind: str
    cls: Any
    settings: Any


class Everything:
    """Holds every name."""

    def __contains__(self, name: object) -> bool:
        return True


@dataclass(slots=True)
class Loaded:
    """Everything a workspace's files say, validated. Dictionaries are by name."""

    project: Project
    policy: Policy
    notices: dict[str, Notice] = field(default_factory=dict)
    model: ModelFile | None = None
    segments: dict[str, SegmentFile] = field(default_factory=dict)
    audiences: dict[str, Audience] = field(default_factory=dict)
    sources: dict[str, Plugged] = field(default_factory=dict)
    destinations: dict[str, Plugged] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)
    """By file name as messages show it, such as `segments/lapsing.yaml`."""
    named: dict[str, frozenset[str]] = field(default_factory=dict)
    """By folder (`segments`), the names that have a file: also those whose file is wrong."""
    clusters: dict[str, "ClusterFile"] = field(default_factory=dict)
    scores: dict[str, "ScoreFile"] = field(default_factory=dict)
    quality: "QualityFile | None" = None
    checked_tables: Container[str] = ()
    """The lake's tables that are checked before segments see them: all of them where quality.yaml is wrong."""
    unready: list[Problem] = field(default_factory=list)
    """What is wrong with model, segments, models of people and audiences: while there is any, nobody is planned."""
