"""MySQL and MariaDB, by PyMySQL: no ADBC driver for them is on PyPI. Streamed by the server, every value as text."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Self
from urllib.parse import SplitResult, unquote

import pyarrow as pa
import pymysql
from pymysql.cursors import SSCursor

from passerelle.connectors.errors import DefinitionError, Refused, TryLater
from passerelle.connectors.sources.sql.server import Column
from passerelle.connectors.sources.sql.statement import column as of_records
from passerelle.connectors.sources.sql.statement import quoted
from passerelle.privacy.errors import PasserelleError

_ROWS = 16_384
_HERE = "\x00"
_NOT_LET_IN = frozenset({1044, 1045, 1142, 1143, 1227})


class Mysql:
    """A server, in a read-only session that speaks UTC."""

    quote = partial(quoted, mark="`")

    def __init__(self, where: SplitResult) -> None:
        with _answering():
            self._connection: Any = pymysql.connect(
                host=where.hostname or "127.0.0.1",
                port=where.port or 3306,
                user=unquote(where.username or ""),
                password=unquote(where.password or ""),
                database=unquote(where.path.removeprefix("/")),
                charset="utf8mb4",
                connect_timeout=10,
                read_timeout=300,
                cursorclass=SSCursor,
                local_infile=False,
                init_command="SET SESSION TRANSACTION READ ONLY",
            )
            with self._connection.cursor() as cursor:
                cursor.execute("SET time_zone = '+00:00'")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._connection.close()

    def columns(self, table: str) -> list[Column]:
        """Names; every value comes as text."""
        with _answering(), self._connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {bound(table)} LIMIT 0", ())  # noqa: S608 - quoted names
            return [Column(one[0], "", native=False) for one in cursor.description or ()]

    def shown(self, column: Column) -> str:
        """As text."""
        name, shown = self.quote(column.name), of_records(column.name, self.quote)
        return f"CAST({shown} AS CHAR) AS {name}"

    def place(self, _number: int, column: Column) -> str:
        """Numbers are compared as such; dates understand text."""
        return f"CAST({_HERE} AS SIGNED)" if column.type == "integer" else _HERE

    def rows(self, sql: str, parameters: Sequence[str]) -> Iterator[pa.Table]:
        """Text columns, a few thousand rows at a time."""
        with _answering(), self._connection.cursor() as cursor:
            cursor.execute(bound(sql), tuple(parameters))
            names = [one[0] for one in cursor.description or ()]
            while rows := cursor.fetchmany(_ROWS):
                columns = zip(*rows, strict=True)
                yield pa.table(
                    {name: pa.array(column, pa.string()) for name, column in zip(names, columns, strict=True)}
                )


def bound(sql: str) -> str:
    """SQL as the driver wants it: `%s` where a parameter goes, and no other percent sign taken for one."""
    return sql.replace("%", "%%").replace(_HERE, "%s")


class _answering:  # noqa: N801 - reads as a word in a with statement
    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, pymysql.MySQLError):
            raise _translated(error) from None


def _translated(error: pymysql.MySQLError) -> PasserelleError:
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    if code in _NOT_LET_IN:
        return Refused(
            f"The database does not let us in or does not let us read (error {code}).",
            advice="Check the user, the password and its right to SELECT.",
        )
    if isinstance(error, pymysql.ProgrammingError) or code in {1054, 1049, 1146}:
        return DefinitionError(f"The database cannot carry out the statement (error {code}).", advice="Check `table:`.")
    return TryLater("The database cannot be reached or is busy.", advice="Is it running, and is the address right?")
