"""Why one person is in a segment or not: each condition, the person's value, what was asked, whether it holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from passerelle.segmentation import wording
from passerelle.segmentation.adapt import InForce
from passerelle.segmentation.compile.portable import Expr
from passerelle.segmentation.dataset import Dataset
from passerelle.segmentation.evaluation import Evaluation, evaluating
from passerelle.segmentation.history import History, MemoryHistory
from passerelle.segmentation.language.documents import ModelFile, SegmentFile
from passerelle.segmentation.literals import in_words, whole
from passerelle.segmentation.rules import (
    Age,
    AllOf,
    AnyOf,
    Called,
    Compare,
    InSegment,
    Missing,
    Not,
    OneOf,
    OperandRef,
    RfmGroup,
    Rule,
    TextMatch,
    ThresholdRef,
    Top,
)

_PLAIN = (Compare, OneOf, TextMatch, Age, Missing, Top)


@dataclass(frozen=True, slots=True)
class Reason:
    """One condition and whether it holds for the person; `parts` are the conditions inside it."""

    words: str
    holds: bool
    value: str = ""
    """The person's value; empty where the condition is not about one."""
    asked: str = ""
    """What it is compared with in this run; empty where that stands in the words."""
    parts: tuple["Reason", ...] = ()


@dataclass(frozen=True, slots=True)
class Explained:
    """Why one person is in or out, at one instant."""

    segment: str
    as_of: int
    version: str
    known: bool
    """Whether the person is in the population at all."""
    member: bool
    verdict: str
    where: Reason | None = None
    exclude: tuple[Reason, ...] = ()
    held_out: bool = False
    thresholds: tuple[InForce, ...] = ()


@dataclass(slots=True)
class _Questions:
    """Everything that is asked of the one person, as columns of one row."""

    run: Evaluation
    names: wording.Names
    columns: dict[str, Expr] = field(default_factory=dict)
    rules: dict[Rule, str] = field(default_factory=dict)

    def ask(self, rule: Rule) -> None:
        """Ask whether `rule` holds, and for its values; the same of every rule inside it."""
        if rule in self.rules:
            return
        name = self.rules.setdefault(rule, f"r{len(self.rules)}")
        compiler = self.run.compiler
        self.columns[name] = compiler.rule(rule)
        if isinstance(rule, _PLAIN):
            self.columns[f"{name}_value"] = compiler.value(rule.operand)
        if isinstance(rule, Compare) and isinstance(rule.target, OperandRef):
            self.columns[f"{name}_asked"] = compiler.value(rule.target.operand)
        if isinstance(rule, Compare) and isinstance(rule.target, ThresholdRef) and rule.target.threshold.by:
            self.columns[f"{name}_group"] = compiler.value(rule.target.threshold.by)
        if isinstance(rule, RfmGroup):
            for part in ("r", "f", "m"):
                self.columns[f"{name}_{part}"] = compiler.score(part, rule.rfm)
        for inner in self.inner(rule):
            self.ask(inner)

    def inner(self, rule: Rule) -> tuple[Rule, ...]:
        """The rules inside a rule."""
        match rule:
            case AllOf() | AnyOf():
                return rule.rules
            case Not() | Called():
                return (rule.rule,)
            case InSegment():
                segment = self.run.segments[rule.name]
                return (segment.where, *segment.exclude)
            case _:
                return ()

    def reason(self, rule: Rule, row: Mapping[str, Any]) -> Reason:
        """The answer about `rule`."""
        name = self.rules[rule]
        words = _short(rule) or wording.rule(rule, self.names)
        parts = tuple(self.reason(inner, row) for inner in self.inner(rule))
        return Reason(words, bool(row[name]), self._value(rule, name, row), self._asked(rule, name, row), parts)

    @staticmethod
    def _value(rule: Rule, name: str, row: Mapping[str, Any]) -> str:
        if isinstance(rule, RfmGroup):
            scores = [row[f"{name}_{part}"] for part in ("r", "f", "m")]
            return "no scores" if None in scores else "r{} f{} m{}".format(*scores)
        return in_words(row[f"{name}_value"], rule.operand.type) if isinstance(rule, _PLAIN) else ""

    def _asked(self, rule: Rule, name: str, row: Mapping[str, Any]) -> str:
        if not isinstance(rule, Compare):
            return ""
        if isinstance(rule.target, OperandRef):
            other = row[f"{name}_asked"]
            value = None if other is None else float(other) * float(rule.target.times)
            if value is not None and value == int(value):
                value = int(value)
            return in_words(value, rule.operand.type)
        if isinstance(rule.target, ThresholdRef):
            values = self.run.compiler.thresholds[rule.target.label]
            bound = values.get(row.get(f"{name}_group")) if rule.target.threshold.by else values.get(None)
            return in_words(None if bound is None else whole(bound * rule.target.times), rule.operand.type)
        return ""


