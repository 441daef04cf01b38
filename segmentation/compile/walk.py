"""What a rule rests on: the operands, sequences and thresholds inside it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from passerelle.segmentation.rules import (
    Aggregate,
    AllOf,
    AnyOf,
    Column,
    Compare,
    InSegment,
    Not,
    Operand,
    OperandRef,
    Rfm,
    RfmGroup,
    Rule,
    Score,
    Sequence,
    Threshold,
    ThresholdRef,
)


@dataclass(slots=True)
class Needs:
    """Each thing once, in the order met."""

    operands: dict[Column | Aggregate, None] = field(default_factory=dict)
    sequences: dict[Sequence, None] = field(default_factory=dict)
    thresholds: dict[str, ThresholdRef] = field(default_factory=dict)
    rfm: Rfm | None = None

    def add_rule(self, rule: Rule) -> None:
        """Collect what `rule` rests on."""
        match rule:
            case AllOf() | AnyOf():
                for part in rule.rules:
                    self.add_rule(part)
            case Not():
                self.add_rule(rule.rule)
            case Sequence():
                self.sequences.setdefault(rule)
            case RfmGroup():
                self._add_rfm(rule.rfm)
            case InSegment():
                pass  # its own rule is collected where it is compiled
            case _:
                self.add_operand(rule.operand)
                if isinstance(rule, Compare):
                    self._add_target(rule.target)

    def add_operand(self, operand: Operand) -> None:
        """Collect what `operand` is computed from."""
        if isinstance(operand, Score):
            self._add_rfm(operand.rfm)
        elif isinstance(operand, Column | Aggregate):
            self.operands.setdefault(operand)

    def _add_target(self, target: object) -> None:
        if isinstance(target, OperandRef):
            self.add_operand(target.operand)
        elif isinstance(target, ThresholdRef):
            self.thresholds.setdefault(target.label, target)
            self._add_threshold(target.threshold)

    def _add_threshold(self, threshold: Threshold) -> None:
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


def needs_of(rules: Iterable[Rule]) -> Needs:
    """What all of `rules` rest on."""
    needs = Needs()
    for rule in rules:
        needs.add_rule(rule)
    return needs


def tables_of(needs: Needs, thresholds: Iterable[ThresholdRef]) -> Iterator[str]:
    """Names of the tables that are read."""
    for operand in needs.operands:
        if isinstance(operand, Column):
            yield operand.table
        else:
            yield from (selection.table for selection in operand.selections)
    for sequence in needs.sequences:
        for step in (*sequence.steps, *([sequence.absent] if sequence.absent else [])):
            yield from (selection.table for selection in step.selections)
        yield from sequence.event_tables
    for reference in thresholds:
        if reference.threshold.metric is not None:
            yield from (selection.table for selection in reference.threshold.metric.selections)
