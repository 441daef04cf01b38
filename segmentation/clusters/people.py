"""The people whom a cluster is about, with its traits as columns; and the group of each, by a fitted model."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from passerelle.segmentation.clusters.assign import Standing, assigned, standing
from passerelle.segmentation.clusters.file import ClusterFile
from passerelle.segmentation.clusters.fit import Looked
from passerelle.segmentation.clusters.model import NONE, ClusterModel
from passerelle.segmentation.compile.walk import Needs
from passerelle.segmentation.dataset import Dataset, DatasetTable
from passerelle.segmentation.history import History
from passerelle.segmentation.literals import CENTS
from passerelle.segmentation.resolve import Resolver
from passerelle.segmentation.rules import Operand, Sort
from passerelle.segmentation.running import opened

_ROWS = pa.schema([("subject_id", pa.int64()), ("group", pa.string()), ("distance", pa.float64())])


@dataclass(frozen=True, slots=True)
class Grouped:
    """Everybody of a population: `subject_id`, `group` (null: none) and `distance`; and how the model does."""

    rows: pa.Table
    standing: Standing


def look(name: str, resolver: Resolver, dataset: Dataset, *, as_of: int, history: History) -> Looked:
    """The population of a cluster at the instant `as_of` (µs UTC), sorted, with its traits as people write them.

    Raises `Misdefined` before any data is read.
    """
    clustered = resolver.clustered(name)
    chosen = resolver.reached(clustered.uses)
    needs = Needs()
    for segment in chosen.values():
        for rule in (segment.where, *segment.exclude):
            needs.add_rule(rule)
    if clustered.population is not None:
        needs.add_rule(clustered.population)
    for _, operand in clustered.traits:
        needs.add_operand(operand)
    with opened(resolver, chosen, needs, dataset=dataset, as_of=as_of, history=history) as run:
        compiler = run.compiler
        columns = {f"x{index}": compiler.value(operand) for index, (_, operand) in enumerate(clustered.traits)}
        people = compiler.people
        if clustered.population is not None:
            people = people.mutate(wanted=compiler.rule(clustered.population), **columns)
            people = people.filter(people.wanted).select("subject_id", *columns)
        else:
            people = people.select("subject_id", **columns)
        found = run.session.fetch(people)
    found = found.sort_by("subject_id")
    arrays = {"subject_id": found["subject_id"].cast(pa.int64())}
    for index, (trait, operand) in enumerate(clustered.traits):
        arrays[trait] = _written(found[f"x{index}"], operand)
    return Looked(pa.table(arrays), as_of, snapshot(resolver.catalogue.tables.values(), dataset))


def groups_of(
    names: Iterable[str], resolver: Resolver, dataset: Dataset, *, as_of: int, history: History
) -> dict[str, Grouped]:
    """Each person's group, by the model of each of these clusters; all of them have one."""
    found: dict[str, Grouped] = {}
    for name in names:
        looked = look(name, resolver, dataset, as_of=as_of, history=history)
        found[name] = assigned_to(dataset.clusters.files[name], dataset.clusters.models[name], looked.raw)
    return found


def assigned_to(file: ClusterFile, model: ClusterModel, raw: pa.Table) -> Grouped:
    """The groups of these people, as the file calls them."""
    labels, distance = assigned(model, raw)
    called = {label: file.name_of(label) for label in sorted(set(model.labels))}
    numbers = pa.array(labels, mask=labels == NONE)
    places = pc.index_in(numbers, pa.array(list(called), pa.int64()))
    group = pa.array(list(called.values()), pa.string()).take(places)
    rows = [raw["subject_id"], group, pa.array(distance, from_pandas=True)]
    return Grouped(pa.table(rows, schema=_ROWS), standing(model, raw, labels, distance))


def snapshot(tables: Iterable[DatasetTable], dataset: Dataset) -> str:
    """A digest of what was read: the lake never changes a file, and never uses a name again."""
    files = sorted((table.name, file.name, file.stat().st_size) for table in tables for file in table.files)
    gone = 0 if dataset.gone is None else len(dataset.gone)
    merged = 0 if dataset.merges is None else dataset.merges.num_rows
    return hashlib.sha256(json.dumps([files, gone, merged]).encode()).hexdigest()


def _written(column: pa.ChunkedArray, operand: Operand) -> pa.ChunkedArray:
    """A column as people write it: money in its unit, yes and no as 1 and 0, texts as they are."""
    if operand.type.sort is Sort.TEXT:
        return column.cast(pa.string())
    if operand.type.sort is Sort.BOOLEAN:
        return column.cast(pa.int8()).cast(pa.float64())
    number = column.cast(pa.float64())
    return pc.divide(number, float(CENTS)) if operand.type.sort is Sort.MONEY else number
