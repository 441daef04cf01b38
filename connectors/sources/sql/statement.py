"""The statements: names quoted, values bound, everything that is asked for and nothing else."""

from dataclasses import dataclass

from passerelle.connectors.sources.sql.server import Quote
from passerelle.connectors.sources.sql.settings import SqlSettings

_ALIAS = "records"


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the records: those whose `column` is filled, in its order, from a value on; or those where it is blank.

    `strictly`: greater than the value, not equal to it. No column: everything, in no order.
    """

    column: str | None = None
    value: str | None = None
    strictly: bool = False
    blank: bool = False


def table(settings: SqlSettings, quote: Quote) -> str:
    """What to select from, as `records`: the quoted table, or the query as a derived table."""
    if settings.query is not None:
        found = f"({settings.query.strip().rstrip(';')})"
    else:
        found = ".".join(quote(part) for part in (settings.table or "").split("."))
    return f"{found} AS {quote(_ALIAS)}"


def column(name: str, quote: Quote) -> str:
    """A column of `records`: never its namesake in the answer, which may be of another type and sort differently."""
    return f"{quote(_ALIAS)}.{quote(name)}"


def quoted(name: str, mark: str) -> str:
    """A name that can be nothing but a name, between two marks."""
    return mark + name.replace(mark, mark * 2) + mark
