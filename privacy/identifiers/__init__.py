"""Identifiers as each destination wants them: normalised, hashed where it says so, or refused with a reason.

Arrow in, Arrow out. Every function is pure: the same value and country give the same answer in whatever batch they
come. What cannot be sent is refused with a code of `REASONS`; nothing is ever hashed as an empty string.
"""

from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from passerelle.privacy.identifiers.columns import Normalized, Rule, apply, refused, text_column
from passerelle.privacy.identifiers.countries import country_code
from passerelle.privacy.identifiers.reasons import REASONS, Refusal
from passerelle.privacy.identifiers.rules import CANONICAL, RULES, is_hashed, supported
from passerelle.privacy.vocabulary import Destination, Field

__all__ = [
    "REASONS",
    "Normalized",
    "canonical",
    "country_codes",
    "is_hashed",
    "match_key",
    "normalize",
    "supported",
]

Column: TypeAlias = pa.Array | pa.ChunkedArray
Country: TypeAlias = str | pa.Array | pa.ChunkedArray | None
"""One country for all rows, or one per row; by code or by name. Null or unknown: none is assumed."""

_CODES = Rule(lambda value, _country: country_code(value))


def normalize(field: Field, destination: Destination, values: Column, country: Country = None) -> Normalized:
    """The readable normal form of each value for `destination`, or the reason why it cannot be sent.

    `values` are text; whole numbers and dates are taken too. `country` gives the reading of phone numbers without a
    country code, of postal codes, of American states and dates. One row out per row in.
    """
    return _run(RULES[destination].get(field), values, country)


def match_key(field: Field, destination: Destination, values: Column, country: Country = None) -> Normalized:
    """The wire form of each value: SHA-256 in lower-case hex where `is_hashed` says so, else as `normalize`.

    At most 30 million rows a call.
    """
    return _run(RULES[destination].get(field), values, country, hashed=is_hashed(field, destination))


def canonical(field: Field, values: Column, country: Country = None) -> Normalized:
    """The form by which two people are one: e-mail, phone in E.164 with its plus sign, external id.

    It depends on no destination. Raises `KeyError` for a field that identifies nobody.
    """
    return _run(CANONICAL[field], values, country)


def country_codes(values: Column) -> pa.StringArray:
    """ISO 3166 codes in capitals from codes of two or three letters and from names; null where there is none."""
    return _run(_CODES, values, None).value


def _run(rule: Rule | None, values: Column, country: Country, *, hashed: bool = False) -> Normalized:
    text, strange = text_column(values)
    if rule is None:
        return refused(values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values, Refusal.UNSUPPORTED)
    found = apply(rule, text, _codes(country) if rule.by_country else None, hashed=hashed)
    if strange is None:
        return found
    reason = pc.if_else(pa.array(strange), Refusal.NOT_TEXT.value, found.reason)
    return Normalized(found.value, reason)


def _codes(country: Country) -> pa.StringArray | str | None:
    if isinstance(country, str):
        code: str | None = country_codes(pa.array([country])).to_pylist()[0]
        return code
    return None if country is None else country_codes(country)
