"""Thresholds of a run: computed, held against the last run by their guards, and remembered."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import ibis
import pyarrow as pa

from passerelle.privacy.errors import DefinitionError
from passerelle.segmentation.breaks import breaks
from passerelle.segmentation.compile import days, thresholds
from passerelle.segmentation.compile.events import MICRO
from passerelle.segmentation.compile.portable import Expr
from passerelle.segmentation.compile.rules import Compiler, Group
from passerelle.segmentation.engines.session import Session
from passerelle.segmentation.history import History, ThresholdValue
from passerelle.segmentation.literals import in_words
from passerelle.segmentation.rules import Operand, Rfm, Rule, Threshold, ThresholdRef, Top, digest

_MANY_GROUPS = 1_000
_MANY_VALUES, _MANY_VALUES_OF_GROUPS = 10_000, 1_000
"""Of more different values, natural breaks are found on a grid of so many."""
_SURPRISING = Fraction(3, 2)


@dataclass(frozen=True, slots=True)
class InForce:
    """A threshold's value in this run, and where it comes from. Values are in stored units: money in cents."""

    name: str
    group: str
    """Empty: everybody."""
    kind: str
    value: Decimal | None
    shown: str
    """As people read it: money in euros and cents."""
    previous: Decimal | None = None
    previous_shown: str = ""
    kept: bool = False
    """The guard kept the previous value, since the new one jumped."""
    computed: Decimal | None = None
    """What would stand without the guard."""
    definition: str = ""
    share: float | None = None
    """Of a quantile: the share of people who really reach it; more than asked for where many values are equal."""
    people: int | None = None
    """How many people's values it rests on; None where it does not rest on people's values."""
    accepted: bool = False
    """A person took the new value, although it jumped."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a query said of one group."""

    value: Decimal | None
    share: float | None = None
    people: int | None = None


