"""Values as people write them, in the units that the lake stores."""

from datetime import date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from passerelle.segmentation.rules import Sort, ValueType
from passerelle.segmentation.wrong import Place

CENTS = 100
"""In a unit of money, which the lake stores in cents."""

_WANTED = {
    Sort.BOOLEAN: "`true` or `false`",
    Sort.NUMBER: "a number without quotes",
    Sort.MONEY: "an amount such as 120.50, without quotes",
    Sort.TEXT: "a text; put a number in quotes",
    Sort.TIME: 'a date such as "2026-03-01"',
}


def literal(value: object, kind: ValueType, timezone: str, place: Place) -> bool | int | Decimal | str:
    """`value` in the stored units of `kind`: money in cents, dates in µs UTC. Raises `Misdefined` for another sort."""
    stored = _stored(value, kind, timezone)
    if stored is None:
        raise place.wrong(f"This is compared with a {kind.sort}, so it must be {_WANTED[kind.sort]}.")
    return stored


def _stored(value: object, kind: ValueType, timezone: str) -> bool | int | Decimal | str | None:
    match kind.sort, value:
        case Sort.BOOLEAN, bool():
            return value
        case Sort.TEXT, str():
            return value
        case Sort.TIME, str():
            return instant(value, "UTC" if kind.unit else timezone)  # plain days are stored as midnight UTC
        case Sort.NUMBER, Decimal():
            return whole(value)
        case Sort.MONEY, Decimal():
            return whole(value * CENTS)
        case _:
            return None


def whole(number: Decimal) -> int | Decimal:
    """The number as an int where it is one."""
    return int(number) if number == number.to_integral_value() else number


def instant(text: str, timezone: str) -> int | None:
    """A date or a date and time in ISO 8601 as µs since 1970 UTC; without an offset it is in `timezone`."""
    try:
        moment = datetime.fromisoformat(text)
        if len(text) == len("2026-03-01"):
            moment = datetime.combine(date.fromisoformat(text), time.min)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(timezone))
    return microseconds(moment)


def microseconds(moment: datetime) -> int:
    """µs since 1970 UTC, exactly."""
    epoch = datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC"))
    elapsed = moment - epoch
    return (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds


def in_words(value: object, kind: ValueType) -> str:
    """A stored value as people read it."""
    if value is None:
        return "unknown"
    if kind.sort is Sort.MONEY:
        return f"{Decimal(str(value)) / CENTS:.2f}"
    if kind.sort is Sort.TIME and isinstance(value, int):
        moment = datetime.fromtimestamp(value // 1_000_000, tz=ZoneInfo("UTC"))
        return moment.strftime("%Y-%m-%d" if kind.unit else "%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)
