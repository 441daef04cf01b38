"""From what a source sent to the types of a shape: column by column, never row by row.

A value that does not cast makes its record go to quarantine, with a reason that shows no value. A blank is no value.

| kind | text that is understood |
| --- | --- |
| integer | `42`, `-7`, `1 234` (any blank groups digits) |
| number, money | `59.90`, `59,90`, `1 234,56`, `1.234,56`, `1,234.56`; money also with `€` or `EUR`, kept as cents |
| boolean | true, oui, yes, vrai, on, 1, o, y, t; false, non, no, faux, off, 0, n, f |
| date | `2026-02-03`, `03/02/2026` and `03.02.2026` (day first) |
| timestamp | the same, followed or not by a time, with or without `Z` or an offset; without: the zone that is given |
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.compute as pc

from passerelle.connectors.contract.edges import stripped
from passerelle.connectors.contract.records import ARROW, Shape
from passerelle.connectors.contract.roles import Kind
from passerelle.connectors.contract.source import QUARANTINE

TRUE = ("true", "oui", "yes", "vrai", "on", "1", "o", "y", "t", "1.0")
FALSE = ("false", "non", "no", "faux", "off", "0", "n", "f", "0.0")

REASONS = {
    Kind.INTEGER: "not_an_integer",
    Kind.NUMBER: "not_a_number",
    Kind.MONEY: "not_an_amount",
    Kind.BOOLEAN: "not_a_boolean",
    Kind.DATE: "not_a_date",
    Kind.TIMESTAMP: "not_a_timestamp",
    Kind.STRING: "not_text",
}

_BLANKS = r"[\s\p{Z}]"
_WHOLE = r"^-?[0-9]{1,18}$"
_USUAL = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$"
"""How most systems write a moment: what is written so needs no other look."""
_MONTH_DAY = r"(0?[1-9]|[12][0-9]|3[01])[/.](0?[1-9]|1[0-2])[/.]([0-9]{4})"


@dataclass(frozen=True, slots=True)
class Typed:
    """Records cast to their shape, and what is wrong with some of them.

    `table` has `shape.schema`, a row for each that came in; a value that did not cast is null there, and its row is
    named in `bad` (`row` int64, `field`, `reason`). A row may be named more than once.
    """

    table: pa.Table
    bad: pa.Table


BAD = pa.schema([("row", pa.int64()), *[QUARANTINE.field(name) for name in ("field", "reason")]])


def typed(shape: Shape, rows: pa.Table, *, timezone: str) -> Typed:
    """Cast the columns of `rows`, which are named by the shape's fields. Times without a zone are in `timezone`."""
    columns: list[pa.ChunkedArray | pa.Array] = []
    bad: list[pa.Table] = []
    for field in shape.fields:
        given = rows.column(field.name).combine_chunks()
        values = cast(given, field.kind, timezone=timezone)
        columns.append(values)
        if field.kind is Kind.STRING or values.null_count == given.null_count:
            continue
        wrong = pc.indices_nonzero(pc.and_(values.is_null(), pc.invert(blank(given))))
        if len(wrong):
            bad.append(_named(wrong.cast(pa.int64()), field.name, REASONS[field.kind]))
    return Typed(pa.table(columns, schema=shape.schema), pa.concat_tables([BAD.empty_table(), *bad]))


def _named(rows: pa.Array, field: str, reason: str) -> pa.Table:
    count = len(rows)
    return pa.table([rows, pa.array([field] * count), pa.array([reason] * count)], schema=BAD)


def blank(values: pa.Array) -> pa.Array:
    """Where there is no value: null, or text of blanks alone."""
    if not is_text(values.type):
        return values.is_null()
    return pc.fill_null(pc.match_substring_regex(values, r"^[\s\p{Z}\x{200b}\x{feff}]*$"), True)


def is_text(kind: pa.DataType) -> bool:
    """Whether it is one of Arrow's text types."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def cast(values: pa.Array, kind: Kind, *, timezone: str) -> pa.Array:
    """`values` as `ARROW[kind]`; null where one does not cast."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if values.type == ARROW[kind] and kind is not Kind.STRING and kind is not Kind.MONEY:
        return values
    if is_text(values.type):
        return _FROM_TEXT[kind](stripped(values.cast(pa.string())), timezone)
    return _from_native(values, kind, timezone)


def _string(text: pa.Array, _timezone: str) -> pa.Array:
    return text


def _integer(text: pa.Array, _timezone: str) -> pa.Array:
    plain = _matching(text, _WHOLE)
    if plain.null_count > text.null_count:
        plain = _matching(_unsigned(_ungrouped(text)), _WHOLE)
    return plain.cast(pa.int64())


def _number(text: pa.Array, _timezone: str) -> pa.Array:
    return _matching(_unsigned(_dotted(text)), r"^-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$").cast(
        pa.float64()
    )


