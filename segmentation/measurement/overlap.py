"""How many people segments share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

from passerelle.segmentation.dataset import Dataset
from passerelle.segmentation.evaluation import evaluating
from passerelle.segmentation.history import History
from passerelle.segmentation.language.documents import ModelFile, SegmentFile


@dataclass(frozen=True, slots=True)
class Shared:
    """People of two segments, and those in both."""

    one: int
    other: int
    both: int

    @property
    def of_one(self) -> float:
        """The part of the first segment that is in the other, too; 0 where it is empty."""
        return self.both / self.one if self.one else 0.0

    @property
    def of_other(self) -> float:
        """The part of the other that is in the first."""
        return self.both / self.other if self.other else 0.0

    @property
    def jaccard(self) -> float:
        """Those in both by those in at least one of them: 0 to 1."""
        either = self.one + self.other - self.both
        return self.both / either if either else 0.0


@dataclass(frozen=True, slots=True)
class Overlap:
    """`sizes` by segment, and `pairs` by the two names, in the order in which they were asked for."""

    sizes: Mapping[str, int]
    pairs: Mapping[tuple[str, str], Shared]


def overlap(
    names: Sequence[str],
    *,
    model: ModelFile,
    segments: Mapping[str, SegmentFile],
    dataset: Dataset,
    as_of: int,
    history: History,
) -> Overlap:
    """Of these segments, each named once, before their holdouts. Raises `Misdefined` before any data is read."""
    with evaluating(names, model=model, segments=segments, dataset=dataset, as_of=as_of, history=history) as run:
        flags = {f"m{n}": run.compiler.segment(run.segments[name]) for n, name in enumerate(names)}
        table = run.compiler.people.select("subject_id", **flags)
        places = list(combinations_with_replacement(range(len(names)), 2))
        both = {f"b{i}_{j}": (table[f"m{i}"] & table[f"m{j}"]).sum() for i, j in places}
        (row,) = run.session.fetch(table.aggregate(**both)).to_pylist()
    found = {(i, j): int(row[f"b{i}_{j}"] or 0) for i, j in places}
    return Overlap(
        {name: found[n, n] for n, name in enumerate(names)},
        {(names[i], names[j]): Shared(found[i, i], found[j, j], both_of) for (i, j), both_of in found.items() if i < j},
    )
