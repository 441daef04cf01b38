"""Keep what a run computed: who was in each segment, and all that this rests on."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from passerelle.segmentation import Dataset, Membership
from passerelle.segmentation.resolve import Resolver
from passerelle.workflows.engine import erased
from passerelle.workflows.snapshots.files import FOLDER
from passerelle.workflows.snapshots.manifest import Ids, Manifest, ModelThen, TableThen, ThresholdThen
from passerelle.workflows.snapshots.shelf import Shelf, draft_members

if TYPE_CHECKING:
    from passerelle.workflows.workspace import Workspace

_OTHERS = ("segments", "audiences", "notices")
"""Folders whose files say nothing of a segment, but for the segments that it refers to."""


@dataclass(frozen=True, slots=True, eq=False)
class Computed:
    """What a run computed, and of which data."""

    memberships: Mapping[str, Membership]
    data: Dataset


def shelf_of(workspace: "Workspace") -> Shelf:
    """The snapshots of a workspace."""
    return Shelf(workspace.private_folder(FOLDER))


def keep_snapshots(workspace: "Workspace", found: Computed, *, run: str, now: int) -> list[Manifest]:
    """Keep each segment that could be computed, if the settings ask for it, and destroy what is too old."""
    shelf, days = shelf_of(workspace), workspace.settings.snapshots.keep_days
    shelf.expire(keep_days=days, now=now)
    if not days:
        return []
    kept = [each for _, each in sorted(found.memberships.items()) if each.held is None]
    if not kept:
        return []
    basis = _Basis.of(workspace, found.data)
    return [_keep(workspace, shelf, each, basis, run, now) for each in kept]


@dataclass(frozen=True, slots=True, eq=False)
class _Basis:
    """What all segments of a run rest on, found out once."""

    data: Dataset
    resolver: Resolver
    tables: dict[str, TableThen]
    people: str

    @classmethod
    def of(cls, workspace: "Workspace", data: Dataset) -> "_Basis":
        resolver = Resolver.of(workspace.model, workspace.segments, data)
        return cls(data, resolver, tables_of(data), people_of(data))


def _keep(workspace: "Workspace", shelf: Shelf, each: Membership, basis: _Basis, run: str, now: int) -> Manifest:
    reached = basis.resolver.reached([each.name])
    draft = Manifest(
        id="",
        segment=each.name,
        version=each.version,
        definition="",
        as_of=each.as_of,
        made_at=now,
        run=run,
        engine=workspace.settings.engine.kind,
        program=version("passerelle"),
        population=each.population,
        excluded=each.excluded,
        held_out=each.held_out,
        members=draft_members(),
        thresholds=thresholds_of(each),
        models=models_of(each, basis.data, set(basis.resolver.catalogue.names().values())),
        tables=basis.tables,
        people=basis.people,
    )
    members: Ids = each.subject_ids.to_numpy()
    gone = erased(workspace)  # as it is now: who was asked to be erased meanwhile is not kept
    return shelf.keep(draft, members[~np.isin(members, gone.to_numpy())], dict(_documents(workspace, set(reached))))


def thresholds_of(each: Membership) -> list[ThresholdThen]:
    """The thresholds that were in force."""
    return [
        ThresholdThen(
            name=one.name,
            group=one.group,
            value=one.value,
            shown=one.shown,
            definition=one.definition,
            people=one.people,
            kept=one.kept,
        )
        for one in each.thresholds
    ]


def models_of(each: Membership, data: Dataset, names: set[str]) -> list[ModelThen]:
    """Everything fitted that a segment rests on; `names`: of the traits that it uses."""
    found = [ModelThen(kind=one.kind, name=one.name, version=one.version) for one in each.models]
    used = sorted(names & set(data.fitted))
    return found + [ModelThen(kind="fitted", name=name, version=str(data.fitted[name].version)) for name in used]


def tables_of(data: Dataset) -> dict[str, TableThen]:
    """The lake's tables and their files."""
    return {
        name: TableThen(
            grain=table.grain,
            columns=dict(table.columns),
            files=list(table.named) or [path.name for path in table.files],
        )
        for name, table in sorted(data.tables.items())
    }


def people_of(data: Dataset) -> str:
    """A digest of who turned out to be whom, and who was erased."""
    said = hashlib.sha256()
    if data.merges is not None:
        for column in data.merges.sort_by("subject_id").select(["subject_id", "merged_into"]).columns:
            said.update(np.ascontiguousarray(column.to_numpy(), "<i8").tobytes())
    said.update(b"gone")
    gone = data.gone if data.gone is not None else pa.array([], pa.int64())
    said.update(np.sort(gone.to_numpy(zero_copy_only=False)).astype("<i8").tobytes())
    return said.hexdigest()


def _documents(workspace: "Workspace", reached: set[str]) -> Iterator[tuple[str, Any]]:
    """What files say of these segments, by file: model.yaml, they themselves, and what they may rest on."""
    for shown, document in workspace.loaded.documents.items():
        folder, _, file = shown.rpartition("/")
        named = folder == "segments" and file.rpartition(".")[0] in reached
        if shown == "model.yaml" or named or (folder and folder not in _OTHERS):
            yield shown, document.data
