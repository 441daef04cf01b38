"""Conditions into rules."""

from typing import Protocol, assert_never

from passerelle.segmentation.catalogue import NUMBER, Catalogue
from passerelle.segmentation.facts import Moments
from passerelle.segmentation.language import conditions as say
from passerelle.segmentation.language.comparisons import Count, TraitValue
from passerelle.segmentation.language.events import Window
from passerelle.segmentation.language.traits import UNIT_SECONDS
from passerelle.segmentation.language.words import SCORE, Closed
from passerelle.segmentation.resolve_clusters import PREFIX, check_groups, in_groups
from passerelle.segmentation.resolve_journeys import JourneyReader, Ladder, reached, standing
from passerelle.segmentation.resolve_where import ComparisonContext
from passerelle.segmentation.rfm import BINS
from passerelle.segmentation.rules import (
    Aggregate,
    AllOf,
    AnyOf,
    Assigned,
    Called,
    Comparator,
    Compare,
    InSegment,
    Not,
    Operand,
    Rfm,
    RfmGroup,
    Rule,
    Segment,
    Selection,
    Sequence,
    SequenceStep,
    Sort,
    Target,
    Top,
    ValueType,
)
from passerelle.segmentation.wording import when
from passerelle.segmentation.wrong import Place


class Meanings(Protocol):
    """What names outside one condition mean. Each method raises `Misdefined` where a name means nothing."""

    @property
    def catalogue(self) -> Catalogue:
        """Tables, columns, events and traits."""

    def operand(self, word: str, place: Place) -> Operand:
        """A trait, or an RFM score."""

    def refer(self, reference: Closed, kind: ValueType, place: Place) -> Target:
        """A threshold or another trait that is compared with something of type `kind`."""

    def rfm(self, place: Place) -> Rfm:
        """The scores."""

    @property
    def journeys(self) -> JourneyReader:
        """Moments and funnels."""

    def ladder(self, name: str, place: Place, trail: tuple[str, ...] = (), *, plain: bool = False) -> Ladder:
        """A ladder; `trail` as for segments."""

    def segment(self, name: str, place: Place | None = None, trail: tuple[str, ...] = ()) -> Segment:
        """Another segment; `trail` are the segments on the way to it."""


class ConditionReader:
    """Resolves the conditions of one segment, or of one `over:` (`plain`: only what is known of each person alone)."""

    def __init__(self, meanings: Meanings, name: str, trail: tuple[str, ...], *, plain: bool = False) -> None:
        self._meanings = meanings
        self._catalogue = meanings.catalogue
        self._name = name
        self._trail = trail
        self._plain = plain
        self.uses: list[str] = []

    def rule(self, condition: say.Condition, place: Place) -> Rule:  # noqa: C901, PLR0911, PLR0912 - a line per kind
        """The rule that a condition says."""
        match condition:
            case say.TraitCondition():
                return self._compared(self._meanings.operand(condition.trait, place / "trait"), condition, place)
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
            case say.ClusterCondition():
                return self._grouped(condition, place)
            case say.MomentCondition():
                return self._moment(condition, place / "moment")
            case say.FunnelCondition():
                funnel = self._meanings.journeys.funnel(condition.funnel, place / "funnel")
                word = "stopped_at" if condition.reached is None else "reached"
                step = condition.reached or condition.stopped_at or ""
                return reached(funnel, step, place / word, stopped=word == "stopped_at")
            case say.LadderCondition():
                return self._standing(condition, place)
            case say.ScoreCondition():
                return self._scored(condition, place)
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
        found = context.rules(condition)
        for rule in found:
            check_groups(rule, place)
        return _all(found)

    def _grouped(self, condition: say.ClusterCondition, place: Place) -> Rule:
        operand = self._meanings.operand(f"{PREFIX}{condition.cluster}", place / "cluster")
        if not isinstance(operand, Assigned):  # pragma: no cover - that is what the word leads to
            raise TypeError(type(operand).__name__)
        word = "in" if condition.in_ is not None else "not_in"
        groups = condition.in_ or condition.not_in or []
        return in_groups(operand, groups, place / word, negated=word == "not_in")

    def _moment(self, condition: say.MomentCondition, place: Place) -> Rule:
        found = self._meanings.journeys.moments(condition.moment, condition.within, condition.until, place)
        words = f"had the moment {condition.moment}{when(condition.within, condition.until)}"
        if condition.count is None:
            return Called(words, Compare(found, "at_least", 1))
        return Called(f"{words}, as often as asked", _counted(found, condition.count))

    def _standing(self, condition: say.LadderCondition, place: Place) -> Rule:
        ladder = self._meanings.ladder(condition.ladder, place / "ladder", self._trail, plain=self._plain)
        self.uses += ladder.uses
        choices = (("is", condition.is_), ("at_least", condition.at_least), ("at_most", condition.at_most))
        word, step = next((word, step) for word, step in choices if step is not None)
        return standing(ladder, step, word, place / word)

    def _scored(self, condition: say.ScoreCondition, place: Place) -> Rule:
        operand = self._meanings.operand(f"{SCORE}{condition.score}", place / "score")
        found = ComparisonContext(operand, self._catalogue.model.timezone, place, self._refer).rules(condition)
        if condition.top_percent is not None:
            if self._plain:
                raise (place / "top_percent").wrong("An `over:` cannot rank people itself.")
            found.append(Top(operand, None, condition.top_percent, draw=False, salt=self._name))
        return _all(found)

    def _refer(self, reference: Closed, kind: ValueType, place: Place) -> Target:
        if self._plain and not isinstance(reference, TraitValue):
            raise place.wrong("An `over:` cannot use thresholds itself.")
        return self._meanings.refer(reference, kind, place)

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
        rfm = self._meanings.rfm(place)
        if rfm.bins != BINS:
            raise place.wrong(f"The usual groups need `bins: {BINS}` in model.yaml.", "Compare rfm.r, rfm.f and rfm.m.")
        return _any([RfmGroup(name, rfm) for name in condition.rfm])

    def _segment(self, name: str, place: Place) -> Rule:
        if self._plain:
            raise place.wrong("An `over:` cannot refer to segments.")
        self._meanings.segment(name, place, self._trail)
        self.uses.append(name)
        return InSegment(name)

    def _top(self, top: say.Ranking, place: Place) -> Rule:
        if self._plain:
            raise place.wrong("An `over:` cannot rank people itself.")
        operand = self._meanings.operand(top.by, place / "by")
        if operand.type.sort not in {Sort.NUMBER, Sort.MONEY, Sort.TIME}:
            raise (place / "by").wrong(f"A {operand.type.sort} cannot be ranked.")
        return Top(operand, top.n, top.percent, top.ties == "hash", self._name)


def _counted(operand: Aggregate | Moments, count: Count) -> Rule:
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