def explain(
    name: str,
    subject_id: int,
    *,
    model: ModelFile,
    segments: Mapping[str, SegmentFile],
    dataset: Dataset,
    as_of: int,
    history: History | None = None,
) -> Explained:
    """Why a person is in the segment `name` or not at the instant `as_of` (µs UTC). Nothing is saved."""
    with evaluating(
        [name],
        model=model,
        segments=segments,
        dataset=dataset,
        as_of=as_of,
        history=history if history is not None else MemoryHistory(),
    ) as run:
        segment = run.segments[name]
        questions = _Questions(run, run.resolver.catalogue.names())
        for rule in (segment.where, *segment.exclude):
            questions.ask(rule)
        people = run.compiler.people
        table = people.select("subject_id", code=run.code(segment), **questions.columns)
        rows = run.session.fetch(table.filter(table.subject_id == subject_id)).to_pylist()
        version = run.version(name)
        if not rows:
            verdict = "Out: the person is not in the population (unknown, erased, or merged into another)."
            return Explained(name, as_of, version, known=False, member=False, verdict=verdict)
        in_force = tuple(item for items in run.in_force.values() for item in items)
        return _explained(name, as_of, version, questions, rows[0], segment.exclude, segment.where, in_force)


def _explained(
    name: str,
    as_of: int,
    version: str,
    questions: _Questions,
    row: Mapping[str, Any],
    exclude: tuple[Rule, ...],
    where_rule: Rule,
    in_force: tuple[InForce, ...],
) -> Explained:
    where = questions.reason(where_rule, row)
    reasons = tuple(questions.reason(rule, row) for rule in exclude)
    held_out = row["code"] == 2  # noqa: PLR2004 - see Evaluation.code
    return Explained(
        name,
        as_of,
        version,
        known=True,
        member=row["code"] > 2,  # noqa: PLR2004 - see Evaluation.code
        verdict=_verdict(where, reasons, held_out=held_out),
        where=where,
        exclude=reasons,
        held_out=held_out,
        thresholds=in_force,
    )


def _verdict(where: Reason, exclude: tuple[Reason, ...], *, held_out: bool) -> str:
    if not where.holds:
        failing = [part for part in where.parts if not part.holds] if where.words.startswith("all") else []
        return "Out: " + "; ".join(_missed(part) for part in failing or [where]) + "."
    for reason in exclude:
        if reason.holds:
            return f"Out: excluded, since {reason.words}."
    if held_out:
        return "Out: every condition holds, but the person belongs to the holdout, drawn by a fixed hash."
    return "In: every condition holds."


def _missed(reason: Reason) -> str:
    value = f" (here {reason.value}" + (f", asked {reason.asked}" if reason.asked else "") + ")" if reason.value else ""
    return f"it does not hold that {reason.words}{value}"


def _short(rule: Rule) -> str:
    match rule:
        case AllOf():
            return "all of these hold"
        case AnyOf():
            return "at least one of these holds"
        case Not():
            return "this does not hold"
        case _:
            return ""