class Adapter:
    """Computes the edges of scores and the values of thresholds, into a compiler."""

    def __init__(self, session: Session, compiler: Compiler, history: History, population: int) -> None:
        self._population = population
        self._session = session
        self._compiler = compiler
        self._history = history

    def scores(self, rfm: Rfm) -> None:
        """The edges of the three scores."""
        amounts = [Fraction(index, rfm.bins) for index in range(1, rfm.bins)]
        for part, operand in (("r", rfm.recency), ("f", rfm.frequency), ("m", rfm.monetary)):
            rows = self._session.fetch(thresholds.quantiles(self._values(operand, rfm.over, None), amounts)).to_pylist()
            row = rows[0] if rows else {}
            self._compiler.scores[part] = [_decimal(row[f"q{i}"]) for i in range(len(amounts))] if row else []

    def top(self, rule: Top) -> None:
        """The value from which on somebody is among the greatest."""
        share = None if rule.percent is None else Fraction(rule.percent) / 100
        values = self._values(rule.operand, None, None)
        rows = self._session.fetch(thresholds.edge(values, share=share, number=rule.n or 0)).to_pylist()
        least = rows[0]["least"] if rows else None
        self._compiler.tops[rule] = None if least is None else _decimal(least)

    def threshold(self, reference: ThresholdRef) -> list[InForce]:
        """One threshold, a value per group."""
        found = self._found(reference.threshold)
        definition = digest(reference.threshold)
        made = [self._guarded(reference, group, value, definition) for group, value in found.items()]
        self._compiler.thresholds[reference.label] = {
            group: item.value for group, item in zip(found, made, strict=True)
        }
        return made

    def _found(self, threshold: Threshold) -> dict[Group, Found]:
        match threshold.kind:
            case "fixed":
                return {None: Found(threshold.amount)}
            case "quantile":
                return self._quantile(threshold)
            case "z_score":
                return self._z_score(threshold)
            case "natural_breaks":
                return self._natural_breaks(threshold)
            case "moving_average":
                return self._moving_average(threshold)

    def _quantile(self, threshold: Threshold) -> dict[Group, Found]:
        values = self._values(_of(threshold), threshold.over, threshold.by)
        rows = self._session.fetch(thresholds.quantiles(values, [Fraction(threshold.amount)]))
        return _by_group(
            rows,
            threshold,
            [Found(_decimal(r["q0"]), 1 - int(r["below0"]) / int(r["n"]), int(r["n"])) for r in rows.to_pylist()],
        )

    def _z_score(self, threshold: Threshold) -> dict[Group, Found]:
        operand = _of(threshold)
        whole = operand.type.whole
        rows = self._session.fetch(thresholds.moments(self._values(operand, threshold.over, threshold.by), whole=whole))
        found = [
            Found(
                thresholds.z_value(threshold.amount, r["n"], r["total"], r["squares"], whole=whole), people=int(r["n"])
            )
            for r in rows.to_pylist()
        ]
        return _by_group(rows, threshold, found)

    def _natural_breaks(self, threshold: Threshold) -> dict[Group, Found]:
        whole, scale = _of(threshold).type.whole, 1 if _of(threshold).type.whole else MICRO
        values = self._values(_of(threshold), threshold.over, threshold.by)
        extent = self._session.fetch(thresholds.extent(values, whole=whole)).to_pylist()[0]
        if not extent["distinct"]:
            return {} if threshold.by else {None: Found(None)}
        low, most = int(extent["low"]), _MANY_VALUES if threshold.by is None else _MANY_VALUES_OF_GROUPS
        step = 1 if extent["distinct"] <= most else -(-(int(extent["high"]) - low + 1) // most)
        rows = self._session.fetch(thresholds.counted(values, whole=whole, low=low, step=step))
        parted: dict[Group, dict[int, int]] = {}
        for row in rows.to_pylist():
            parted.setdefault(row["g"] if threshold.by else None, {})[int(row["x"])] = int(row["k"])
        found: dict[Group, Found] = {}
        for group, counts in parted.items():
            line = sorted(counts)
            edges = breaks(line, [counts[value] for value in line], int(threshold.amount))
            value = None if edges is None else Decimal(edges[-threshold.reach]) / scale
            found[group] = Found(value, people=sum(counts.values()))
        return _few(found)

    def _moving_average(self, threshold: Threshold) -> dict[Group, Found]:
        metric = threshold.metric
        if metric is None:  # pragma: no cover - a moving average has one
            return {None: Found(None)}
        groups, sizes = self._grouped(threshold.by)
        rows = self._session.fetch(days.daily(threshold, metric, self._session, self._compiler.as_of, groups))
        scale = 1 if metric.type.whole else MICRO
        by_day: dict[Group, dict[int, Fraction]] = {group: {} for group in sizes}
        for row in rows.to_pylist():
            amount = Fraction(int(row["amount"] or 0), scale)
            active = row["people"] if metric.per == "active_person" else 1
            by_day[row["g"] if threshold.by else None][int(row["day"])] = amount / active
        found: dict[Group, Found] = {}
        for group, amounts in by_day.items():
            if metric.per == "active_person":
                line = list(amounts.values())
            else:
                everybody = sizes[group] if metric.per == "person" else 1
                line = [amounts.get(day, Fraction()) / everybody for day in range(threshold.days)] if everybody else []
            found[group] = Found(thresholds.mean_of_days(line), people=sizes[group] if threshold.by else None)
        return _few(found)

    def _grouped(self, by: Operand | None) -> tuple[Expr | None, dict[Group, int]]:
        """Each person's group, where they have one, and how many people each group has; without `by`, everybody."""
        if by is None:
            return None, {None: self._population}
        table = self._compiler.people.select("subject_id", g=self._compiler.value(by))
        groups = table.filter(table.g.notnull())
        rows = self._session.fetch(groups.group_by("g").aggregate(n=groups.count()))
        return groups, {row["g"]: int(row["n"]) for row in rows.to_pylist()}

    def _values(self, operand: Operand, over: Rule | None, by: Operand | None) -> Expr:
        """`v` and its group `g`, of people who have both and belong to `over`."""
        group = ibis.literal(0) if by is None else self._compiler.value(by)
        wanted = ibis.literal(True) if over is None else self._compiler.rule(over)
        table = self._compiler.people.select(v=self._compiler.value(operand), g=group, wanted=wanted)
        return table.filter(table.wanted, table.v.notnull(), table.g.notnull()).select("g", "v")

    def _guarded(self, reference: ThresholdRef, group: Group, found: Found, definition: str) -> InForce:
        name, text = reference.label, _text(group)
        last, now = None, self._compiler.as_of.microseconds
        if reference.threshold.kind != "fixed":
            last = self._history.last(name, text, before=now)
        if last is not None and last.definition != definition:
            last = None
        previous = None if last is None else last.value
        accepted = last is not None and last.as_of == now
        kept = not accepted and _jumped(previous, found.value, reference.max_change)
        value = previous if kept or accepted else found.value
        kind = reference.threshold.type
        before = "" if previous is None else in_words(previous, kind)
        return InForce(
            name,
            text,
            reference.threshold.kind,
            value,
            in_words(value, kind),
            previous,
            before,
            kept,
            found.value,
            definition,
            found.share,
            found.people,
            accepted,
        )


def remember(history: History, in_force: Sequence[InForce], as_of: int) -> None:
    """Save the values of thresholds that adapt."""
    history.save(
        [
            ThresholdValue(item.name, item.group, as_of, item.value, item.definition, item.kept, item.accepted)
            for item in in_force
            if item.kind != "fixed"
        ]
    )


def warnings(references: Sequence[ThresholdRef], in_force: Sequence[InForce]) -> list[str]:
    """What a reader should know: kept values, and quantiles that take far more people than they say."""
    amounts = {reference.label: reference.threshold.amount for reference in references}
    found: list[str] = []
    for item in in_force:
        group = f" ({item.group})" if item.group else ""
        if item.kept:
            found.append(f"The threshold {item.name}{group} jumped, so its guard kept the previous value {item.shown}.")
        asked = 1 - amounts[item.name]
        if item.share is not None and Fraction(item.share) > Fraction(asked) * _SURPRISING:
            found.append(
                f"The threshold {item.name}{group} is reached by {item.share:.0%} of people rather than {asked:.0%}, "
                "because many have the same value."
            )
    return found


def _of(threshold: Threshold) -> Operand:
    if threshold.of is None:  # pragma: no cover - these kinds have one
        raise TypeError(threshold.kind)
    return threshold.of


def _by_group(rows: pa.Table, threshold: Threshold, found: list[Found]) -> dict[Group, Found]:
    if threshold.by is None:
        return {None: found[0] if found else Found(None)}
    return _few(dict(zip(rows.column("g").to_pylist(), found, strict=True)))


def _few(found: dict[Group, Found]) -> dict[Group, Found]:
    """The same, in the order of groups. Raises `DefinitionError` where there are too many."""
    if len(found) > _MANY_GROUPS:
        raise DefinitionError(
            f"A threshold by group has {len(found)} groups.", advice=f"Group by something with at most {_MANY_GROUPS}."
        )
    return dict(sorted(found.items(), key=lambda pair: _text(pair[0])))


def _jumped(previous: Decimal | None, value: Decimal | None, limit: Decimal | None) -> bool:
    if previous is None or limit is None:
        return False
    return value is None or abs(value - previous) > limit * abs(previous)


def _decimal(value: object) -> Decimal:
    return Decimal(str(value)) if not isinstance(value, float) else Decimal(repr(value))


def _text(group: Group) -> str:
    return "" if group is None else str(group)
