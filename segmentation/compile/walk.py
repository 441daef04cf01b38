"""What a rule rests on: the operands, sequences and thresholds inside it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from passerelle.segmentation.facts import Coded, Formula, Operation, Term
from passerelle.segmentation.rules import (
    AllOf,
    AnyOf,
    Assigned,
    Called,
    Compare,
    Fact,
    InSegment,
    Not,
    OneOf,
    Operand,
    OperandRef,
    Rfm,
    RfmGroup,
    Rule,
    Score,
    Scored,
    Segment,
    Sequence,
    ThresholdRef,
    Top,
)


@dataclass(slots=True)
class Needs:
    """Each thing once, in the order met."""

    operands: dict[Fact, None] = field(default_factory=dict)
    """What a formula or a code is made of comes before it."""
    sequences: dict[Sequence, None] = field(default_factory=dict)
    thresholds: dict[str, ThresholdRef] = field(default_factory=dict)
    rfm: Rfm | None = None
    clusters: dict[str, set[str]] = field(default_factory=dict)
    """By cluster, the groups that are named."""
    tops: dict[Top, None] = field(default_factory=dict)
    """Whoever has a value has a place among all who have one."""
    scores: dict[str, Scored] = field(default_factory=dict)

    @property
    def beside(self) -> list[str]:
        """What rules call the models whose answers stand beside people."""
        return sorted([*(f"cluster.{name}" for name in self.clusters), *(each.word for each in self.scores.values())])

    @classmethod
    def of(cls, segments: Iterable[Segment]) -> "Needs":
        """What these segments rest on, without those that they refer to."""
        needs = cls()
        for segment in segments:
            for rule in (segment.where, *segment.exclude):
                needs.add_rule(rule)
        return needs

    def add_rule(self, rule: Rule) -> None:
        """Collect what `rule` rests on."""
        match rule:
            case AllOf() | AnyOf():
                for part in rule.rules:
                    self.add_rule(part)
            case Not() | Called():
                self.add_rule(rule.rule)
            case Sequence():
                self.sequences.setdefault(rule)
            case RfmGroup():
                self._add_rfm(rule.rfm)
            case InSegment():
                pass  # its own rule is collected where it is compiled
            case _:
                self.add_operand(rule.operand)
                if isinstance(rule.operand, Assigned):
                    self.clusters[rule.operand.cluster] |= named_groups(rule)
                if isinstance(rule, Compare):
                    self._add_target(rule.target)
                elif isinstance(rule, Top):
                    self.tops.setdefault(rule)

    def add_operand(self, operand: Operand) -> None:
        """Collect what `operand` is computed from."""
        if isinstance(operand, Score):
            self._add_rfm(operand.rfm)
        elif isinstance(operand, Assigned):
            self.clusters.setdefault(operand.cluster, set())
        elif isinstance(operand, Scored):
            self.scores.setdefault(operand.score, operand)
        elif isinstance(operand, Fact):
            for part in parts(operand):
                self.add_operand(part)
            self.operands.setdefault(operand)

    def _add_target(self, target: object) -> None:
        if isinstance(target, OperandRef):
            self.add_operand(target.operand)
        elif isinstance(target, ThresholdRef):
            self.add_threshold(target)

    def add_threshold(self, reference: ThresholdRef) -> None:
        """Collect a threshold and what it is computed from."""
        self.thresholds.setdefault(reference.label, reference)
        threshold = reference.threshold
        for operand in (threshold.of, threshold.by):
            if operand is not None:
                self.add_operand(operand)
        if threshold.over is not None:
            self.add_rule(threshold.over)

    def _add_rfm(self, rfm: Rfm) -> None:
        if self.rfm is None:
            self.rfm = rfm
            for operand in (rfm.recency, rfm.frequency, rfm.monetary):
                self.add_operand(operand)
            if rfm.over is not None:
                self.add_rule(rfm.over)


def named_groups(rule: Rule) -> set[str]:
    """The groups that a rule names."""
    match rule:
        case OneOf(operand=Assigned(part="group"), values=values):
            return {str(value) for value in values}
        case Compare(operand=Assigned(part="group"), target=str(value)):
            return {value}
        case _:
            return set()


def needs_of(rules: Iterable[Rule]) -> Needs:
    """What all of `rules` rest on."""
    needs = Needs()
    for rule in rules:
        needs.add_rule(rule)
    return needs


def parts(fact: Fact) -> Iterator[Fact]:
    """The facts that a fact is made of; none where it comes from tables."""
    if isinstance(fact, Coded):
        yield fact.of
    elif isinstance(fact, Formula):
        yield from _facts(fact.term)


def _facts(term: Term) -> Iterator[Fact]:
    if isinstance(term, Operation):
        yield from _facts(term.left)
        yield from _facts(term.right)
    elif isinstance(term, Fact):
        yield term
