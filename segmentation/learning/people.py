"""The people whom a model is about, with its traits as columns."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from passerelle.segmentation.compile.portable import Expr
from passerelle.segmentation.compile.walk import Needs
from passerelle.segmentation.dataset import Dataset, DatasetTable
from passerelle.segmentation.history import History
from passerelle.segmentation.literals import CENTS
from passerelle.segmentation.resolve import Resolver
from passerelle.segmentation.rules import Operand, Rule, Sort
from passerelle.segmentation.running import Evaluation, opened


@dataclass(frozen=True, slots=True)
class Looked:
    """What is looked at: a row per person (`subject_id` sorted) and a column per trait, of the whole population."""

    raw: pa.Table
    as_of: int
    snapshot: str
    """Digest of the files that it was computed from."""


def people_of(
    resolver: Resolver,
    dataset: Dataset,
    traits: Mapping[str, Operand],
    population: Rule | None,
    *,
    uses: Sequence[str],
    as_of: int,
    history: History,
) -> pa.Table:
    """Everybody of a population at the instant `as_of` (µs UTC), sorted by `subject_id`, with the value of each trait.

    Values are as people write them. `uses`: segments that the population refers to.
    """
    with population_of(resolver, dataset, traits, population, uses=uses, as_of=as_of, history=history) as (run, people):
        return as_written(run.session.fetch(people), traits)


@contextmanager
def population_of(
    resolver: Resolver,
    dataset: Dataset,
    traits: Mapping[str, Operand],
    population: Rule | None,
    *,
    uses: Sequence[str],
    as_of: int,
    history: History,
) -> Iterator[tuple[Evaluation, Expr]]:
    """An open run, and the same people in it: `subject_id` and, in the order of `traits`, `x0`, `x1` …, as stored."""
    chosen = resolver.reached(uses)
    needs = Needs.of(chosen.values())
    if population is not None:
        needs.add_rule(population)
    for operand in traits.values():
        needs.add_operand(operand)
    wanted = None if population is None else [population]
    with opened(resolver, chosen, needs, dataset=dataset, as_of=as_of, history=history, chosen_by=wanted) as run:
        compiler = run.compiler
        columns = {f"x{index}": compiler.value(operand) for index, operand in enumerate(traits.values())}
        people = compiler.people
        if population is not None:
            people = people.mutate(wanted=compiler.rule(population), **columns)
            people = people.filter(people.wanted).select("subject_id", *columns)
        else:
            people = people.select("subject_id", **columns)
        yield run, people


def as_written(found: pa.Table, traits: Mapping[str, Operand]) -> pa.Table:
    """These people, sorted, with the name of each trait and its values as people write them."""
    found = found.sort_by("subject_id")
    arrays = {"subject_id": found["subject_id"].cast(pa.int64())}
    for index, (trait, operand) in enumerate(traits.items()):
        arrays[trait] = _written(found[f"x{index}"], operand)
    return pa.table(arrays)


def snapshot(tables: Iterable[DatasetTable], dataset: Dataset) -> str:
    """A digest of what was read: the lake never changes a file, and never uses a name again."""
    files = sorted((table.name, *one) for table in tables for one in _content(table))
    gone = 0 if dataset.gone is None else len(dataset.gone)
    merged = 0 if dataset.merges is None else dataset.merges.num_rows
    return hashlib.sha256(json.dumps([files, gone, merged]).encode()).hexdigest()


def _content(table: DatasetTable) -> list[tuple[str, int]]:
    if table.named:
        return [(name, 0) for name in table.named]
    return [(file.name, file.stat().st_size) for file in table.files]


def _written(column: pa.ChunkedArray, operand: Operand) -> pa.ChunkedArray:
    """A column as people write it: money in its unit, yes and no as 1 and 0, texts as they are."""
    if operand.type.sort is Sort.TEXT:
        return column.cast(pa.string())
    if operand.type.sort is Sort.BOOLEAN:
        return column.cast(pa.int8()).cast(pa.float64())
    number = column.cast(pa.float64())
    return pc.divide(number, float(CENTS)) if operand.type.sort is Sort.MONEY else number
