"""The people whom a cluster is about, and the group of each, by a fitted model."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from passerelle.segmentation.clusters.assign import Standing, assigned, standing
from passerelle.segmentation.clusters.everybody import Everybody, everybody
from passerelle.segmentation.clusters.file import ClusterFile
from passerelle.segmentation.clusters.model import NONE, ClusterModel
from passerelle.segmentation.clusters.sequences import sequences_of
from passerelle.segmentation.dataset import Dataset
from passerelle.segmentation.history import History
from passerelle.segmentation.learning.people import Looked, as_written, people_of, population_of, snapshot
from passerelle.segmentation.resolve import Resolver

_ROWS = pa.schema([("subject_id", pa.int64()), ("group", pa.string()), ("distance", pa.float64())])


@dataclass(frozen=True, slots=True)
class Grouped:
    """Everybody of a population: `subject_id`, `group` (null: none) and `distance`; and how the model does."""

    rows: pa.Table
    standing: Standing


def look(name: str, resolver: Resolver, dataset: Dataset, *, as_of: int, history: History) -> Looked:
    """The population of a cluster at the instant `as_of` (µs UTC), with its traits as people write them.

    Raises `Misdefined` before any data is read.
    """
    asked, journey = resolver.clustered(name), dataset.clusters.files[name].journey
    if journey is not None:
        seen = sequences_of(resolver, dataset, asked, journey, as_of=as_of, history=history)
        return Looked(seen, as_of, snapshot(resolver.catalogue.tables.values(), dataset))
    raw = people_of(resolver, dataset, asked.traits, asked.population, uses=asked.uses, as_of=as_of, history=history)
    return Looked(raw, as_of, snapshot(resolver.catalogue.tables.values(), dataset))


@contextmanager
def looking(
    name: str, resolver: Resolver, dataset: Dataset, *, as_of: int, history: History
) -> Iterator[tuple[Looked, Everybody | None]]:
    """What `look` finds; or, where the engine is asked to learn from so many by itself, some of them and everybody."""
    asked, file = resolver.clustered(name), dataset.clusters.files[name]
    if file.method != "kmeans":
        yield look(name, resolver, dataset, as_of=as_of, history=history), None
        return
    seen = snapshot(resolver.catalogue.tables.values(), dataset)
    with population_of(
        resolver, dataset, asked.traits, asked.population, uses=asked.uses, as_of=as_of, history=history
    ) as (run, people):
        all_of_them = everybody(run.session, people, asked.traits, file)
        found = run.session.fetch(people if all_of_them is None else all_of_them.some(file))
        yield Looked(as_written(found, asked.traits), as_of, seen), all_of_them


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
