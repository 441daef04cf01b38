"""What the source needs of a database, whichever it is."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

import pyarrow as pa

Quote = Callable[[str], str]
"""Makes of a name what can be nothing but a name."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, its type as the database calls it, and whether Arrow carries that type as it is."""

    name: str
    type: str
    native: bool


class Server(Protocol):
    """A read-only connection, closed as a context manager. Its errors are ours, and quote nothing of the database's."""

    @property
    def quote(self) -> Quote:
        """A name as it must stand in a statement."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(self, *_exception: object) -> None: ...

    def columns(self, table: str) -> list[Column]:
        """The columns of `table` (already quoted), in order."""
        ...

    def shown(self, column: Column) -> str:
        """The expression that selects a column."""
        ...

    def place(self, number: int, column: Column) -> str:
        """The placeholder of parameter `number` (from 1), to be compared with `column`."""
        ...

    def rows(self, sql: str, parameters: Sequence[str]) -> Iterator[pa.Table]:
        """The answer, streamed."""
        ...


@runtime_checkable
class Priced(Protocol):
    """A server whose statements cost by what they read."""

    @property
    def price(self) -> str:
        """What the statements so far cost, in words."""
        ...