def _money(text: pa.Array, _timezone: str) -> pa.Array:
    bare = pc.replace_substring_regex(text, r"(?i)^€\s*|\s*(€|eur|euros?)$", "")
    plain = _matching(_unsigned(_dotted(bare)), r"^-?([0-9]{1,13}(\.[0-9]{0,30})?|\.[0-9]{1,30})$")
    # Nine digits after the point are more than any price has; the rest would overflow the decimal.
    trimmed = pc.replace_substring_regex(plain, r"^([^.]*\.[0-9]{9})[0-9]+$", r"\1")
    return _cents(pc.replace_substring_regex(trimmed, r"\.$", "").cast(pa.decimal128(24, 9)))


def _cents(amount: pa.Array) -> pa.Array:
    """Minor units, halves rounded away from zero."""
    rounded = pc.round(amount, ndigits=2, round_mode="half_towards_infinity")
    return pc.multiply(rounded.cast(pa.decimal128(18, 2)), pa.scalar(100, pa.int64())).cast(pa.int64())


def _boolean(text: pa.Array, _timezone: str) -> pa.Array:
    return _by_value(text, pa.bool_(), lambda value: _truth(value.casefold()))


def _truth(value: str) -> bool | None:
    return True if value in TRUE else False if value in FALSE else None


def _date(text: pa.Array, timezone: str) -> pa.Array:
    iso = _iso(text)
    plain = _matching(iso, r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
    days = _attempt(plain, pa.date32(), date.fromisoformat)
    with_time = pc.and_(plain.is_null(), iso.is_valid())
    if not pc.any(with_time, min_count=0).as_py():
        return days
    moments = _timestamp(pc.if_else(with_time, iso, pa.scalar(None, pa.string())), timezone)
    return pc.coalesce(days, moments.cast(pa.timestamp("us", tz=timezone)).cast(pa.date32()))


def _timestamp(text: pa.Array, timezone: str) -> pa.Array:
    utc = ARROW[Kind.TIMESTAMP]
    usual = _matching(text, _USUAL)
    if usual.null_count == text.null_count:
        return _attempt(usual, utc, _moment)
    iso = _iso(text)
    zoned = _matching(
        iso, r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)$"
    )
    naive = _matching(iso, r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?)?$")
    found = _attempt(_micro(zoned), utc, _moment)
    if naive.null_count < len(naive):
        local = _attempt(_micro(naive), pa.timestamp("us"), datetime.fromisoformat)
        found = pc.coalesce(found, _assume(local, timezone))
    return found


def _moment(value: str) -> datetime:
    return datetime.fromisoformat(value.upper()).astimezone(UTC)


def _assume(local: pa.Array, timezone: str) -> pa.Array:
    """Local times as UTC; of two possible moments the earlier, and the next one where the clock jumped over it."""
    return pc.assume_timezone(local, timezone, ambiguous="earliest", nonexistent="latest").cast(ARROW[Kind.TIMESTAMP])


def _micro(text: pa.Array) -> pa.Array:
    """At most six digits after the second's point."""
    return pc.replace_substring_regex(text, r"(\.[0-9]{6})[0-9]+", r"\1")


def _iso(text: pa.Array) -> pa.Array:
    """Day-first dates turned round."""
    if not pc.any(pc.match_substring_regex(text, "^" + _MONTH_DAY), min_count=0).as_py():
        return text
    for pattern, order in (
        ("^" + _MONTH_DAY + "$", r"\3-0\2-0\1"),
        ("^" + _MONTH_DAY + r",? +([0-9])", r"\3-0\2-0\1 \4"),
        (r"^([0-9]{4}-)0([0-9]{2}-)", r"\1\2"),
        (r"^([0-9]{4}-[0-9]{2}-)0([0-9]{2})", r"\1\2"),
    ):
        text = pc.replace_substring_regex(text, pattern, order)
    return text


