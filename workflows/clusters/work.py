"""Fit and apply a cluster of a workspace."""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from passerelle.privacy.errors import HeldBack
from passerelle.segmentation.clusters.assign import Standing
from passerelle.segmentation.clusters.fit import fit
from passerelle.segmentation.clusters.known import unfit
from passerelle.segmentation.clusters.model import ClusterModel
from passerelle.segmentation.clusters.people import groups_of, looking
from passerelle.segmentation.learning.unfit import Unfit
from passerelle.segmentation.resolve import Resolver
from passerelle.workflows.engine import Unsaved, dataset, instant, located
from passerelle.workflows.learning.files import asked

if TYPE_CHECKING:
    from passerelle.segmentation.clusters.file import ClusterFile
    from passerelle.workflows.verbs.contract import Progress
    from passerelle.workflows.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Told:
    """A model, what it was asked for, and why segments may not rest on it, where that is so."""

    model: ClusterModel
    file: "ClusterFile"
    unfit: Unfit | None


def file_of(workspace: "Workspace", name: str) -> "ClusterFile":
    """What clusters/NAME.yaml asks for. Raises `DefinitionError` where there is no such file."""
    return asked(workspace.clusters, "cluster", name)


def fit_cluster(workspace: "Workspace", name: str, *, as_of: int | None, now: int, progress: "Progress") -> Told:
    """Fit a model to today's people and put it into use; labels go on from the one before.

    The same inputs at the same instant give the same model. One that is not stable is kept, too, and holds back the
    segments that rest on it.
    """
    file, models = file_of(workspace, name), workspace.models()
    at = instant(as_of, now)
    with located(workspace):
        data = dataset(workspace)
        resolver = Resolver.of(workspace.model, workspace.segments, data)
        history = Unsaved(workspace.store())
        with ExitStack() as read:
            with progress.step(f"Reading the people of {name}"):
                looked, everybody = read.enter_context(looking(name, resolver, data, as_of=at, history=history))
            with progress.step(f"Finding groups by {file.method}"):
                before = models.before(name, file.digest, looked.snapshot, at)
                model = fit(file, looked, before, everybody)
        models.keep(model)
        found = groups_of([name], resolver, data, as_of=at, history=history)
        models.note_standing(name, found[name].standing, at)
    return told(workspace, name, at)


def apply_cluster(
    workspace: "Workspace", name: str, *, as_of: int | None, now: int, progress: "Progress"
) -> tuple[Told, Standing]:
    """Everybody's group by the model in use, counted and noted; nobody is sent anywhere."""
    file_of(workspace, name)
    at = instant(as_of, now)
    found = told(workspace, name, at)
    with located(workspace), progress.step(f"Assigning people to the groups of {name}"):
        data = dataset(workspace)
        resolver = Resolver.of(workspace.model, workspace.segments, data)
        standing = groups_of([name], resolver, data, as_of=at, history=Unsaved(workspace.store()))[name].standing
    workspace.models().note_standing(name, standing, at)
    return found, standing


def told(workspace: "Workspace", name: str, at: int) -> Told:
    """The model in use. Raises `HeldBack` where there is none."""
    from passerelle.segmentation.clusters.known import Clusters

    file, models = file_of(workspace, name), workspace.models()
    problem = unfit(Clusters(workspace.clusters, models), name, set(), None, at)
    if name not in models:
        raise HeldBack(problem.reason if problem else "", advice=problem.advice if problem else "")
    return Told(models[name], file, problem)
