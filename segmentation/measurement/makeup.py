"""Who a segment's people are, beside everybody else: by the values of a dimension, or by its mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import ibis

from passerelle.segmentation.compile.events import MICRO
from passerelle.segmentation.compile.portable import Expr
from passerelle.segmentation.compile.thresholds import moments
from passerelle.segmentation.dataset import Dataset
from passerelle.segmentation.evaluation import Evaluation, evaluating
from passerelle.segmentation.history import History
from passerelle.segmentation.language.documents import ModelFile, SegmentFile
from passerelle.segmentation.literals import CENTS, in_words
from passerelle.segmentation.measurement.statistics import Association, Mean, association, standardised
from passerelle.segmentation.rules import Sort

_MOST = 1_000
REST = "…"
"""Values that too few people have to be told apart."""


@dataclass(frozen=True, slots=True)
class Cell:
    """People with one value: those in the segment, and all others."""

    value: str
    members: int
    others: int


@dataclass(frozen=True, slots=True)
class Values:
    """A dimension of values. `cells` are empty where too few people are in the segment, or outside, to tell."""

    by: str
    cells: Sequence[Cell]
    test: Association | None
    """Whether the dimension has to do with being in the segment."""

    def share(self, cell: Cell) -> float:
        """Of the segment's people."""
        return cell.members / sum(each.members for each in self.cells)

    def share_of_others(self, cell: Cell) -> float:
        """Of all others."""
        return cell.others / sum(each.others for each in self.cells)

    def difference(self, cell: Cell) -> float:
        """Of the two shares, in standard deviations; 0 where neither varies."""
        one, other = self.share(cell), self.share_of_others(cell)
        spread = sqrt((one * (1 - one) + other * (1 - other)) / 2)
        return 0.0 if spread == 0 else (one - other) / spread


@dataclass(frozen=True, slots=True)
class Figures:
    """A dimension of numbers: the means of those who have one. None: too few people have one."""

    by: str
    members: Mean | None
    others: Mean | None

    @property
    def difference(self) -> float | None:
        """Of the two means, in standard deviations."""
        return None if self.members is None or self.others is None else standardised(self.members, self.others)


def makeup(
    name: str,
    dimensions: Sequence[str],
    *,
    model: ModelFile,
    segments: Mapping[str, SegmentFile],
    dataset: Dataset,
    as_of: int,
    history: History,
    minimum: int,
) -> list[Values | Figures]:
    """The segment's people, before its holdout, by each trait or attribute. Numbers, amounts and dates have means.

    `minimum`: of fewer people nothing is told; values that fewer have are put together.
    """
    with evaluating(
        [name], model=model, segments=segments, dataset=dataset, as_of=as_of, history=history, extra=dimensions
    ) as run:
        member = run.compiler.segment(run.segments[name])
        return [_dimension(run, member, each, minimum) for each in dimensions]


def _dimension(run: Evaluation, member: Expr, by: str, minimum: int) -> Values | Figures:
    kind = run.resolver.named(by).type
    numeric = kind.sort in {Sort.NUMBER, Sort.MONEY}
    return _figures(run, member, by, minimum) if numeric else _values(run, member, by, minimum)


def _values(run: Evaluation, member: Expr, by: str, minimum: int) -> Values:
    operand = run.resolver.named(by)
    table = run.compiler.people.select(value=run.compiler.value(operand), member=member)
    counts = {"members": table.member.sum(), "people": table.count()}
    grouped = table.group_by("value").aggregate(**counts)
    ordered = grouped.order_by(ibis.desc("people"), ibis.asc("value")).limit(_MOST)
    rows = run.session.fetch(ordered).to_pylist()
    (whole,) = run.session.fetch(table.aggregate(**counts)).to_pylist()
    cells = [
        Cell(in_words(row["value"], operand.type), int(row["members"]), int(row["people"]) - int(row["members"]))
        for row in rows
    ]
    members, people = int(whole["members"] or 0), int(whole["people"])
    beyond = Cell(
        REST, members - sum(each.members for each in cells), people - members - sum(each.others for each in cells)
    )
    told = merged(cells, beyond, minimum)
    return Values(by, told, association([[each.members for each in told], [each.others for each in told]]))


def merged(cells: Sequence[Cell], beyond: Cell, minimum: int) -> list[Cell]:
    """Cells of which each may be told, the greatest first; those that may not are put together, with `beyond`.

    Where that is still too small, the smallest of the others goes with it. Nobody is lost. Empty where even everybody
    together is too few.
    """
    ordered = sorted(cells, key=lambda each: (-each.members - each.others, each.value))
    told = [each for each in ordered if _tellable(each, minimum)]
    for each in ordered:
        if not _tellable(each, minimum):
            beyond = _with(beyond, each)
    while told and not _tellable(beyond, minimum) and beyond.members + beyond.others:
        beyond = _with(beyond, told.pop())
    if beyond.members + beyond.others:
        told.append(beyond)
    return told if all(_tellable(each, minimum) for each in told) else []


def _with(beyond: Cell, cell: Cell) -> Cell:
    return Cell(beyond.value, beyond.members + cell.members, beyond.others + cell.others)


def _tellable(cell: Cell, minimum: int) -> bool:
    """Nobody, or enough, on either side; and enough in all."""
    fine = all(count == 0 or count >= minimum for count in (cell.members, cell.others))
    return fine and cell.members + cell.others >= minimum


def _figures(run: Evaluation, member: Expr, by: str, minimum: int) -> Figures:
    operand = run.resolver.named(by)
    table = run.compiler.people.select(g=member, v=run.compiler.value(operand))
    found = moments(table.filter(table.v.notnull()), whole=operand.type.whole)
    scale = CENTS if operand.type.sort is Sort.MONEY else 1 if operand.type.whole else MICRO
    means = {
        bool(row["g"]): Mean.of_sums(int(row["n"]), int(row["total"]), int(row["squares"]), scale)
        for row in run.session.fetch(found).to_pylist()
        if row["n"] >= minimum
    }
    return Figures(by, means.get(True), means.get(False))