def _ungrouped(text: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(text, rf"(?:{_BLANKS}|['\x{{2019}}])", "")


def _dotted(text: pa.Array) -> pa.Array:
    """Numbers with a point for their decimals: where both signs stand, the last one is the decimal sign."""
    if not pc.any(pc.match_substring_regex(text, rf"[,'\x{{2019}}]|{_BLANKS}"), min_count=0).as_py():
        return text
    text = _ungrouped(text)
    text = pc.replace_substring_regex(
        text, r"^([+-]?[0-9]{1,3})(?:\.([0-9]{3}))(?:\.([0-9]{3}))?,([0-9]*)$", r"\1\2\3.\4"
    )
    text = pc.replace_substring_regex(
        text, r"^([+-]?[0-9]{1,3})(?:,([0-9]{3}))(?:,([0-9]{3}))?\.([0-9]*)$", r"\1\2\3.\4"
    )
    return pc.replace_substring_regex(text, r"^([^.,]*),([^.,]*)$", r"\1.\2")


def _matching(text: pa.Array, pattern: str) -> pa.Array:
    return pc.if_else(pc.match_substring_regex(text, pattern), text, pa.scalar(None, pa.string()))


def _unsigned(text: pa.Array) -> pa.Array:
    """Without a leading plus, which Arrow does not read."""
    return pc.replace_substring_regex(text, r"^\+", "")


def _attempt(text: pa.Array, kind: pa.DataType, one: Callable[[str], object]) -> pa.Array:
    """Cast all at once; where one refuses (the 31st of February), value by distinct value."""
    try:
        return text.cast(kind)
    except pa.ArrowInvalid:
        return _by_value(text, kind, lambda value: _or_none(one, value))


def _or_none(one: Callable[[str], object], value: str) -> object:
    try:
        return one(value)
    except ValueError:
        return None


def _by_value(text: pa.Array, kind: pa.DataType, one: Callable[[str], object]) -> pa.Array:
    encoded = text.dictionary_encode()
    answers = pa.array([None if value is None else one(value) for value in encoded.dictionary.to_pylist()], kind)
    return answers.take(encoded.indices)


def _from_native(values: pa.Array, kind: Kind, timezone: str) -> pa.Array:
    given = values.type
    found = None
    if pa.types.is_timestamp(given):
        moments = values.cast(pa.timestamp("us", tz=given.tz), safe=False)
        moments = moments.cast(ARROW[Kind.TIMESTAMP]) if given.tz else _assume(moments, timezone)
        found = _from_moment(moments, kind, timezone)
    elif pa.types.is_date(given):
        found = _from_date(values, kind, timezone)
    elif pa.types.is_decimal(given) or pa.types.is_floating(given) or pa.types.is_integer(given):
        found = _from_number(values, kind, timezone)
    elif pa.types.is_boolean(given) and kind in {Kind.BOOLEAN, Kind.STRING, Kind.INTEGER}:
        found = values.cast(ARROW[kind])
    elif pa.types.is_binary(given) or pa.types.is_large_binary(given):
        found = _by_bytes(values, kind, timezone)
    return _nulls(values, kind) if found is None else found


def _from_date(values: pa.Array, kind: Kind, timezone: str) -> pa.Array | None:
    if kind is Kind.TIMESTAMP:
        return _assume(values.cast(pa.timestamp("us")), timezone)
    return values.cast(pa.date32()).cast(ARROW[kind]) if kind in {Kind.DATE, Kind.STRING} else None


def _from_moment(moments: pa.Array, kind: Kind, timezone: str) -> pa.Array:
    if kind is Kind.TIMESTAMP:
        return moments
    if kind is Kind.DATE:
        return moments.cast(pa.timestamp("us", tz=timezone)).cast(pa.date32())
    return pc.strftime(moments, "%Y-%m-%dT%H:%M:%SZ") if kind is Kind.STRING else _nulls(moments, kind)


def _from_number(values: pa.Array, kind: Kind, timezone: str) -> pa.Array | None:
    if kind is Kind.NUMBER:
        return values.cast(pa.float64())
    if kind is Kind.MONEY:
        return _amount(values)
    whole = _whole(values)
    if kind is Kind.STRING:
        return values.cast(pa.string()) if whole.null_count > values.null_count else whole.cast(pa.string())
    if kind is Kind.BOOLEAN:
        return _boolean(whole.cast(pa.string()), timezone)
    return whole if kind is Kind.INTEGER else None


def _amount(values: pa.Array) -> pa.Array:
    if not pa.types.is_floating(values.type):
        return _cents(values.cast(pa.decimal128(28, 9)))
    sane = pc.less(pc.abs(values), 1e13)  # also false of what is not a number
    bare = pc.if_else(sane, values.cast(pa.float64()), pa.scalar(None, pa.float64()))
    return pc.round(pc.multiply(bare, 100.0), round_mode="half_towards_infinity").cast(pa.int64())


def _whole(values: pa.Array) -> pa.Array:
    """Whole numbers as such; null where there is something after the point."""
    if pa.types.is_integer(values.type):
        return values.cast(pa.int64(), safe=False)
    whole = pc.if_else(pc.equal(pc.floor(values), values), values, pa.scalar(None, values.type))
    return whole.cast(pa.int64(), safe=False)


def _by_bytes(values: pa.Array, kind: Kind, timezone: str) -> pa.Array:
    try:
        return cast(values.cast(pa.string()), kind, timezone=timezone)
    except pa.ArrowInvalid:
        return _nulls(values, kind)


def _nulls(values: pa.Array, kind: Kind) -> pa.Array:
    return pa.nulls(len(values), ARROW[kind])


_FROM_TEXT: dict[Kind, Callable[[pa.Array, str], pa.Array]] = {
    Kind.STRING: _string,
    Kind.INTEGER: _integer,
    Kind.NUMBER: _number,
    Kind.MONEY: _money,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _date,
    Kind.TIMESTAMP: _timestamp,
}
