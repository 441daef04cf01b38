"""Conditions into rules: everything that can be wrong with a definition is found here, before anything runs."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import assert_never

from passerelle.segmentation.catalogue import NUMBER, Catalogue
from passerelle.segmentation.dataset import DatasetTable
from passerelle.segmentation.language import conditions as say
from passerelle.segmentation.language.comparisons import Count, QuantileValue, ThresholdValue, TraitValue
from passerelle.segmentation.language.documents import ModelFile, SegmentFile
from passerelle.segmentation.language.events import Window
from passerelle.segmentation.language.thresholds import (
    FixedThreshold,
    MovingAverageThreshold,
    QuantileThreshold,
    ZScoreThreshold,
)
from passerelle.segmentation.language.traits import UNIT_SECONDS
from passerelle.segmentation.language.words import Closed
from passerelle.segmentation.literals import literal
from passerelle.segmentation.resolve_where import ComparisonContext
from passerelle.segmentation.rfm import BINS
from passerelle.segmentation.rules import (
    Aggregate,
    AllOf,
    AnyOf,
    Column,
    Comparator,
    Compare,
    InSegment,
    Metric,
    Not,
    Operand,
    OperandRef,
    Rfm,
    RfmGroup,
    Rule,
    Score,
    Segment,
    Selection,
    Sequence,
    SequenceStep,
    Sort,
    Target,
    Threshold,
    ThresholdRef,
    Top,
    ValueType,
)
from passerelle.segmentation.wrong import Misdefined, Place, model_place, segment_place

_FEW_DECIMALS = 6


class Resolver:
    """Resolves the segments of one workspace against one dataset's columns."""

    def __init__(
        self, model: ModelFile, segments: Mapping[str, SegmentFile], tables: Mapping[str, DatasetTable]
    ) -> None:
        self._model = model
        self._files = segments
        self.catalogue = Catalogue(model, tables)
        self._rfm: Rfm | None = None
        self._scoring = False
        self._segments: dict[str, Segment] = {}

    # --- whole definitions
    def all_problems(self) -> list[Misdefined]:
        """The first problem of each definition; empty when all is well."""
        top = model_place()
        jobs: list[Callable[[], object]] = [lambda: self.catalogue.population]
        jobs += [partial(self.catalogue.trait, name, top / "traits") for name in self._model.traits]
        jobs += [partial(self.threshold, name, top / "thresholds") for name in self._model.thresholds]
        jobs += [partial(self.metric, name, top / "metrics") for name in self._model.metrics]
        jobs += [partial(self.segment, name) for name in self._files]
        if self._model.rfm is not None:
            jobs.append(partial(self.rfm, top / "rfm"))
        found: dict[tuple[str, tuple[str | int, ...]], Misdefined] = {}
        for job in jobs:
            try:
                job()
            except Misdefined as problem:
                found.setdefault((problem.document, problem.path), problem)
        return list(found.values())

    def segment(self, name: str, place: Place | None = None, trail: tuple[str, ...] = ()) -> Segment:
        """A segment and, before it, every segment that it refers to. Refuses circles."""
        if name in self._segments:
            return self._segments[name]
        here = place or segment_place(name)
        if name not in self._files:
            raise here.unknown("segment", name, self._files)
        if name in trail:
            circle = " -> ".join(f"`{part}`" for part in (*trail[trail.index(name) :], name))
            raise here.wrong(f"These segments refer to each other in a circle: {circle}.")
        self._segments[name] = self._resolved(name, self._files[name], (*trail, name))
        return self._segments[name]

    def _resolved(self, name: str, file: SegmentFile, trail: tuple[str, ...]) -> Segment:
        place = segment_place(name)
        reader = _Conditions(self, name, trail)
        where = reader.rule(file.where, place / "where")
        exclude = tuple(reader.rule(part, place / "exclude" / index) for index, part in enumerate(file.exclude))
        holdout = (file.holdout.percent, file.holdout.salt) if file.holdout else None
        splits = tuple((file.splits or {}).items())
        return Segment(name, where, exclude, holdout, splits, tuple(dict.fromkeys(reader.uses)))

    # --- parts of model.yaml
    def threshold(self, name: str, place: Place, kind: ValueType | None = None) -> ThresholdRef:
        """A threshold of model.yaml; `kind` types a fixed one."""
        if name not in self._model.thresholds:
            raise place.unknown("threshold", name, self._model.thresholds)
        written = self._model.thresholds[name]
        here = model_place() / "thresholds" / name
        match written:
            case FixedThreshold():
                return ThresholdRef(self._fixed(written, kind, here), name)
            case QuantileThreshold():
                found = self._of_people("quantile", written.quantile, written, here)
            case ZScoreThreshold():
                found = self._of_people("z_score", written.z_score, written, here)
            case MovingAverageThreshold():
                metric = self.metric(written.moving_average, here / "moving_average")
                found = Threshold(
                    "moving_average",
                    ValueType(metric.type.sort, whole=False),
                    Decimal(1),
                    metric=metric,
                    days=written.days,
                    timezone=self._model.timezone,
                )
            case _:
                assert_never(written)
        return ThresholdRef(found, name, written.guard.max_change if written.guard else None)

    def _fixed(self, written: FixedThreshold, kind: ValueType | None, place: Place) -> Threshold:
        wanted = kind or NUMBER
        amount = literal(written.fixed, wanted, self._model.timezone, place / "fixed")
        if isinstance(amount, bool | str):
            raise (place / "fixed").wrong("A threshold must be a number, an amount or a date.")
        return Threshold("fixed", wanted, Decimal(amount))

    def _of_people(
        self, kind: str, amount: Decimal, written: QuantileThreshold | ZScoreThreshold | QuantileValue, place: Place
    ) -> Threshold:
        operand = self.operand(written.of, place / "of")
        if operand.type.sort not in {Sort.NUMBER, Sort.MONEY}:
            raise (place / "of").wrong(f"A {operand.type.sort} cannot be ranked; a number or an amount can.")
        over = None if isinstance(written, QuantileValue) or written.over is None else self._over(written.over, place)
        by = None if written.by is None else self._group(written.by, place / "by")
        if kind == "quantile":
            return Threshold("quantile", operand.type, amount, operand, over, by)
        return Threshold("z_score", ValueType(operand.type.sort, whole=False), amount, operand, over, by)

    def _over(self, condition: say.Condition, place: Place) -> Rule:
        return _Conditions(self, "", (), plain=True).rule(condition, place / "over")

    def _group(self, word: str, place: Place) -> Operand:
        operand = self.operand(word, place) if word in self._model.traits else self.catalogue.attribute(word, place)
        if operand.type.sort not in {Sort.TEXT, Sort.BOOLEAN, Sort.NUMBER} or not operand.type.whole:
            raise place.wrong(f"People cannot be grouped by a {operand.type.sort}.")
        return operand

    def metric(self, name: str, place: Place) -> Metric:
        """A metric of model.yaml."""
        if name not in self._model.metrics:
            raise place.unknown("metric", name, self._model.metrics)
        written = self._model.metrics[name]
        here = model_place() / "metrics" / name
        if written.sum is not None:
            event, _, column = written.sum.rpartition(".")
            found = self.catalogue.selections([event], None, here / "sum", column)
            kind = self.catalogue.column_type(found, column, here / "sum")
            if kind.sort not in {Sort.NUMBER, Sort.MONEY}:
                raise (here / "sum").wrong(f"`{column}` is a {kind.sort}: it has no sum.")
            return Metric("sum", found, column, written.per or "", kind)
        word = "count" if written.count is not None else "people"
        found = self.catalogue.selections(written.count or written.people or [], None, here / word)
        return Metric("count" if word == "count" else "people", found, None, written.per or "", NUMBER)

    def rfm(self, place: Place) -> Rfm:
        """The scores of model.yaml."""
        if self._model.rfm is None:
            raise place.wrong("model.yaml has no `rfm:`, so nobody has RFM scores.")
        if self._rfm is None:
            if self._scoring:
                raise place.wrong("The people who get RFM scores cannot be chosen by RFM scores.")
            self._scoring = True
            written, here = self._model.rfm, model_place() / "rfm"
            parts: list[Column | Aggregate] = []
            for word in ("recency", "frequency", "monetary"):
                operand = self.catalogue.trait(getattr(written, word), here / word)
                if operand.type.sort not in {Sort.NUMBER, Sort.MONEY}:
                    raise (here / word).wrong(f"A {operand.type.sort} cannot be scored; a number or an amount can.")
                parts.append(operand)
            over = None if written.over is None else self._over(written.over, here)
            self._rfm = Rfm(parts[0], parts[1], parts[2], written.bins, over)
            self._scoring = False
        return self._rfm

    def operand(self, word: str, place: Place) -> Operand:
        """A trait, or `rfm.r`, `rfm.f`, `rfm.m`."""
        match word:
            case "rfm.r" | "rfm.f" | "rfm.m":
                letter = word.removeprefix("rfm.")
                return Score("r" if letter == "r" else "f" if letter == "f" else "m", self.rfm(place))
            case _:
                return self.catalogue.trait(word, place)

    def named(self, word: str) -> Column | Aggregate:
        """A trait or an attribute, as a reader names it outside any file."""
        place = Place("")
        return (
            self.catalogue.trait(word, place) if word in self._model.traits else self.catalogue.attribute(word, place)
        )

    def refer(self, reference: Closed, kind: ValueType, place: Place) -> Target:
        """A threshold or another trait that is compared with something of type `kind`."""
        if isinstance(reference, TraitValue):
            operand = self.operand(reference.trait, place / "trait")
            _same_sort(operand.type, kind, place / "trait")
            return OperandRef(operand, _times(reference.times, place))
        if isinstance(reference, ThresholdValue):
            found = self.threshold(reference.threshold, place / "threshold", kind)
            times = reference.times
        elif isinstance(reference, QuantileValue):
            found = ThresholdRef(self._of_people("quantile", reference.quantile, reference, place), "")
            times = reference.times
        else:  # pragma: no cover - the language has no other
            raise TypeError(type(reference).__name__)
        _same_sort(found.threshold.type, kind, place)
        return ThresholdRef(found.threshold, found.name, found.max_change, _times(times, place))


