"""How values are compared, word by word."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from tests.segmentation import naive
from tests.segmentation.world import T


def scaled(written: Any, scale: int) -> Any:  # noqa: ANN401 - a number, a text, yes or no
    plain = isinstance(written, str | bool)
    return written if plain else Fraction(str(written)) * scale


ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "is": lambda value, bound: bool(value == bound),
    "is_not": lambda value, bound: bool(value != bound),
    "at_least": lambda value, bound: bool(value >= bound),
    "at_most": lambda value, bound: bool(value <= bound),
    "more_than": lambda value, bound: bool(value > bound),
    "less_than": lambda value, bound: bool(value < bound),
}
OTHERS: Mapping[str, Callable[[Any, Any, int], bool]] = {
    "in": lambda value, asked, scale: value in [scaled(each, scale) for each in asked],
    "not_in": lambda value, asked, scale: value not in [scaled(each, scale) for each in asked],
    "between": lambda value, asked, scale: bool(scaled(asked[0], scale) <= value <= scaled(asked[1], scale)),
    "contains": lambda value, asked, _: asked.lower() in value.lower(),
    "starts_with": lambda value, asked, _: bool(value.lower().startswith(asked.lower())),
    "older_than": lambda value, asked, _: bool(value < T - naive.length(asked)),
    "newer_than": lambda value, asked, _: bool(value >= T - naive.length(asked)),
}
COMPARING = {*ORDER, *OTHERS, "missing"}
