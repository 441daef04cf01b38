"""People who are more than one machine is asked to hold: they stay with the engine, which learns from all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import ibis
import numpy as np

from passerelle.segmentation.clusters.axes import axes_of
from passerelle.segmentation.clusters.file import ClusterFile
from passerelle.segmentation.clusters.model import Axes
from passerelle.segmentation.compile.portable import Expr
from passerelle.segmentation.compile.rules import drawn
from passerelle.segmentation.engines.contract import Learns
from passerelle.segmentation.engines.session import Session
from passerelle.segmentation.learning.model import Feature
from passerelle.segmentation.literals import CENTS
from passerelle.segmentation.rules import Operand, Sort

_ALL = Decimal(100)


@dataclass(frozen=True, slots=True)
class Everybody:
    """A population in an open session: in `table`, `subject_id` and, in the order of `traits`, `x0`, `x1` and so on."""

    people: int
    """With every value, or one that stands for it."""
    left_out: int
    session: Session
    learner: Learns
    table: Expr
    traits: Mapping[str, Operand]

    def some(self, file: ClusterFile) -> Expr:
        """About as many as the file looks at, by a hash: always the same ones."""
        percent = min(_ALL, (_ALL * file.most / self.people).quantize(Decimal("0.000001")))
        return self.table.filter(drawn(self.table.subject_id, Decimal(0), percent, f"cluster {file.seed}"))

    def axes(self, features: Sequence[Feature], keep: float) -> Axes:
        """The directions in which all of them differ most."""
        names = [f"f{place}" for place in range(len(features))]
        table = self.session.store("features", self._features(features))
        found = self.learner.directions(self.session.backend.place("features"), names)
        means = {name: table[name].mean() for name in names}
        spreads = {f"{name}_spread": table[name].var(how="sample") for name in names}
        (row,) = self.session.fetch(table.aggregate(**means, **spreads)).to_pylist()
        total = sum(float(row[name]) for name in spreads)
        values = np.array([share * total for share, _ in found])
        vectors = np.array([direction for _, direction in found]).T
        return axes_of(np.array([float(row[name]) for name in names]), values, vectors, keep)

    def middles(
        self, features: Sequence[Feature], turned: Axes | None, groups: int, seed: int
    ) -> list[tuple[int, list[float]]]:
        """K-means on all of them, along the axes where there are any: how many people, and their middle."""
        table = self._features(features)
        names = [f"f{place}" for place in range(len(features))]
        if turned is not None:
            along = {
                f"a{place}": sum(
                    (
                        (table[name] - mean) * weight
                        for name, mean, weight in zip(names, turned.mean, each, strict=True)
                    ),
                    ibis.literal(0.0),
                )
                for place, each in enumerate(turned.directions)
            }
            table, names = table.select(**along), list(along)
        self.session.store("measured", table)
        return self.learner.middles(self.session.backend.place("measured"), names, groups, seed)

    def _features(self, features: Sequence[Feature]) -> Expr:
        places = {trait: place for place, trait in enumerate(self.traits)}
        return self.table.select(
            **{
                f"f{number}": _scaled(self.table[f"x{places[each.trait]}"], self.traits[each.trait], each)
                for number, each in enumerate(features)
            }
        )


def everybody(session: Session, people: Expr, traits: Mapping[str, Operand], file: ClusterFile) -> Everybody | None:
    """A population (`subject_id`, `x0` …) that stays where it is; None where it is read here, as most are."""
    learner = session.backend
    if file.method != "kmeans" or not isinstance(learner, Learns) or learner.learns_above is None:
        return None
    table = session.store("population", people)
    needed = [table[f"x{place}"].notnull() for place, how in enumerate(file.traits.values()) if how.fill is None]
    known = table.filter(*needed) if needed else table
    (row,) = session.fetch(table.aggregate(everybody=table.count())).to_pylist()
    (complete,) = session.fetch(known.aggregate(known=known.count())).to_pylist()
    if complete["known"] <= learner.learns_above:
        return None
    return Everybody(complete["known"], row["everybody"] - complete["known"], session, learner, known, traits)


def _scaled(value: Expr, operand: Operand, feature: Feature) -> Expr:
    """As `features.matrix` has it."""
    if operand.type.sort is not Sort.TEXT:
        value = _number(value, operand)
    if feature.fill is not None:
        value = value.fill_null(feature.fill)
    if feature.category is not None:
        value = (value == feature.category).ifelse(1.0, 0.0)
    if feature.log:
        value = (value + 1.0).ln()
    return (value - feature.centre) / feature.spread


def _number(value: Expr, operand: Operand) -> Expr:
    if operand.type.sort is Sort.BOOLEAN:
        return ibis.cases((value, 1.0), (~value, 0.0), else_=ibis.null("float64"))
    number = value.cast("float64")
    return number / float(CENTS) if operand.type.sort is Sort.MONEY else number
