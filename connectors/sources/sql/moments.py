"""Cursor values as the database writes them: moved back, or held at now, in the very form that they came in.

Text is compared letter by letter in SQLite, so a value that was moved must keep its separators and its zone.
"""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from passerelle.connectors.errors import DefinitionError

_FORM = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)(?:(?P<gap>[T ])(?P<time>\d\d:\d\d(?::\d\d)?)(?P<fraction>\.\d+)?)?"
    r"(?P<zone>Z|z|[+-]\d\d(?::?\d\d)?)?"
)


def earlier(value: str, microseconds: int) -> str:
    """`value` moved back by so much."""
    return _written(value, _local(value) - timedelta(microseconds=microseconds))


def not_after(value: str, now: int, timezone: str) -> str:
    """`value`, or now in its form where it lies in the future."""
    local = _local(value)
    zone = _FORM.fullmatch(value)
    offset = zone.group("zone") if zone is not None else None
    place = datetime.fromisoformat(f"2000-01-01T00:00:00{offset.upper()}").tzinfo if offset else ZoneInfo(timezone)
    present = datetime.fromtimestamp(now / 1e6, UTC).astimezone(place).replace(tzinfo=None)
    return value if local <= present else _written(value, present)


def _local(value: str) -> datetime:
    found = _FORM.fullmatch(value)
    if found is None:
        raise DefinitionError(
            "The cursor's values are not dates such as 2026-02-03T10:12:00, so they cannot be compared.",
            advice="Name another cursor, use a `query:` that writes it so, or take the cursor away to read everything.",
        )
    return datetime.fromisoformat(f"{found['date']}T{found['time'] or '00:00'}{(found['fraction'] or '')[:7]}")


def _written(value: str, moment: datetime) -> str:
    found = _FORM.fullmatch(value)
    if found is None or found["time"] is None:
        return moment.strftime("%Y-%m-%d") + (found["zone"] or "" if found else "")
    time = moment.strftime("%H:%M:%S" if len(found["time"]) > len("00:00") else "%H:%M")
    digits = len(found["fraction"] or ".") - 1
    fraction = "." + f"{moment.microsecond:06d}".ljust(digits, "0")[:digits] if digits else ""
    return f"{moment:%Y-%m-%d}{found['gap']}{time}{fraction}{found['zone'] or ''}"
