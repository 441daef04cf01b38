"""`--as-of`: the past that a question is about, as a size of the log and an instant.

What was known at a log size is what its first entries say. A time means the entries that were written until then.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.verbs.contract import Request

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from passerelle.workflows.workspace import Workspace

_SIZE_DIGITS = 15


class AsOfRequest(Request):
    """A question that can be asked about the past."""

    as_of: str | None = Field(
        None,
        max_length=40,
        description="As was known then: a day, a time with its zone, or a size of the log. By default now.",
    )

    def point(self) -> str | None:
        """The point in time or in the log that is asked about."""
        return self.as_of


@dataclass(frozen=True, slots=True)
class AsOf:
    """What was known: entries with an index below `log_size`; and when: `at`, microseconds UTC."""

    log_size: int
    at: int
    past: bool = True
    """False: nothing was asked about the past, or there is none, so this is now."""


def resolved(workspace: "Workspace", connection: "Connection", request: AsOfRequest, now: int) -> AsOf:
    """The point in the log that `request` means; by default the whole of it, at `now`.

    A size means the instant of its last entry. Raises `DefinitionError` for anything that is no time and no size, and
    for a size that the log has not reached.
    """
    size = workspace.log().size(connection)
    point = request.point()
    if point is None:
        return AsOf(size, now, past=False)
    if point.isdecimal() and point.isascii() and len(point) <= _SIZE_DIGITS:
        return _at_size(connection, int(point), size)
    then = _at_time(connection, point, now)
    return then if size else AsOf(0, then.at, past=False)


def _at_size(connection: "Connection", wanted: int, size: int) -> AsOf:
    from passerelle.privacy.audit.entries import entry_time

    if not 1 <= wanted <= size:
        raise DefinitionError(f"The log has {size} entries; a size between 1 and that is needed.")
    return AsOf(wanted, entry_time(connection, wanted - 1))


def _at_time(connection: "Connection", text: str, now: int) -> AsOf:
    from passerelle.privacy.audit.entries import size_at

    at = asked_moment(text)
    if at > now:
        raise DefinitionError("That time has not come yet.")
    return AsOf(size_at(connection, at), at)


def asked_moment(text: str) -> int:
    """The instant meant by a day or a time with its zone. Raises `DefinitionError` for anything else."""
    from passerelle.workflows.intake.columns import moment

    found = moment(text)
    if found is None:
        raise DefinitionError("A time is written 2026-02-03T10:12:00Z, with its zone, or 2026-02-03.")
    return found
