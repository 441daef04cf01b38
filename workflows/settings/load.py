"""Loads a workspace's files, checks them against their models and each other, and reports everything at once."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from passerelle.privacy.consent.notice import Notice
from passerelle.privacy.consent.policy import Policy
from passerelle.privacy.errors import DefinitionError
from passerelle.segmentation import ModelFile, SegmentFile
from passerelle.workflows.settings import plugins
from passerelle.workflows.settings.audience import Audience
from passerelle.workflows.settings.cross import cross_check
from passerelle.workflows.settings.document import Document, Place, Value, read
from passerelle.workflows.settings.loaded import Everything, Loaded, Plugged
from passerelle.workflows.settings.names import PROJECT, QUALITY
from passerelle.workflows.settings.problems import from_definition, from_validation
from passerelle.workflows.settings.project import Project
from passerelle.workflows.settings.unusable import Problem, Unusable

if TYPE_CHECKING:
    from passerelle.segmentation.clusters.file import ClusterFile
    from passerelle.segmentation.quality.file import QualityFile
    from passerelle.segmentation.scores.file import ScoreFile

M = TypeVar("M", bound=BaseModel)


def load(folder: Path) -> Loaded:
    """Load the workspace in `folder`. Raises `Unusable` with every problem of every file.

    Where only model, segments or audiences are wrong, it returns: those are `Loaded.unready`, and the parts of the
    workspace that they describe must not be used. A misspelt segment keeps nobody from withdrawing.
    """
    if not (folder / PROJECT).is_file():
        raise DefinitionError(
            f"There is no {PROJECT} in this folder, so it is no workspace.",
            advice="Go to a workspace, name one with --workspace DIR, or make one with `passerelle init DIR`.",
        )
    return _Loader(folder).load()


def policy_file(path: Path) -> Policy:
    """One policy that stands anywhere, read as strictly as policy.yaml. Raises `DefinitionError`, or `Unusable`."""
    document = read(path, path.name)
    try:
        return validated(Policy, document.data)
    except ValidationError as problem:
        raise Unusable(list(from_validation(problem, Policy, document, ()))) from None


class _Loader:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._problems: list[Problem] = []
        self._unready: list[Problem] = []
        self._documents: dict[str, Document] = {}
        self._named: dict[str, frozenset[str]] = {}

    def load(self) -> Loaded:
        project = self._file(PROJECT, Project)
        policy = self._file("policy.yaml", Policy)
        model = self._file("model.yaml", ModelFile) if (self._folder / "model.yaml").exists() else None
        quality = self._expected() if (self._folder / QUALITY).exists() else None
        notices = self._folder_of("notices", "id", lambda: Notice)
        segments = self._folder_of("segments", "segment", lambda: SegmentFile)
        clusters = self._folder_of("clusters", "cluster", _cluster)
        scores = self._folder_of("scores", "score", _score)
        audiences = self._folder_of("audiences", "audience", lambda: Audience)
        sources = self._plugged(project, "sources") if project else {}
        destinations = self._plugged(project, "destinations") if project else {}
        if project is None or policy is None:
            raise Unusable([*self._problems, *self._unready])
        loaded = Loaded(
            project, policy, notices, model, segments, audiences, sources, destinations, self._documents, self._named
        )
        loaded.quality = quality
        loaded.clusters = clusters
        loaded.scores = scores
        for problem in cross_check(loaded):
            self._note(problem.file, [problem])
        if self._problems:
            raise Unusable([*self._problems, *self._unready])
        loaded.unready = self._unready
        wrong = any(problem.file == QUALITY for problem in self._unready)
        loaded.checked_tables = Everything() if wrong else frozenset(quality.tables if quality else ())
        return loaded

    def _note(self, shown: str, problems: Iterable[Problem]) -> None:
        """Keep problems of the file `shown` where they belong."""
        of_rules = shown in {"model.yaml", QUALITY} or shown.startswith(
            ("segments/", "clusters/", "scores/", "audiences/")
        )
        (self._unready if of_rules else self._problems).extend(problems)

    def _file(self, shown: str, model: type[M]) -> M | None:
        try:
            document = read(self._folder / shown, shown)
        except DefinitionError as problem:
            self._note(shown, [Problem("", 0, _with_advice(problem))])
            return None
        self._documents[shown] = document
        return self._validated(document, model, document.data)

    def _validated(self, document: Document, model: type[M], data: Value, at: Place = ()) -> M | None:
        try:
            return validated(model, data)
        except ValidationError as problem:
            self._note(document.shown, from_validation(problem, model, document, at))
        except DefinitionError as problem:
            self._note(document.shown, from_definition(problem, document, at))
        return None

    def _expected(self) -> "QualityFile | None":
        """quality.yaml, with what its files of corrections say."""
        from passerelle.workflows.settings.dictionaries import with_dictionaries

        found = self._file(QUALITY, _quality())
        try:
            return None if found is None else with_dictionaries(found, self._folder)
        except DefinitionError as problem:
            self._note(QUALITY, from_definition(problem, self._documents[QUALITY]))
        return None

    def _folder_of(self, folder: str, key: str, model: Callable[[], type[M]]) -> dict[str, M]:
        """The files of one folder by name; `model` is asked for only where there are any."""
        found: dict[str, M] = {}
        files = list(yaml_files(self._folder / folder))
        self._named[folder] = frozenset(path.stem for path in files)
        for path in files:
            shown = f"{folder}/{path.name}"
            value = self._file(shown, model())
            if value is None:
                continue
            name = str(getattr(value, key))
            if name != path.stem:
                line = self._documents[shown].line_of((key,))
                self._note(shown, [Problem(shown, line, f"`{key}` must be the file's name, `{path.stem}`.")])
            found[path.stem] = value
        return found

    def _plugged(self, project: Project, section: str) -> dict[str, Plugged]:
        group: plugins.Group = "passerelle.sources" if section == "sources" else "passerelle.destinations"
        found: dict[str, Plugged] = {}
        document = self._documents[PROJECT]
        for name, data in getattr(project, section).items():
            at: Place = (section, name)
            kind = data.get("kind")
            if not isinstance(kind, str):
                known = ", ".join(f"`{word}`" for word in plugins.kinds(group))
                message = f"`{section}.{name}.kind` is missing. Known kinds: {known}."
                self._problems.append(Problem(document.shown, document.line_of(at), message))
                continue
            try:
                cls = plugins.load(group, kind)
            except DefinitionError as problem:
                self._problems += from_definition(problem, document, at)
                continue
            settings = self._validated(document, cls.Settings, data, at)
            if settings is not None:
                found[name] = Plugged(kind, cls, settings)
        return found


# Few workspaces have these files, and making their models takes longer than reading all the others.


def _quality() -> "type[QualityFile]":
    from passerelle.segmentation.quality.file import QualityFile

    return QualityFile


def _cluster() -> "type[ClusterFile]":
    from passerelle.segmentation.clusters.file import ClusterFile

    return ClusterFile


def _score() -> "type[ScoreFile]":
    from passerelle.segmentation.scores.file import ScoreFile

    return ScoreFile


def read_file(path: Path, model: type[M]) -> M:
    """One file in `model`'s shape, read as strictly as a workspace's own. Raises `Unusable` with all that is wrong."""
    document = read(path, path.name)
    try:
        return validated(model, document.data)
    except ValidationError as problem:
        raise Unusable(from_validation(problem, model, document)) from None


def validated(model: type[M], data: Value) -> M:
    """`data` in `model`'s shape, strictly: no text becomes a number or a truth value. Dates and paths are text."""
    return model.model_validate_json(json.dumps(data), strict=True)


def yaml_files(folder: Path) -> Iterator[Path]:
    """The YAML files directly in `folder`, by name; none where it does not exist."""
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if path.suffix in {".yaml", ".yml"})


def _with_advice(error: DefinitionError) -> str:
    return f"{error.message} {error.advice}".strip()
