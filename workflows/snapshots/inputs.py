"""What a snapshot rested on, as it was: rules, data, models; and what of it is gone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from passerelle.privacy.errors import DefinitionError, IntegrityError
from passerelle.segmentation import Dataset, DatasetTable, History, ModelFile, SegmentFile, ThresholdValue
from passerelle.segmentation.clusters.file import ClusterFile
from passerelle.segmentation.clusters.known import Clusters
from passerelle.segmentation.clusters.model import ClusterModel
from passerelle.segmentation.fitted import FOLDER, Fitted, read
from passerelle.segmentation.scores.file import ScoreFile
from passerelle.segmentation.scores.known import Scores
from passerelle.segmentation.scores.model import ScoreModel
from passerelle.workflows.settings.load import validated
from passerelle.workflows.snapshots.manifest import Manifest, ModelThen, TableThen, ThresholdThen

if TYPE_CHECKING:
    from passerelle.workflows.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Rules:
    """The documents of a snapshot, or those of now."""

    model: ModelFile
    segments: Mapping[str, SegmentFile]
    clusters: Mapping[str, ClusterFile]
    scores: Mapping[str, ScoreFile]


def rules_of(documents: Mapping[str, Any]) -> Rules:
    """Kept documents, read as strictly as the workspace's own. Raises `DefinitionError` where that fails."""
    segments, clusters, scores = dict[str, SegmentFile](), dict[str, ClusterFile](), dict[str, ScoreFile]()
    model: ModelFile | None = None
    try:
        for shown, data in documents.items():
            folder, _, file = shown.rpartition("/")
            name = file.rpartition(".")[0]
            if shown == "model.yaml":
                model = validated(ModelFile, data)
            elif folder == "segments":
                segments[name] = validated(SegmentFile, data)
            elif folder == "clusters":
                clusters[name] = validated(ClusterFile, data)
            elif folder == "scores":
                scores[name] = validated(ScoreFile, data)
    except ValidationError:
        model = None
    if model is None:
        raise DefinitionError(
            "The definition that was kept cannot be read by this version of the program.",
            advice="Read it with the version that the snapshot names.",
        )
    return Rules(model, segments, clusters, scores)


def tables_then(workspace: "Workspace", tables: Mapping[str, TableThen], gone: list[str]) -> dict[str, DatasetTable]:
    """The lake's tables as they were; `gone` is told of those whose files are not there any more."""
    found: dict[str, DatasetTable] = {}
    for name, then in tables.items():
        missing, paths = workspace.lake().as_then(name, then.files)
        if missing:
            gone.append(
                f"{missing} of {len(paths)} files of the lake's table {name}: what was pulled since was merged into it."
            )
        found[name] = DatasetTable(name, then.grain, then.columns, paths)
    return found


def with_models(
    workspace: "Workspace", data: Dataset, rules: Rules, models: Sequence[ModelThen], gone: list[str]
) -> Dataset:
    """The same tables with these models and numbers; `gone` is told of those that are not on file any more."""
    on_file = {name: file.versions for name, file in read(workspace.folder / FOLDER).items()}
    fitted, clusters, scores = dict[str, Fitted](), dict[str, ClusterModel](), dict[str, ScoreModel]()
    for each in models:
        if each.kind == "fitted":
            versions = {str(one.version): one for one in on_file.get(each.name, [])}
            if each.version in versions:
                fitted[each.name] = versions[each.version]
            else:
                gone.append(f"Version {each.version} of the numbers that `{each.name}` is scaled with.")
            continue
        try:
            if each.kind == "cluster":
                clusters[each.name] = workspace.models().of(each.name, each.version)
            else:
                scores[each.name] = workspace.score_models().of(each.name, each.version)
        except IntegrityError:
            gone.append(f"The model {each.version[:12]} of the {each.kind} `{each.name}`.")
    found, learnt = Clusters(rules.clusters, clusters), Scores(rules.scores, scores)
    return replace(data, fitted=fitted, clusters=found, scores=learnt)


def moved(workspace: "Workspace", manifest: Manifest, people: str) -> list[str]:
    """What is there and not what it was, in sentences: who is whom, program, engine."""
    from importlib.metadata import version

    said: list[str] = []
    if manifest.people != people:
        said.append("People turned out to be the same, or were erased, since.")
    if manifest.program != version("passerelle"):
        said.append(f"It was made by version {manifest.program} of the program.")
    if manifest.engine != workspace.settings.engine.kind:
        said.append(f"It was computed by {manifest.engine}.")
    return said


class Pinned:
    """Thresholds as they were in a run, wherever the same is asked; else another history. Nothing is saved."""

    def __init__(self, thresholds: Sequence[ThresholdThen], otherwise: History) -> None:
        self._then = {(each.name, each.group): each for each in thresholds}
        self._otherwise = otherwise

    def last(self, name: str, group: str, *, before: int) -> ThresholdValue | None:
        """See `History`: a value that stands, as if a person had accepted it."""
        then = self._then.get((name, group))
        if then is None:
            return self._otherwise.last(name, group, before=before)
        return ThresholdValue(name, group, before, then.value, then.definition, accepted=True)

    def series(self, name: str) -> list[ThresholdValue]:
        """See `History`."""
        return self._otherwise.series(name)

    def save(self, values: Sequence[ThresholdValue]) -> None:
        """Keep nothing."""