def _same_sort(one: ValueType, other: ValueType, place: Place) -> None:
    if one.sort is not other.sort:
        raise place.wrong(f"A {other.sort} is compared here with a {one.sort}.", "Compare like with like.")


def _times(times: Decimal | None, place: Place) -> Decimal:
    if times is None:
        return Decimal(1)
    exponent = times.normalize().as_tuple().exponent
    if times <= 0 or (isinstance(exponent, int) and -exponent > _FEW_DECIMALS):
        raise (place / "times").wrong("`times` must be more than 0, with at most 6 decimals.")
    return times


class _Conditions:
    """Resolves the conditions of one segment, or of one `over:` (`plain`: only what is known of each person alone)."""

    def __init__(self, resolver: Resolver, name: str, trail: tuple[str, ...], *, plain: bool = False) -> None:
        self._resolver = resolver
        self._catalogue = resolver.catalogue
        self._name = name
        self._trail = trail
        self._plain = plain
        self.uses: list[str] = []

    def rule(self, condition: say.Condition, place: Place) -> Rule:  # noqa: C901, PLR0911, PLR0912 - a line per kind
        """The rule that a condition says."""
        match condition:
            case say.TraitCondition():
                return self._compared(self._resolver.operand(condition.trait, place / "trait"), condition, place)
            case say.AttributeCondition():
                column = self._catalogue.attribute(condition.attribute, place / "attribute")
                return self._compared(column, condition, place)
            case say.DidCondition():
                return self._did(condition, place)
            case say.DidNotCondition():
                return _compared_count(self._count(condition.did_not, condition, place / "did_not"), "at_most", 0)
            case say.StoppedCondition():
                return self._stopped(condition, place / "stopped")
            case say.RestartedCondition():
                return self._restarted(condition, place / "restarted")
            case say.SequenceCondition():
                return self._sequence(condition.sequence, place / "sequence")
            case say.RfmCondition():
                return self._rfm_groups(condition, place / "rfm")
            case say.InSegmentCondition():
                return _any([self._segment(n, place / "in_segment") for n in condition.in_segment])
            case say.NotInSegmentCondition():
                return Not(_any([self._segment(n, place / "not_in_segment") for n in condition.not_in_segment]))
            case say.TopCondition():
                return self._top(condition.top, place / "top")
            case say.AllCondition():
                return AllOf(tuple(self.rule(part, place / "all" / i) for i, part in enumerate(condition.all)))
            case say.AnyCondition():
                return AnyOf(tuple(self.rule(part, place / "any" / i) for i, part in enumerate(condition.any)))
            case say.NotCondition():
                return Not(self.rule(condition.not_, place / "not"))
            case _:
                assert_never(condition)

    def _compared(self, operand: Operand, condition: say.TraitCondition | say.AttributeCondition, place: Place) -> Rule:
        context = ComparisonContext(operand, self._catalogue.model.timezone, place, self._refer)
        return _all(context.rules(condition))

    def _refer(self, reference: Closed, kind: ValueType, place: Place) -> Target:
        if self._plain and not isinstance(reference, TraitValue):
            raise place.wrong("An `over:` cannot use thresholds itself.")
        return self._resolver.refer(reference, kind, place)

    def _count(self, events: list[str], window: Window, place: Place) -> Aggregate:
        return Aggregate("count", self._catalogue.selections(events, window, place), NUMBER, default=0)

    def _did(self, condition: say.DidCondition, place: Place) -> Rule:
        here = place / "did"
        if condition.first_time:
            before = Window.model_construct(within=None, until=condition.within, where=condition.where)
            within = _compared_count(self._count(condition.did, condition, here), "at_least", 1)
            return _all([within, _compared_count(self._count(condition.did, before, here), "at_most", 0)])
        if condition.regularly is not None:
            return self._regularly(condition, condition.regularly, here)
        count = self._count(condition.did, condition, here)
        return _counted(count, condition.count) if condition.count else _compared_count(count, "at_least", 1)

    def _regularly(self, condition: say.DidCondition, regularly: say.Regularly, place: Place) -> Rule:
        unit = UNIT_SECONDS[regularly.unit]
        window = Window.model_construct(within=unit * regularly.of, until=None, where=condition.where)
        selections = self._catalogue.selections(condition.did, window, place)
        if len(selections) > 1:
            raise place.wrong("These events are in several tables, which `regularly` cannot join.")
        periods = Aggregate("periods", selections, NUMBER, unit=unit, default=0)
        return _compared_count(periods, "at_least", regularly.periods)

    def _stopped(self, condition: say.StoppedCondition, place: Place) -> Rule:
        active = Window.model_construct(within=condition.active + condition.silent, until=condition.silent, where=None)
        silent = Window.model_construct(within=condition.silent, until=None, where=None)
        return _all(
            [
                _compared_count(self._count(condition.stopped, active, place), "at_least", 1),
                _compared_count(self._count(condition.stopped, silent, place), "at_most", 0),
            ]
        )

    def _restarted(self, condition: say.RestartedCondition, place: Place) -> Rule:
        edge = condition.active + condition.silent
        active = Window.model_construct(within=condition.active, until=None, where=None)
        silent = Window.model_construct(within=edge, until=condition.active, where=None)
        before = Window.model_construct(within=None, until=edge, where=None)
        return _all(
            [
                _compared_count(self._count(condition.restarted, active, place), "at_least", 1),
                _compared_count(self._count(condition.restarted, silent, place), "at_most", 0),
                _compared_count(self._count(condition.restarted, before, place), "at_least", 1),
            ]
        )

    def _sequence(self, written: say.Steps, place: Place) -> Rule:
        steps: list[SequenceStep] = []
        absent: SequenceStep | None = None
        for index, step in enumerate(written.steps):
            here = place / "steps" / index
            within = written.within_last if index == 0 else None
            window = Window.model_construct(within=within, until=None, where=step.where)
            word = "event" if step.event is not None else "absent"
            found: tuple[Selection, ...] = self._catalogue.selections(
                step.event or step.absent or [], window, here / word
            )
            if step.absent is not None:
                absent = SequenceStep(found, step.within)
            else:
                steps.append(SequenceStep(found, step.within, step.immediately))
        return Sequence(tuple(steps), absent, written.max, self._catalogue.event_tables)

    def _rfm_groups(self, condition: say.RfmCondition, place: Place) -> Rule:
        rfm = self._resolver.rfm(place)
        if rfm.bins != BINS:
            raise place.wrong(f"The usual groups need `bins: {BINS}` in model.yaml.", "Compare rfm.r, rfm.f and rfm.m.")
        return _any([RfmGroup(name, rfm) for name in condition.rfm])

    def _segment(self, name: str, place: Place) -> Rule:
        if self._plain:
            raise place.wrong("An `over:` cannot refer to segments.")
        self._resolver.segment(name, place, self._trail)
        self.uses.append(name)
        return InSegment(name)

    def _top(self, top: say.Ranking, place: Place) -> Rule:
        if self._plain:
            raise place.wrong("An `over:` cannot rank people itself.")
        operand = self._resolver.operand(top.by, place / "by")
        if operand.type.sort not in {Sort.NUMBER, Sort.MONEY, Sort.TIME}:
            raise (place / "by").wrong(f"A {operand.type.sort} cannot be ranked.")
        return Top(operand, top.n, top.percent, top.ties == "hash", self._name)


def _counted(operand: Aggregate, count: Count) -> Rule:
    words: tuple[tuple[Comparator, int | None], ...] = (
        ("is", count.is_),
        ("at_least", count.at_least),
        ("at_most", count.at_most),
        ("more_than", count.more_than),
        ("less_than", count.less_than),
    )
    return _all([Compare(operand, word, value) for word, value in words if value is not None])


def _compared_count(operand: Aggregate, comparator: Comparator, value: int) -> Rule:
    return Compare(operand, comparator, value)


def _all(rules: list[Rule]) -> Rule:
    return rules[0] if len(rules) == 1 else AllOf(tuple(rules))


def _any(rules: list[Rule]) -> Rule:
    return rules[0] if len(rules) == 1 else AnyOf(tuple(rules))
