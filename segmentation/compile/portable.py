"""What engines name differently or compute differently. Everything else is plain Ibis.

A function that has no common name is declared here under a name of ours, and each engine's dialect (`engines/`) has
its own words for it: a dialect that lacks one refuses the rule, so nothing is ever computed by a near miss.
"""

import sys
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Any

import ibis

Expr = Any
"""An Ibis expression: Ibis has no types that a checker could follow."""


class Portable(StrEnum):
    """Functions that each engine has its own words for."""

    EPOCH_US = "passerelle_epoch_us"
    SHA256 = "passerelle_sha256"
    MATCHES = "passerelle_matches"
    QUOTIENT = "passerelle_quotient"


@ibis.udf.scalar.builtin(name=Portable.EPOCH_US, signature=(("timestamp('UTC')",), "int64"))
def _epoch_us(at):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - a declaration
    """A UTC timestamp as µs since 1970."""


@ibis.udf.scalar.builtin(name=Portable.SHA256, signature=(("string",), "string"))
def _sha256(text):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - a declaration
    """SHA-256 of the UTF-8, in lower hex, compared by code point."""


@ibis.udf.scalar.builtin(name=Portable.MATCHES, signature=(("string", "string"), "boolean"))
def _matches(text, pattern):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - a declaration
    """Whether a pattern of characters, classes of characters and `^` is found in a text."""


@ibis.udf.scalar.builtin(name=Portable.QUOTIENT, signature=(("int64", "int64"), "int64"))
def _quotient(value, by):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - a declaration
    """Whole division of whole numbers, neither negative."""


def microseconds(at: Expr) -> Expr:
    """A UTC timestamp as µs since 1970, int64."""
    return _epoch_us(at)


def sha256_hex(text: Expr) -> Expr:
    """The SHA-256 of a text's UTF-8, in lower hex."""
    return _sha256(text)


def whole_division(value: Expr, by: int) -> Expr:
    """Value // by for values of zero and more, exactly: engines disagree on what / and // give for integers."""
    return quotient(value, ibis.literal(by, type="int64"))


def quotient(value: Expr, by: Expr) -> Expr:
    """Value // by for whole numbers, `value` not negative and `by` more than zero."""
    return _quotient(value, by)


def found_in(text: Expr, part: str, *, at_start: bool) -> Expr:
    """Whether `part` stands in a text, or at its start, small and capital letters alike.

    Engines disagree on what is the small letter of İ, ẞ or Σ, so none is asked: each character of `part` becomes the
    class of those that Python takes for the same letter, one by one.
    """
    pattern = ("^" if at_start else "") + "".join(_either(character) for character in part)
    return _matches(text, ibis.literal(pattern))


def _either(character: str) -> str:
    same = sorted(_same_letter().get(_small(character), {character}))
    if len(same) > 1:
        return f"[{''.join(same)}]"
    return f"\\{character}" if character in "\\^$.|?*+()[]{}" else character


def _small(character: str) -> str:
    small = character.lower()
    return small if len(small) == 1 else character


@cache
def _same_letter() -> Mapping[str, set[str]]:
    """By small letter, all characters that have it as theirs; of letters with two forms or more."""
    found: dict[str, set[str]] = {}
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        small = character.lower()
        if len(small) == 1 and small != character:
            found.setdefault(small, {small}).add(character)
    return found


def rounded(value: Expr) -> Expr:
    """The nearest whole number as int64, halves upwards: `round` differs between engines, floor does not."""
    return (value + 0.5).floor().cast("int64")


def known(value: Expr) -> Expr:
    """False where a condition is unknown: a comparison with nothing never holds."""
    return value.fill_null(False)


def one(condition: Expr) -> Expr:
    """1 where it holds, else 0."""
    return condition.ifelse(ibis.literal(1, type="int64"), ibis.literal(0, type="int64"))


def whole_sum(value: Expr, where: Expr | None = None) -> Expr:
    """A sum of whole numbers as int64. Engines widen it; Ibis believes int64 and would leave a plain cast out."""
    return value.sum(where=where).cast("decimal(38, 0)").cast("int64")


def squared_sum(value: Expr) -> Expr:
    """The sum of the squares of whole numbers, which 64 bits need not hold."""
    wide = value.cast("decimal(19, 0)")
    return (wide * wide).sum()
