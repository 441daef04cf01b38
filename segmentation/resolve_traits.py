"""Traits into facts: what each of them asks, with every name expanded."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol, assert_never

from passerelle.segmentation.facts import Coded, Constant, Formula, Operation, Passage, Season, Sessions, Term
from passerelle.segmentation.fitted import Fitted, method, scaled
from passerelle.segmentation.formulas import formula
from passerelle.segmentation.language.events import Window
from passerelle.segmentation.language.traits import (
    UNIT_SECONDS,
    AvgTrait,
    ColumnTrait,
    CountTrait,
    DistinctTrait,
    EngagementTrait,
    EventTrait,
    FavouriteTrait,
    FirstTrait,
    FormulaTrait,
    LastTrait,
    MaxTrait,
    MeanGapTrait,
    MinMaxTrait,
    MinTrait,
    OneHotTrait,
    OrdinalTrait,
    OwnGapsTrait,
    SeasonalTrait,
    SessionsTrait,
    SinceFirstTrait,
    SinceLastTrait,
    SumTrait,
    TimeBetweenTrait,
    Trait,
    ZScoreTrait,
)
from passerelle.segmentation.literals import literal
from passerelle.segmentation.rules import Aggregate, Column, Fact, Selection, Sort, Statistic, Stored, ValueType
from passerelle.segmentation.wrong import Place

NUMBER = ValueType(Sort.NUMBER)
_FRACTION = ValueType(Sort.NUMBER, whole=False)
_ONE_TABLE: frozenset[Statistic] = frozenset({"distinct", "first", "last", "favourite"})
_NUMERIC: frozenset[Statistic] = frozenset({"sum", "avg"})
_OF_COLUMN: Mapping[type, Statistic] = {
    SumTrait: "sum",
    AvgTrait: "avg",
    MinTrait: "min",
    MaxTrait: "max",
    FirstTrait: "first",
    LastTrait: "last",
    FavouriteTrait: "favourite",
    DistinctTrait: "distinct",
}
Counted = SinceLastTrait | SinceFirstTrait | MeanGapTrait


class Names(Protocol):
    """What names of model.yaml mean. Each method raises `Misdefined` where a name means nothing."""

    def attribute(self, word: str, place: Place) -> Column:
        """A column of a person table."""

    def trait(self, name: str, place: Place) -> Fact:
        """Another trait."""

    def selections(
        self, events: Sequence[str], window: Window | None, place: Place, column: str | None = None
    ) -> tuple[Selection, ...]:
        """Where these events are, one selection per table."""

    def column_type(self, selections: Sequence[Selection], column: str, place: Place) -> ValueType:
        """The type of a column that several tables may have."""


class TraitReader:
    """Resolves traits by the names of one model."""

    def __init__(self, names: Names, timezone: str, fitted: Mapping[str, Fitted]) -> None:
        self._fitted = fitted
        self._names = names
        self._timezone = timezone

    def fact(self, trait: Trait, place: Place) -> Fact:  # noqa: C901, PLR0911, PLR0912 - a line per kind
        """What a trait is."""
        match trait:
            case ColumnTrait():
                column = self._names.attribute(trait.column, place / "column")
                return Column(
                    column.table, column.column, column.type, self._default(trait.default, column.type, place)
                )
            case CountTrait():
                selections = self._names.selections(trait.count, trait, place / "count")
                return Aggregate("count", selections, NUMBER, default=self._default(trait.default, NUMBER, place, 0))
            case SinceLastTrait():
                return self._timed("since_last", trait.since_last, trait, place)
            case SinceFirstTrait():
                return self._timed("since_first", trait.since_first, trait, place)
            case MeanGapTrait():
                return self._timed("mean_gap", trait.mean_gap, trait, place)
            case OwnGapsTrait():
                selections = self._names.selections(trait.own_gaps, trait, place / "own_gaps")
                default = self._default(trait.default, _FRACTION, place)
                return Aggregate("own_gaps", selections, _FRACTION, default=default)
            case SessionsTrait():
                return self._sessions(trait, place)
            case TimeBetweenTrait():
                return self._passage(trait, place)
            case EngagementTrait():
                return self._engagement(trait, place)
            case FormulaTrait():
                here = place / "formula"
                term, kind = formula(trait.formula, lambda name: self._names.trait(name, here), here)
                return Formula(term, kind, self._default(trait.default, kind, place))
            case OrdinalTrait():
                return self._ordinal(trait, place)
            case OneHotTrait():
                return self._one_hot(trait, place)
            case SeasonalTrait():
                return self._seasonal(trait, place)
            case MinMaxTrait() | ZScoreTrait():
                here = place / method(trait)
                of = self._names.trait(trait.min_max if isinstance(trait, MinMaxTrait) else trait.z_score, here)
                name = str(place.path[-1])
                return scaled(trait, of, self._fitted.get(name), name, here)
            case (
                SumTrait()
                | AvgTrait()
                | MinTrait()
                | MaxTrait()
                | FirstTrait()
                | LastTrait()
                | FavouriteTrait()
                | DistinctTrait()
            ):
                return self._of_column(_OF_COLUMN[type(trait)], trait, place)
            case _:
                assert_never(trait)

    def _timed(self, statistic: Statistic, events: list[str], trait: Counted, place: Place) -> Aggregate:
        unit = UNIT_SECONDS[trait.unit]
        kind = ValueType(Sort.NUMBER, whole=statistic != "mean_gap", unit=unit)
        default = self._default(trait.default, kind, place)
        selections = self._names.selections(events, trait, place / statistic)
        return Aggregate(statistic, selections, kind, unit=unit, default=default)

    def _of_column(self, statistic: Statistic, trait: EventTrait, place: Place) -> Aggregate:
        here = place / statistic
        event, _, column = str(getattr(trait, statistic)).rpartition(".")
        selections = self._names.selections([event], trait, here, column)
        if statistic in _ONE_TABLE and len(selections) > 1:
            raise here.wrong(f"`{event}` may be in several tables.", "List the `events:` of each table in model.yaml.")
        kind = self._names.column_type(selections, column, here)
        if statistic in _NUMERIC and kind.sort not in {Sort.NUMBER, Sort.MONEY}:
            raise here.wrong(f"`{column}` is a {kind.sort}: it has no {statistic}.")
        result = _result(statistic, kind)
        default = self._default(trait.default, result, place)
        if default is None and statistic in {"sum", "distinct"}:
            default = 0 if result.whole else 0.0
        return Aggregate(statistic, selections, result, column, kind, default=default)

    def _sessions(self, trait: SessionsTrait, place: Place) -> Sessions:
        unit = UNIT_SECONDS[trait.unit]
        kind = {
            "number": NUMBER,
            "length": ValueType(Sort.NUMBER, whole=False, unit=unit),
            "events": _FRACTION,
            "weighted": _FRACTION,
        }[trait.measure]
        selections = self._names.selections(trait.sessions, trait, place / "sessions")
        if trait.counting is not None:
            if trait.measure not in {"events", "weighted"}:
                raise (place / "counting").wrong(f"`counting` changes nothing beside `measure: {trait.measure}`.")
            for index, event in enumerate(trait.counting):
                if event not in trait.sessions:
                    raise (place / "counting" / index).unknown("event in these sessions", event, trait.sessions)
        counted = tuple(sorted(set(trait.counting or trait.sessions)))
        default = self._default(trait.default, kind, place)
        return Sessions(trait.measure, selections, counted, trait.gap, kind, unit, default)

    def _passage(self, trait: TimeBetweenTrait, place: Place) -> Passage:
        here, unit = place / "time_between", UNIT_SECONDS[trait.unit]
        kind = ValueType(Sort.NUMBER, whole=False, unit=unit)
        start, end = (self._names.selections([event], trait, here / i) for i, event in enumerate(trait.time_between))
        return Passage(start, end, trait.at_most, kind, unit, self._default(trait.default, kind, place))

    def _engagement(self, trait: EngagementTrait, place: Place) -> Formula:
        window = Window.model_construct(within=trait.within, until=None, where=None)
        terms: list[Term] = []
        for event, points in sorted(trait.engagement.items()):
            selections = self._names.selections([event], window, place / "engagement" / event)
            events = (
                Aggregate("count", selections, NUMBER, default=0)
                if trait.half_life is None
                else Aggregate("decayed", selections, _FRACTION, unit=trait.half_life, default=0.0)
            )
            terms.append(Operation("*", Constant(points), events))
        total = terms[0]
        for term in terms[1:]:
            total = Operation("+", total, term)
        return Formula(total, _FRACTION)

    def _seasonal(self, trait: SeasonalTrait, place: Place) -> Formula:
        here = place / "seasonal"
        ever = Window.model_construct(within=None, until=None, where=trait.where)
        own = Aggregate("count", self._names.selections(trait.seasonal, trait, here), NUMBER, default=0)
        everybody = self._names.selections(trait.seasonal, ever, here)
        season = Season(everybody, trait.within or 0, trait.years, self._timezone, _FRACTION)
        return Formula(Operation("/", own, season), _FRACTION, self._default(trait.default, _FRACTION, place))

    def _ordinal(self, trait: OrdinalTrait, place: Place) -> Coded:
        of, values = self._coded(trait.ordinal, trait.order, place, "ordinal", "order")
        if len(set(values)) < len(values):
            raise (place / "order").wrong("This says a value twice.")
        codes = tuple((value, code) for code, value in enumerate(values, start=1))
        return Coded(of, codes, None, NUMBER, self._default(trait.default, NUMBER, place))

    def _one_hot(self, trait: OneHotTrait, place: Place) -> Coded:
        of, values = self._coded(trait.one_hot, [trait.value], place, "one_hot", "value")
        return Coded(of, ((values[0], 1),), 0, NUMBER, self._default(trait.default, NUMBER, place))

    def _coded(
        self, name: str, values: Sequence[object], place: Place, word: str, listed: str
    ) -> tuple[Fact, list[Stored]]:
        of = self._names.trait(name, place / word)
        if not of.type.whole or of.type.sort not in {Sort.TEXT, Sort.BOOLEAN, Sort.NUMBER}:
            raise (place / word).wrong(f"The values of `{name}` are too many to be listed: it is a {of.type.sort}.")
        found: list[Stored] = []
        for value in values:
            stored = literal(value, of.type, self._timezone, place / listed)
            if isinstance(stored, Decimal):
                raise (place / listed).wrong(f"`{name}` is always a whole number.")
            found.append(stored)
        return of, found

    def _default(
        self, value: object, kind: ValueType, place: Place, otherwise: int | None = None
    ) -> bool | int | float | str | None:
        if value is None:
            return otherwise
        stored = literal(value, kind, self._timezone, place / "default")
        if not kind.whole:
            return float(stored)
        if isinstance(stored, Decimal):
            raise (place / "default").wrong("The default must be a whole number here.")
        return stored


def _result(statistic: Statistic, kind: ValueType) -> ValueType:
    if statistic == "distinct":
        return NUMBER
    return ValueType(kind.sort, whole=False) if statistic == "avg" else kind
