"""What PostgreSQL and SQLite have in common through ADBC: errors, and answers in batches."""

from collections.abc import Iterator
from typing import Any, Self

import adbc_driver_manager as adbc
import pyarrow as pa

from passerelle.connectors.errors import DefinitionError, Refused, TryLater
from passerelle.privacy.errors import PasserelleError

_WRONG = ("42", "22", "3F", "3D", "0A")
_NOT_LET_IN = ("28", "42501")


class answering:  # noqa: N801 - reads as a word in a with statement
    """Turns the driver's errors into ours: by their SQLSTATE, without their text."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, adbc.Error):
            raise translated(getattr(error, "sqlstate", None), wrong=isinstance(error, adbc.ProgrammingError)) from None
        if isinstance(error, OSError | pa.ArrowException):
            raise TryLater("The database stopped answering in the middle.") from None


def translated(state: str | None, *, wrong: bool) -> PasserelleError:
    """Our error for an SQLSTATE; `wrong`: the driver blames the statement."""
    code = state or ""
    if code.startswith(_NOT_LET_IN):
        return Refused(
            f"The database does not let us in or does not let us read (SQLSTATE {code}).",
            advice="Check the user, the password and its right to SELECT.",
        )
    if code.startswith(_WRONG) or (wrong and not code):
        return DefinitionError(
            f"The database cannot carry out the statement{f' (SQLSTATE {code})' if code else ''}.",
            advice="Check `table:` or `query:`.",
        )
    return TryLater("The database cannot be reached or is busy.", advice="Is it running, and is the address right?")


def batches(cursor: Any) -> Iterator[pa.Table]:  # noqa: ANN401 - an untyped driver's cursor
    """The batches of the last statement."""
    for batch in cursor.fetch_record_batch():
        yield pa.Table.from_batches([batch])
