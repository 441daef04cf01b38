"""Conditions into rules: everything that can be wrong with a definition is found here, before anything runs."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Literal, Self, assert_never

from passerelle.segmentation.catalogue import NUMBER, Catalogue
from passerelle.segmentation.clusters.known import Clusters
from passerelle.segmentation.compile.walk import Needs
from passerelle.segmentation.dataset import Dataset, DatasetTable
from passerelle.segmentation.fitted import Fitted
from passerelle.segmentation.language import conditions as say
from passerelle.segmentation.language.comparisons import QuantileValue, ThresholdValue, TraitValue
from passerelle.segmentation.language.documents import ModelFile, SegmentFile
from passerelle.segmentation.language.thresholds import (
    FixedThreshold,
    MovingAverageThreshold,
    NaturalBreaksThreshold,
    QuantileThreshold,
    ZScoreThreshold,
)
from passerelle.segmentation.language.traits import ScaledTrait
from passerelle.segmentation.language.words import SCORE, Closed
from passerelle.segmentation.learning.resolve import Made, check_required, check_trait
from passerelle.segmentation.learning.traits import LearnedTrait
from passerelle.segmentation.literals import literal
from passerelle.segmentation.resolve_clusters import PREFIX, assigned, cluster_place
from passerelle.segmentation.resolve_conditions import ConditionReader
from passerelle.segmentation.resolve_journeys import LADDER, JourneyReader, Ladder, ladder_of
from passerelle.segmentation.resolve_scores import asked, score_place, scored
from passerelle.segmentation.rules import (
    Fact,
    Metric,
    Operand,
    OperandRef,
    Rfm,
    Rule,
    Score,
    Segment,
    Sort,
    Target,
    Threshold,
    ThresholdRef,
    ValueType,
)
from passerelle.segmentation.scores.asked import Asked
from passerelle.segmentation.scores.known import Scores
from passerelle.segmentation.wrong import Misdefined, Place, model_place, segment_place

_FEW_DECIMALS = 6


class Resolver:
    """Resolves the segments of one workspace against one dataset's columns."""

    def __init__(
        self,
        model: ModelFile,
        segments: Mapping[str, SegmentFile],
        tables: Mapping[str, DatasetTable],
        fitted: Mapping[str, Fitted] | None = None,
        clusters: Clusters | None = None,
        scores: Scores | None = None,
    ) -> None:
        self._model = model
        self._clusters = clusters or Clusters()
        self._scores = scores or Scores()
        self._files = segments
        self.catalogue = Catalogue(model, tables, fitted)
        self.journeys = JourneyReader(self.catalogue)
        self._rfm: Rfm | None = None
        self._scoring = False
        self._segments: dict[str, Segment] = {}

    @classmethod
    def of(cls, model: ModelFile, segments: Mapping[str, SegmentFile], dataset: Dataset) -> Self:
        """With all that a dataset knows."""
        return cls(model, segments, dataset.tables, dataset.fitted, dataset.clusters, dataset.scores)

    # --- whole definitions
    def all_problems(self, amounts: Collection[str] = ()) -> list[Misdefined]:
        """The first problem of each definition; empty when all is well. `amounts`: traits that must be amounts."""
        top = model_place()
        jobs: list[Callable[[], object]] = [lambda: self.catalogue.population]
        jobs += [partial(self.catalogue.trait, name, top / "traits") for name in self._model.traits]
        jobs += [partial(self.threshold, name, top / "thresholds") for name in self._model.thresholds]
        jobs += [partial(self.metric, name, top / "metrics") for name in self._model.metrics]
        jobs += [partial(self.journeys.moments, name, None, None, top / "moments") for name in self._model.moments]
        jobs += [partial(self.journeys.funnel, name, top / "funnels") for name in self._model.funnels]
        jobs += [partial(self.journeys.journey, name, top / "journeys") for name in self._model.journeys]
        jobs += [partial(self.ladder, name, top / "ladders") for name in self._model.ladders]
        jobs += [partial(self.segment, name) for name in self._files]
        jobs += [partial(self.clustered, name) for name in self._clusters.files]
        jobs += [partial(self.scored, name) for name in self._scores.files]
        jobs += [partial(self.amount, name) for name in amounts]
        jobs += [partial(self._among, name) for name in self._model.traits]
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
        """A segment and, before it, every segment that it refers to. Refuses circles.

        `ladder NAME` is everybody above the lowest step of a ladder: no file can be called so.
        """
        if name in self._segments:
            return self._segments[name]
        here = place or segment_place(name)
        if name.startswith(LADDER):
            self._segments[name] = self.ladder(name.removeprefix(LADDER), Place("")).as_segment
            return self._segments[name]
        if name not in self._files:
            raise here.unknown("segment", name, self._files)
        if name in trail:
            circle = " -> ".join(f"`{part}`" for part in (*trail[trail.index(name) :], name))
            raise here.wrong(f"These segments refer to each other in a circle: {circle}.")
        self._segments[name] = self._resolved(name, self._files[name], (*trail, name))
        return self._segments[name]

    def _resolved(self, name: str, file: SegmentFile, trail: tuple[str, ...]) -> Segment:
        place = segment_place(name)
        reader = ConditionReader(self, name, trail)
        where = reader.rule(file.where, place / "where")
        exclude = tuple(reader.rule(part, place / "exclude" / index) for index, part in enumerate(file.exclude))
        holdout = (file.holdout.percent, file.holdout.salt) if file.holdout else None
        splits = tuple((file.splits or {}).items())
        uses = tuple(dict.fromkeys(reader.uses))
        segment = Segment(name, where, exclude, holdout, splits, uses, file.require_model)
        check_required(segment, place / "require_model")
        return segment

    def ladder(self, name: str, place: Place, trail: tuple[str, ...] = (), *, plain: bool = False) -> Ladder:
        """A ladder of model.yaml. Refuses circles."""
        if name not in self._model.ladders:
            raise place.unknown("ladder", name, self._model.ladders)
        mark = f"{LADDER}{name}"
        if mark in trail:
            circle = " -> ".join(f"`{part}`" for part in (*trail[trail.index(mark) :], mark))
            raise place.wrong(f"These refer to each other in a circle: {circle}.")
        reader = ConditionReader(self, mark, (*trail, mark), plain=plain)
        return ladder_of(name, self._model.ladders[name], reader.rule, reader.uses)

    def clustered(self, name: str) -> Made:
        """What a cluster of clusters/ is made of. Its people are not chosen by models themselves."""
        if name not in self._clusters.files:
            raise Place("").unknown("cluster", name, self._clusters.files)
        file, place = self._clusters.files[name], cluster_place(name)
        made = self._made(file.traits, file.population, place, "traits")
        if made.needs.beside:
            raise place.wrong("A cluster cannot rest on groups of clusters itself.")
        if file.journey is not None and not self.journeys.journey(file.journey, place / "journey").states:
            raise (place / "journey").wrong("Hidden states need a journey whose states are named, with `states`.")
        return made

    def scored(self, name: str) -> Asked:
        """What a score of scores/ is made of: nothing that is known only after the moments it learns from."""
        if name not in self._scores.files:
            raise Place("").unknown("score", name, self._scores.files)
        file = self._scores.files[name]
        return asked(file, self._made(file.features or {}, file.population, score_place(name), "features"), self)

    def known(self, word: str, place: Place) -> Operand:
        """A trait, or a column of a person table."""
        return self.operand(word, place) if word in self._model.traits else self.catalogue.attribute(word, place)

    def _made(
        self, traits: Mapping[str, LearnedTrait], population: say.Condition | None, place: Place, word: str
    ) -> Made:
        """What a model is made of; `word`: under which key its traits stand."""
        found: dict[str, Operand] = {}
        for name, options in traits.items():
            here = place / word / name
            found[name] = self.operand(name, here)
            check_trait(name, options, found[name], self._model.timezone, here)
        reader = ConditionReader(self, "", ())
        rule = None if population is None else reader.rule(population, place / "population")
        uses = tuple(dict.fromkeys(reader.uses))
        needs = Needs.of(self.reached(uses).values())
        if rule is not None:
            needs.add_rule(rule)
        for operand in found.values():
            needs.add_operand(operand)
        return Made(found, rule, uses, needs)

    def reached(self, names: Sequence[str]) -> dict[str, Segment]:
        """These segments, and all that they refer to."""
        found: dict[str, Segment] = {}
        waiting = list(names)
        while waiting:
            name = waiting.pop(0)
            if name not in found:
                found[name] = self.segment(name)
                waiting += found[name].uses
        return found

    # --- parts of model.yaml
    def _among(self, name: str) -> None:
        """The segment that a scaled trait is fitted on is there."""
        trait = self._model.traits[name]
        if isinstance(trait, ScaledTrait) and trait.among is not None and trait.among not in self._files:
            raise (model_place() / "traits" / name / "among").unknown("segment", trait.among, self._files)

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
            case NaturalBreaksThreshold():
                groups = Decimal(written.natural_breaks)
                found = replace(self._of_people("natural_breaks", groups, written, here), reach=written.reach)
            case MovingAverageThreshold():
                metric = self.metric(written.moving_average, here / "moving_average")
                found = Threshold(
                    "moving_average",
                    ValueType(metric.type.sort, whole=False),
                    Decimal(1),
                    metric=metric,
                    days=written.days,
                    timezone=self._model.timezone,
                    by=None if written.by is None else self._group(written.by, here / "by"),
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
        self,
        kind: Literal["quantile", "z_score", "natural_breaks"],
        amount: Decimal,
        written: QuantileThreshold | ZScoreThreshold | NaturalBreaksThreshold | QuantileValue,
        place: Place,
    ) -> Threshold:
        operand = self.operand(written.of, place / "of")
        if operand.type.sort not in {Sort.NUMBER, Sort.MONEY}:
            raise (place / "of").wrong(f"A {operand.type.sort} cannot be ranked; a number or an amount can.")
        over = None if isinstance(written, QuantileValue) or written.over is None else self._over(written.over, place)
        by = None if written.by is None else self._group(written.by, place / "by")
        result = ValueType(operand.type.sort, whole=False) if kind == "z_score" else operand.type
        return Threshold(kind, result, amount, operand, over, by)

    def _over(self, condition: say.Condition, place: Place) -> Rule:
        return ConditionReader(self, "", (), plain=True).rule(condition, place / "over")

    def _group(self, word: str, place: Place) -> Operand:
        known = word in self._model.traits or word.startswith(PREFIX)
        operand = self.operand(word, place) if known else self.catalogue.attribute(word, place)
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
            parts: list[Fact] = []
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
        """A trait, `rfm.r`, `rfm.f`, `rfm.m`, `cluster.NAME` or `score.NAME`."""
        match word:
            case "rfm.r" | "rfm.f" | "rfm.m":
                letter = word.removeprefix("rfm.")
                return Score("r" if letter == "r" else "f" if letter == "f" else "m", self.rfm(place))
            case _ if word.startswith(PREFIX):
                return assigned(self._clusters, word, place)
            case _ if word.startswith(SCORE):
                return scored(self._scores, word, place, self.catalogue)
            case _:
                return self.catalogue.trait(word, place)

    def named(self, word: str) -> Operand:
        """A trait, an RFM score, an answer of a model or an attribute, as a reader names it outside any file."""
        made = word in {"rfm.r", "rfm.f", "rfm.m"} or word.startswith((PREFIX, SCORE))
        return self.operand(word, Place("")) if made else self.known(word, Place(""))

    def amount(self, name: str) -> Operand:
        """A trait or a score that is an amount, to be sent as a person's value."""
        place = model_place() / "traits"
        if name.startswith(SCORE):
            return self.operand(name, Place(""))
        trait = self.catalogue.trait(name, place)
        if trait.type.sort not in {Sort.NUMBER, Sort.MONEY}:
            raise (place / name).wrong(
                f"This is a {trait.type.sort}, and an audience sends it as its people's value.",
                "Name a trait that is a number or money.",
            )
        return trait

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
