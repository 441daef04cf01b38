"""The statements: names quoted, values bound, everything that is asked for and nothing else."""

from dataclasses import dataclass

from passerelle.connectors.sources.sql.settings import SqlSettings


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the records: those whose `column` is filled, in its order, from a value on; or those where it is blank.

    `strictly`: greater than the value, not equal to it. No column: everything, in no order.
    """

    column: str | None = None
    value: str | None = None
    strictly: bool = False
    blank: bool = False


def table(settings: SqlSettings, quote: str) -> str:
    """What to select from: the quoted table, or the query as a derived table."""
    if settings.query is not None:
        return f"({settings.query.strip().rstrip(';')}) AS {quoted('records', quote)}"
    return ".".join(quoted(part, quote) for part in (settings.table or "").split("."))


def quoted(name: str, quote: str) -> str:
    """A name that can be nothing but a name."""
    return quote + name.replace(quote, quote * 2) + quote
