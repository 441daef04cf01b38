"""Rules in words, for people who did not write them."""

from collections.abc import Mapping
from decimal import Decimal

from passerelle.segmentation.facts import Coded, Constant, Formula, Moments, Operation, Passage, Season, Sessions, Term
from passerelle.segmentation.language.words import in_words as length_in_words
from passerelle.segmentation.literals import in_words
from passerelle.segmentation.rules import (
    Age,
    Aggregate,
    AllOf,
    AnyOf,
    Assigned,
    Called,
    Column,
    Comparator,
    Compare,
    EventField,
    Fact,
    InSegment,
    Missing,
    Not,
    OneOf,
    Operand,
    OperandRef,
    RfmGroup,
    Rule,
    Score,
    Scored,
    Selection,
    Sequence,
    SequenceStep,
    TextMatch,
    ThresholdRef,
    Top,
)

Names = Mapping[Fact, str]
"""What model.yaml calls its traits."""

COMPARATORS: Mapping[Comparator, str] = {
    "is": "is",
    "is_not": "is not",
    "at_least": "is at least",
    "at_most": "is at most",
    "more_than": "is more than",
    "less_than": "is less than",
}
_SCORES = {"r": "recency score", "f": "frequency score", "m": "money score"}
_MEASURES = {
    "number": "number of sessions",
    "length": "mean length of sessions",
    "events": "mean number of events in sessions",
    "weighted": "events weighted by the length of sessions",
}
_STATISTICS = {
    "sum": "sum of",
    "avg": "mean of",
    "min": "smallest",
    "max": "greatest",
    "first": "first",
    "last": "last",
    "favourite": "favourite",
    "distinct": "number of different",
}


def operand(item: Operand, names: Names) -> str:
    """What a value is called, or else how it is computed."""
    match item:
        case Score():
            return _SCORES[item.part]
        case EventField():
            return item.column
        case Assigned():
            return f"group of {item.cluster}" if item.part == "group" else f"distance in {item.cluster}"
        case Scored():
            return f"score {item.score}"
        case Column():
            return names.get(item, item.column)
        case _:
            return names.get(item) or _fact(item, names)


def _fact(  # noqa: PLR0911 - one per kind
    item: Aggregate | Sessions | Passage | Moments | Season | Coded | Formula, names: Names
) -> str:
    match item:
        case Aggregate():
            return _aggregate(item)
        case Sessions():
            return f"{_MEASURES[item.measure]} of {events(item.selections, names)}"
        case Passage():
            return f"mean time from {events(item.start, names)} to {events(item.end, names)}"
        case Moments():
            what = " and ".join(events(selections, names) for selections, _ in item.parts)
            return f"number of moments of {what}"
        case Season():
            return f"seasonal index of {events(item.selections, names)}"
        case Coded():
            return f"code of {operand(item.of, names)}"
        case Formula():
            return term(item.term, names)


def term(item: Term, names: Names) -> str:
    """A formula as it is written."""
    match item:
        case Constant():
            return f"{item.amount.normalize():f}"
        case Operation():
            return f"({term(item.left, names)} {item.operator} {term(item.right, names)})"
        case _:
            return operand(item, names)


def _aggregate(item: Aggregate) -> str:  # noqa: PLR0911 - one per statistic
    about = events(item.selections, names={})
    match item.statistic:
        case "count":
            return f"number of {about}"
        case "periods":
            return f"number of periods of {length_in_words(item.unit)} with {about}"
        case "since_last":
            return f"time since the last {about}"
        case "since_first":
            return f"time since the first {about}"
        case "mean_gap":
            return f"mean time between {about}"
        case "own_gaps":
            return f"time since the last {about} in own mean gaps"
        case "decayed":
            return f"number of {about}, halved every {length_in_words(item.unit)}"
        case _:
            return f"{_STATISTICS[item.statistic]} {item.column} of {about}"


