"""Times as an auditor reads them."""

from datetime import UTC, datetime, timedelta
from typing import overload

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@overload
def iso(micros: int) -> str: ...
@overload
def iso(micros: int | None) -> str | None: ...
def iso(micros: int | None) -> str | None:
    """ISO 8601 in UTC, to the second; None stays None."""
    if micros is None:
        return None
    return (_EPOCH + timedelta(microseconds=micros)).replace(microsecond=0).isoformat().replace("+00:00", "Z")
