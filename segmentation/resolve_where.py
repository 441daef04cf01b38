"""Comparisons into typed rules: every value is of the sort that it is compared with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from passerelle.segmentation.language.comparisons import ORDERINGS, Comparison
from passerelle.segmentation.language.words import Closed
from passerelle.segmentation.literals import literal
from passerelle.segmentation.rules import (
    Age,
    Comparator,
    Compare,
    EventField,
    Missing,
    OneOf,
    Operand,
    Rule,
    Sort,
    Target,
    TextMatch,
    ValueType,
)
from passerelle.segmentation.wrong import Place

Refer = Callable[[Closed, ValueType, Place], Target]
"""Resolves a reference (a threshold, another trait) that must be of a type."""

_ORDERED = {Sort.NUMBER, Sort.MONEY, Sort.TIME}


def resolve_where(
    where: Mapping[str, Comparison] | None, types: Mapping[str, ValueType], timezone: str, place: Place
) -> tuple[Rule, ...]:
    """The filters on an event's columns, in the order of their names."""
    rules: list[Rule] = []
    for column, comparison in sorted((where or {}).items()):
        if column not in types:
            raise (place / column).unknown("column of these events", column, types)
        context = ComparisonContext(EventField(column, types[column]), timezone, place / column, _no_reference)
        rules += context.rules(comparison)
    return tuple(rules)


def _no_reference(_reference: Closed, _type: ValueType, place: Place) -> Target:
    raise place.wrong("A `where` on events compares with plain values only.")


@dataclass(frozen=True, slots=True)
class ComparisonContext:
    """What is compared, where that stands, and how references are looked up."""

    operand: Operand
    timezone: str
    place: Place
    refer: Refer

    def rules(self, comparison: Comparison) -> list[Rule]:
        """One rule per word of the comparison, in a fixed order."""
        found: list[Rule] = []
        for word, value in (("is", comparison.is_), ("is_not", comparison.is_not)):
            if value is not None:
                found.append(self._compare("is" if word == "is" else "is_not", value, self.place / word))
        for ordering in ORDERINGS:
            value = getattr(comparison, ordering)
            if value is not None:
                found.append(self._compare(ordering, value, self.place / ordering))
        return [*found, *self._between(comparison), *self._sets(comparison), *self._texts_and_dates(comparison)]

    def _compare(self, comparator: Comparator, value: object, place: Place) -> Rule:
        kind = self.operand.type
        if comparator in ORDERINGS and kind.sort not in _ORDERED:
            raise place.wrong(f"A {kind.sort} has no more or less.", "Use `is`, `is_not`, `in` or `not_in`.")
        if isinstance(value, Closed):
            return Compare(self.operand, comparator, self.refer(value, kind, place))
        return Compare(self.operand, comparator, literal(value, kind, self.timezone, place))

    def _between(self, comparison: Comparison) -> list[Rule]:
        if comparison.between is None:
            return []
        place = self.place / "between"
        low = self._compare("at_least", comparison.between[0], place / 0)
        high = self._compare("at_most", comparison.between[1], place / 1)
        if isinstance(low, Compare) and isinstance(high, Compare) and low.target > high.target:  # type: ignore[operator]
            raise place.wrong("This can never hold: the first value must not be more than the second.")
        return [low, high]

    def _sets(self, comparison: Comparison) -> list[Rule]:
        kind = self.operand.type
        found: list[Rule] = []
        for word, values in (("in", comparison.in_), ("not_in", comparison.not_in)):
            if values is not None:
                place = self.place / word
                stored = {literal(value, kind, self.timezone, place / i) for i, value in enumerate(values)}
                found.append(OneOf(self.operand, tuple(sorted(stored, key=str)), word == "not_in"))
        return found

    def _texts_and_dates(self, comparison: Comparison) -> list[Rule]:
        kind = self.operand.type
        found: list[Rule] = []
        for word, text in (("contains", comparison.contains), ("starts_with", comparison.starts_with)):
            if text is not None:
                self._must_be(Sort.TEXT, word, kind)
                found.append(TextMatch(self.operand, text, word == "starts_with"))
        for word, length in (("older_than", comparison.older_than), ("newer_than", comparison.newer_than)):
            if length is not None:
                self._must_be(Sort.TIME, word, kind)
                found.append(Age(self.operand, length, word == "newer_than"))
        if comparison.missing is not None:
            found.append(Missing(self.operand, comparison.missing))
        return found

    def _must_be(self, sort: Sort, word: str, kind: ValueType) -> None:
        if kind.sort is not sort:
            raise (self.place / word).wrong(f"`{word}` is for a {sort}, and this is a {kind.sort}.")