def events(selections: tuple[Selection, ...], names: Names) -> str:
    """Which events, and when."""
    kinds = sorted({name for selection in selections for name in selection.events})
    first = selections[0]
    text = " or ".join(kinds)
    if first.where:
        text += " whose " + " and ".join(rule(part, names) for part in first.where)
    return text + when(first.within, first.until)


def when(within: int | None, until: int | None) -> str:
    """A window, after what happened in it; empty for ever."""
    if within is not None and until:
        return f" between {length_in_words(within)} and {length_in_words(until)} ago"
    if within is not None:
        return f" in the last {length_in_words(within).removeprefix('1 ')}"
    return f" more than {length_in_words(until)} ago" if until else ""


def target(item: Compare, names: Names) -> str:
    """What a value is compared with, without figures that change from run to run."""
    found = item.target
    if isinstance(found, ThresholdRef):
        return f"{_times(found.times)}the threshold {found.name or 'computed for this rule'}"
    if isinstance(found, OperandRef):
        return f"{_times(found.times)}{operand(found.operand, names)}"
    return in_words(found, item.operand.type)


def _times(times: Decimal) -> str:
    return "" if times == 1 else f"{times.normalize():f} times "


def rule(item: Rule, names: Names) -> str:  # noqa: C901, PLR0911, PLR0912 - one line per kind
    """A rule as a sentence without its subject."""
    match item:
        case AllOf():
            return "all of: " + "; ".join(rule(part, names) for part in item.rules)
        case AnyOf():
            return "any of: " + "; ".join(rule(part, names) for part in item.rules)
        case Not():
            return f"not: {rule(item.rule, names)}"
        case Called():
            return item.words
        case InSegment():
            return f"is in the segment {item.name}"
        case RfmGroup():
            return f"is in the RFM group {item.name}"
        case Sequence():
            return _sequence(item, names)
        case Top():
            size = f"{item.n}" if item.percent is None else f"{item.percent.normalize():f} %"
            return f"is in the top {size} by {operand(item.operand, names)}"
        case Missing():
            return f"{operand(item.operand, names)} is {'unknown' if item.missing else 'known'}"
        case OneOf():
            values = ", ".join(in_words(value, item.operand.type) for value in item.values)
            return f"{operand(item.operand, names)} is {'none' if item.negated else 'one'} of {values}"
        case TextMatch():
            return f"{operand(item.operand, names)} {'starts with' if item.at_start else 'contains'} {item.text}"
        case Age():
            side = "at most" if item.newer else "more than"
            return f"{operand(item.operand, names)} is {side} {length_in_words(item.length)} ago"
        case Compare():
            happened = _happened(item, names)
            return happened or f"{operand(item.operand, names)} {COMPARATORS[item.comparator]} {target(item, names)}"


def _happened(item: Compare, names: Names) -> str:
    """`did … ` and `did not …`, for counts that model.yaml has no name for."""
    count = item.operand
    if not isinstance(count, Aggregate) or count.statistic != "count" or count in names:
        return ""
    match item.comparator, item.target:
        case "at_least", 1:
            return f"did {events(count.selections, names)}"
        case "at_most", 0:
            return f"did not {events(count.selections, names)}"
        case _:
            return ""


def _sequence(item: Sequence, names: Names) -> str:
    parts = [_step(step, names, index) for index, step in enumerate(item.steps)]
    if item.absent is not None:
        wait = length_in_words(item.absent.within or 0)
        parts.append(f"no {events(item.absent.selections, names)} within {wait} after it")
    text = ", then ".join(parts)
    return text if item.longest is None else f"{text}, all within {length_in_words(item.longest)}"


def _step(step: SequenceStep, names: Names, index: int) -> str:
    text = events(step.selections, names)
    if step.immediately:
        text = f"as the very next event {text}"
    return text if index == 0 or step.within is None else f"{text} within {length_in_words(step.within)}"
