"""Fit and apply a score of a workspace."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from passerelle.segmentation.learning.unfit import Unfit
from passerelle.segmentation.resolve import Resolver
from passerelle.segmentation.scores.fit import fit
from passerelle.segmentation.scores.known import Scores, ScoreStanding, drifted, unfit
from passerelle.segmentation.scores.model import ScoreModel
from passerelle.segmentation.scores.people import learnable, scores_of
from passerelle.workflows.engine import Unsaved, dataset, instant, located
from passerelle.workflows.learning.files import asked

if TYPE_CHECKING:
    from passerelle.segmentation.scores.file import ScoreFile
    from passerelle.workflows.verbs.contract import Progress
    from passerelle.workflows.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Told:
    """A model, what it was asked for, and why segments may not rest on it, where that is so."""

    model: ScoreModel
    file: "ScoreFile"
    unfit: Unfit | None


def file_of(workspace: "Workspace", name: str) -> "ScoreFile":
    """What scores/NAME.yaml asks for. Raises `DefinitionError` where there is no such file."""
    return asked(workspace.scores, "score", name)


def fit_score(workspace: "Workspace", name: str, *, as_of: int | None, now: int, progress: "Progress") -> Told:
    """Learn from past moments, the newest of which is the test, and put the model into use.

    The same inputs at the same instant give the same model. A weak one is kept, too, and holds back the segments that
    rest on it.
    """
    file, models = file_of(workspace, name), workspace.score_models()
    at = instant(as_of, now)
    with located(workspace):
        data = dataset(workspace)
        resolver = Resolver.of(workspace.model, workspace.segments, data)
        history = Unsaved(workspace.store())
        with progress.step(f"Reading people at past moments for {name}"):
            looked = learnable(name, file, resolver, data, as_of=at, history=history)
        with progress.step(f"Learning {name}"):
            model = fit(file, looked)
    models.keep(model)
    return told(workspace, name, at)


def apply_score(
    workspace: "Workspace", name: str, *, as_of: int | None, now: int, progress: "Progress"
) -> tuple[Told, ScoreStanding]:
    """What the model in use expects of everybody now, summed up and noted; nobody is sent anywhere."""
    at = instant(as_of, now)
    found = told(workspace, name, at)
    with located(workspace), progress.step(f"Applying {name} to people"):
        data = dataset(workspace)
        resolver = Resolver.of(workspace.model, workspace.segments, data)
        standing = scores_of([name], resolver, data, as_of=at, history=Unsaved(workspace.store()))[name].standing
    workspace.score_models().note_standing(name, standing, at)
    moved = drifted(data.scores, name, standing, None)
    return Told(found.model, found.file, found.unfit or moved), standing


def told(workspace: "Workspace", name: str, at: int) -> Told:
    """The model in use. Raises `HeldBack` where there is none."""
    file, models = file_of(workspace, name), workspace.score_models()
    problem = unfit(Scores(workspace.scores, models), name, None, at)
    if problem is not None and name not in models:
        raise problem.error
    return Told(models[name], file, problem)
