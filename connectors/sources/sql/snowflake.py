"""Snowflake, by its own connector: one SELECT at a time, its answer as Arrow in the order of the statement.

A name in small letters is written as Snowflake's own SQL takes it without quotes: `orders` is ORDERS there.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Self
from urllib.parse import SplitResult, unquote

import pyarrow as pa

from passerelle.connectors.errors import DefinitionError, Refused, TryLater
from passerelle.connectors.sources.sql.server import Column
from passerelle.connectors.sources.sql.statement import column as of_records
from passerelle.connectors.sources.sql.statement import quoted
from passerelle.connectors.sources.sql.warehouse import endpoint, folders, options
from passerelle.privacy.errors import PasserelleError
from passerelle.privacy.extras import need
from passerelle.privacy.secret_file import read_secret

logging.getLogger("snowflake").setLevel(logging.ERROR)  # it logs statements, and proxies at each login

_SMALL, _CAPITAL = re.compile(r"[a-z_][a-z0-9_$]*"), re.compile(r"[A-Z_][A-Z0-9_$]*")
_KINDS = (
    "NUMBER", "REAL", "TEXT", "DATE", "TIMESTAMP_NTZ", "VARIANT", "TIMESTAMP_LTZ", "TIMESTAMP_TZ", "TIMESTAMP_NTZ",
    "OBJECT", "ARRAY", "BINARY", "TIME", "BOOLEAN",
)  # fmt: skip
"""Snowflake's kinds of value, by the connector's number."""
_NATIVE = frozenset({"REAL", "TEXT", "DATE", "BOOLEAN"})
_COMPARED = frozenset({"NUMBER", "DATE", "TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP_TZ"})
_MOMENT = "YYYY-MM-DD HH24:MI:SS.FF6"
_SESSION = {
    "TIMEZONE": "UTC",
    "TIMESTAMP_NTZ_OUTPUT_FORMAT": _MOMENT,
    "TIMESTAMP_LTZ_OUTPUT_FORMAT": f"{_MOMENT}TZH:TZM",
    "TIMESTAMP_TZ_OUTPUT_FORMAT": f"{_MOMENT}TZH:TZM",
    "CLIENT_TELEMETRY_ENABLED": False,
}
_NOT_LET_IN = ("28", "42501")
_LOGIN = 390
"""Errors 390xxx are about logging in."""
_PATIENCE = 60


class Snowflake:
    """An account, with a database and a schema in it."""

    def __init__(self, where: SplitResult, key: Path | None) -> None:
        place = folders(where)
        if not where.hostname or not where.username or len(place) > 2:  # noqa: PLR2004 - database, schema
            raise DefinitionError(
                "An address of Snowflake is snowflake://user@account/database/schema?warehouse=name.", path=("url",)
            )
        asked = options(where, {"endpoint", "role", "warehouse"})
        named = dict(zip(("database", "schema"), map(folded, place), strict=False))
        self._connection = connected(
            account=where.hostname,
            user=unquote(where.username),
            **_login(where, key),
            **_elsewhere(endpoint(asked.pop("endpoint", None))),
            **named,
            **asked,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        with _answering():
            self._connection.close()

    @staticmethod
    def quote(name: str) -> str:
        """Small letters as capital ones; others as they stand."""
        return quoted(folded(name), '"')

    def columns(self, table: str) -> list[Column]:
        """Names and types; nothing runs in a warehouse."""
        with _answering(), self._connection.cursor() as cursor:
            return [_column(one) for one in cursor.describe(f"SELECT * FROM {table}")]  # noqa: S608 - quoted names

    def shown(self, column: Column) -> str:
        """As it is, or as text; under the name that was asked for."""
        shown, name = of_records(column.name, self.quote), quoted(column.name, '"')
        return f"{shown} AS {name}" if column.native else f"CAST({shown} AS VARCHAR) AS {name}"

    def place(self, _number: int, column: Column) -> str:
        """Text, cast to the column's type."""
        return f"CAST(? AS {column.type})" if column.type in _COMPARED else "?"

    def rows(self, sql: str, parameters: Sequence[str]) -> Iterator[pa.Table]:
        """Columns in Arrow's types."""
        with _answering(), self._connection.cursor() as cursor:
            cursor.execute(sql, tuple(parameters) or None)
            yield from cursor.fetch_arrow_batches()

    # --- for the engine, which writes into a schema of its own
    def answer(self, sql: str) -> pa.Table:
        """The rows of a query, at once."""
        with _answering(), self._connection.cursor() as cursor:
            cursor.execute(sql)
            rows: pa.Table = cursor.fetch_arrow_all(force_return_table=True)
            return rows

    def run(self, sql: str, file: IO[bytes] | None = None) -> None:
        """Carry out a statement; `file` is what a `PUT` sends."""
        with _answering(), self._connection.cursor() as cursor:
            cursor.execute(sql, file_stream=file)


def connected(**how: Any) -> Any:  # noqa: ANN401 - an untyped connection
    """A session that speaks UTC, binds values by the server, and reports nothing to its vendor."""
    need("snowflake.connector", "Snowflake's connector", "pip install 'passerelle[snowflake]'")
    import snowflake.connector as driver

    with _answering():
        return driver.connect(
            paramstyle="qmark",
            session_parameters=dict(_SESSION),
            login_timeout=_PATIENCE,
            enable_server_session_keep_alive_auto_detection=False,
            **how,
        )


def _login(where: SplitResult, key: Path | None) -> dict[str, str]:
    if key is not None:
        read_secret(key)  # refuses one that others may read
        return {"private_key_file": str(key), "authenticator": "SNOWFLAKE_JWT"}
    if where.password is None and "endpoint=http://" not in where.query:
        raise DefinitionError(
            "Snowflake needs the user's private key.",
            advice="Name its file, or a password in `url_file`.",
            path=("key_file",),
        )
    return {"password": unquote(where.password or "nobody")}


def _elsewhere(place: SplitResult | None) -> dict[str, Any]:
    if place is None:
        return {}
    return {"host": place.hostname, "protocol": place.scheme, "port": place.port or 443}


def folded(name: str) -> str:
    """What Snowflake takes an unquoted name for."""
    return name.upper() if _SMALL.fullmatch(name) else name


def _column(found: Any) -> Column:  # noqa: ANN401 - an untyped description
    kind = _KINDS[found.type_code] if found.type_code < len(_KINDS) else "VARIANT"
    name = found.name.lower() if _CAPITAL.fullmatch(found.name) else found.name
    return Column(name, kind, native=kind in _NATIVE or (kind == "NUMBER" and not found.scale))


class _answering:  # noqa: N801 - reads as a word in a with statement
    """Its errors as ours: their messages quote statements and values."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        from snowflake.connector.errors import Error

        if isinstance(error, Error):
            raise _translated(error) from None


def _translated(error: Any) -> PasserelleError:  # noqa: ANN401 - an untyped error
    from snowflake.connector.errors import ProgrammingError

    state, number = error.sqlstate or "", int(error.errno or 0)
    if state.startswith(_NOT_LET_IN) or number // 1000 == _LOGIN:
        return Refused(
            f"Snowflake does not let us in or does not let us read (error {number}).",
            advice="Check the user, its key, its role and its right to SELECT.",
        )
    if isinstance(error, ProgrammingError):
        return DefinitionError(
            f"Snowflake cannot carry out the statement (error {number}).",
            advice="Check `table:` or `query:`, the warehouse in the address, and the role's rights.",
        )
    return TryLater("Snowflake cannot be reached or is busy.", advice="Is the account's name right?")
