"""Who came and went between two runs of a segment, and why.

Why is told apart by evaluating, one step after the other, on the later run's data: what the earlier rule says of it at
the earlier instant (data changed), then at the later one (time passed), then with the later thresholds, then with the
later models, and at last by the later rule. Whoever moved, moved at the last step that changed whether they are in.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from passerelle.privacy.errors import DefinitionError
from passerelle.segmentation import Dataset, History, evaluate
from passerelle.segmentation.resolve import Resolver
from passerelle.workflows.engine import Unsaved, dataset, erased, instant, located
from passerelle.workflows.snapshots.inputs import Pinned, Rules, rules_of, tables_then, with_models
from passerelle.workflows.snapshots.manifest import Ids, Manifest, ModelThen, TableThen, ThresholdThen
from passerelle.workflows.snapshots.taking import models_of, people_of, shelf_of, tables_of, thresholds_of

if TYPE_CHECKING:
    from passerelle.workflows.workspace import Workspace

CAUSES: Mapping[str, str] = {
    "data": "other data: people and events that were pulled, merged or erased since",
    "time": "time passed: windows moved on",
    "thresholds": "thresholds moved",
    "models": "models were fitted anew",
    "rule": "the rule changed",
}
"""In the order in which they are told apart."""


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One of the two runs: a snapshot, or now."""

    shown: str
    as_of: int
    version: str
    members: Ids
    rules: Rules
    tables: Mapping[str, TableThen]
    thresholds: Sequence[ThresholdThen]
    models: Sequence[ModelThen]
    people: str


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """Who came and went. `came` and `went` are by cause, and empty where `unknown` says why nobody can tell.

    `came_ids` and `went_ids` are the people themselves.
    """

    earlier: Side
    later: Side
    came_ids: Ids
    went_ids: Ids
    came: Mapping[str, int] = field(default_factory=dict)
    went: Mapping[str, int] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()


def compare(workspace: "Workspace", earlier: Manifest, later: Manifest | None, *, now: int) -> Difference:
    """What became of a snapshot by another, or by now. Nothing is saved.

    People are who they turned out to be today; whoever was erased is in neither.
    """
    with located(workspace):
        data = dataset(workspace)
        first = _then(workspace, earlier)
        last = _now(workspace, earlier.segment, data, now) if later is None else _then(workspace, later)
        came = np.setdiff1d(last.members, first.members, assume_unique=True)
        went = np.setdiff1d(first.members, last.members, assume_unique=True)
        gone: list[str] = []
        data = Dataset(tables_then(workspace, last.tables, gone), data.merges, data.gone, data.engine)
        old = with_models(workspace, data, first.rules, first.models, gone)
        new = with_models(workspace, data, first.rules, last.models, gone)
        if gone:
            return Difference(first, last, came, went, unknown=tuple(dict.fromkeys(gone)))
        steps = _Steps(workspace, earlier.segment, first, last, old, new)
        try:
            causes, states = steps.run()
        except DefinitionError:
            told = "The earlier rule speaks of something that the later data does not have."
            return Difference(first, last, came, went, unknown=(told,))
    return Difference(first, last, came, went, counted(causes, states, came), counted(causes, states, went))


def _then(workspace: "Workspace", manifest: Manifest) -> Side:
    shelf = shelf_of(workspace)
    members = shelf.members(manifest)
    with workspace.store().read() as connection:
        today = workspace.subjects().follow(connection, pa.array(members, pa.int64())).to_numpy()
    return Side(
        manifest.id,
        manifest.as_of,
        manifest.version,
        np.setdiff1d(today, erased(workspace).to_numpy()),
        rules_of(shelf.definition(manifest)),
        manifest.tables,
        manifest.thresholds,
        manifest.models,
        manifest.people,
    )


def _now(workspace: "Workspace", segment: str, data: Dataset, now: int) -> Side:
    rules = Rules(workspace.model, workspace.segments, workspace.clusters, workspace.scores)
    at = instant(None, now)
    found = evaluate(
        [segment],
        model=rules.model,
        segments=rules.segments,
        dataset=data,
        as_of=at,
        history=Unsaved(workspace.store()),
    )[segment]
    if found.held is not None:
        raise found.held.error
    resolver = Resolver.of(rules.model, rules.segments, data)
    resolver.reached([segment])
    return Side(
        "now",
        at,
        found.version,
        found.subject_ids.to_numpy(),
        rules,
        tables_of(data),
        thresholds_of(found),
        models_of(found, data, set(resolver.catalogue.names().values())),
        people_of(data),
    )


@dataclass(slots=True)
class _Steps:
    """The way from the earlier members to the later ones.

    `old` and `new`: the later data, with the earlier and with the later models.
    """

    workspace: "Workspace"
    segment: str
    first: Side
    last: Side
    old: Dataset
    new: Dataset

    def run(self) -> tuple[list[str], list[Ids]]:
        """The causes that can have mattered, and the members after each; before the first, the earlier ones."""
        steps = [(cause, said) for cause, differs, said in self._steps() if differs]
        states = [self.first.members]
        for place, (_, said) in enumerate(steps):
            states.append(self.last.members if place == len(steps) - 1 else said(states[-1]))
        if not steps:  # the same inputs: whatever differs lies in what snapshots do not know
            return ["data"], [self.first.members, self.last.members]
        return [cause for cause, _ in steps], states

    def _steps(self) -> Iterator[tuple[str, bool, Callable[[Ids], Ids]]]:
        first, last = self.first, self.last
        then = Pinned(first.thresholds, Unsaved(self.workspace.store()))
        later = Pinned(last.thresholds, Unsaved(self.workspace.store()))
        files = (first.tables, first.people) != (last.tables, last.people)
        edges = _values(first.thresholds) != _values(last.thresholds)
        models = first.models != last.models
        yield "data", files, lambda before: self._evaluated(before, self.old, first.as_of, then)
        yield "time", first.as_of != last.as_of, lambda before: self._evaluated(before, self.old, last.as_of, then)
        yield "thresholds", edges, lambda before: self._evaluated(before, self.old, last.as_of, later)
        yield "models", models, lambda before: self._evaluated(before, self.new, last.as_of, later)
        yield "rule", first.version != last.version, lambda _before: last.members

    def _evaluated(self, before: Ids, data: Dataset, as_of: int, history: History) -> Ids:
        """Who is in by the earlier rule; `before`, where a model holds it back."""
        rules = self.first.rules
        found = evaluate(
            [self.segment], model=rules.model, segments=rules.segments, dataset=data, as_of=as_of, history=history
        )[self.segment]
        members: Ids = found.subject_ids.to_numpy()
        return before if found.held is not None else members


def _values(thresholds: Sequence[ThresholdThen]) -> dict[tuple[str, str], object]:
    return {(each.name, each.group): each.value for each in thresholds}


def counted(causes: Sequence[str], states: Sequence[Ids], moved: Ids) -> dict[str, int]:
    """Those who moved, by the last step that changed whether they are in."""
    flags: list[npt.NDArray[np.bool_]] = [np.isin(moved, state) for state in states]
    last = np.zeros(len(moved), np.int64)
    for place in range(1, len(states)):
        last[flags[place] != flags[place - 1]] = place
    counts = np.bincount(last, minlength=len(states))
    return {cause: int(counts[place]) for place, cause in enumerate(causes, 1) if counts[place]}
