"""The control store: one SQLite file, or PostgreSQL by URL where several hosts share it.

What is promised: `write()` is one transaction that nobody else's write overlaps, durable when it returns;
`read()` sees one state; `exclusive(name)` is held by one process on all hosts and falls free when its holder
dies, however it dies. Columns come and go as Arrow.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, cast

import pyarrow as pa
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Engine,
    LargeBinary,
    MetaData,
    Select,
    String,
    Table,
    create_engine,
    event,
    func,
    text,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeEngine

from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.store import beside, bulk, reading, seals, writing
from passerelle.privacy.store.bulk import OnConflict, Rows
from passerelle.privacy.store.columns import Scanner
from passerelle.privacy.store.locks import AdvisoryLocks, FileLocks, Lease, Locks, private_folder
from passerelle.privacy.store.malformed import told_apart
from passerelle.privacy.store.schema import HEAD, bring_up, revision
from passerelle.privacy.store.seals import SealKey, Tally
from passerelle.privacy.store.writing import Values

_WRITE = {"passerelle_write": True}
_AFTER = "passerelle_after_commit"


@dataclass(frozen=True, slots=True)
class Content:
    """How many writes made the tables what they are, and a digest of what each holds but for empty ones."""

    writes: int
    tables: Mapping[str, str]


class Store:
    """The control store, open. Make one with `Store.open`."""

    def __init__(self, engine: Engine, locks: Locks) -> None:
        self._engine = engine
        self._locks = locks
        self._seal_key: SealKey | None = None
        self._guard: Callable[[], None] | None = None
        self._scanner: Scanner | None = None
        self._scanning = Lock()
        self._is_open = False
        # SQLite's own waiting is sleeping, for up to 100 ms at a time: threads of one process take turns without it.
        self._turn: AbstractContextManager[object] = Lock() if self.is_sqlite else nullcontext()
        self.writes = 0
        """How many writes were sealed through here."""

    @classmethod
    def open(cls, url: str, *, lock_folder: Path | None = None) -> "Store":
        """Open the store at `url` (`sqlite:///path` or `postgresql+psycopg://…`), made and migrated where needed.

        `lock_folder` is where SQLite's cross-process locks live; by default beside the database file.
        """
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            path = Path(parsed.database or "")
            private_folder(path.parent)
            engine = create_engine(parsed, connect_args={"timeout": 30})
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            if not path.exists():
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            locks: Locks = FileLocks(lock_folder or path.with_name(path.name + ".locks"))
        elif parsed.get_backend_name() == "postgresql":
            engine = create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
            locks = AdvisoryLocks(engine)
        else:
            raise DefinitionError(
                f"The store cannot be {parsed.get_backend_name()}.", advice="Use sqlite:/// or postgresql://."
            )
        store = cls(engine, locks)
        with ExitStack() as undo:
            undo.callback(store._gone)
            store._migrate()
            undo.pop_all()
        return store

    def _migrate(self) -> None:
        with self.read() as connection:
            if revision(connection) == HEAD:
                return
        with self.write() as connection:  # alone, so that two openers do not both migrate
            if revision(connection) != HEAD:
                bring_up(connection)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the single-file store."""
        return self._engine.dialect.name == "sqlite"

    @property
    def file(self) -> Path | None:
        """The database file of the single-file store, for whoever reads it in bulk; None for any other."""
        name = self._engine.url.database if self.is_sqlite else None
        return None if not name or name == ":memory:" else Path(name)

    def close(self) -> None:
        """Give back every connection; on SQLite, fold the write-ahead log into the file and empty it."""
        if not self._is_open:
            return
        if self.is_sqlite:
            with told_apart(self.file), self._engine.connect() as connection:
                connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._gone()

    def _come(self) -> None:
        if not self._is_open and self.file is not None:
            beside.entered(self.file)
        self._is_open = True

    def _gone(self) -> None:
        self._engine.dispose()
        if self._scanner is not None:
            self._scanner.close()
            self._scanner = None
        if self._is_open and self.file is not None:
            beside.left(self.file)
        self._is_open = False

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent state of the store, for as long as the block lasts."""
        self._come()
        isolation = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        with (
            told_apart(self.file),
            self._engine.connect().execution_options(**isolation) as connection,
            connection.begin(),
        ):
            yield connection

    def committed(self, statements: Sequence[Select[Any]]) -> list[pa.Table] | None:
        """What is committed, as columns, of one state of the file; None where only `read` can tell.

        It may be newer or older than what a `read` or `write` of the caller sees. For statements that read very many
        rows; values are written into their text, so they must be of closed sets. Raises `IntegrityError` where a
        column holds values of more than one type.
        """
        if self.file is None:
            return None
        with self._scanning:
            if self._scanner is None:
                self._scanner = Scanner(self.file)
            return self._scanner.ask([_literal(statement) for statement in statements])

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, alone among writers: kept whole when the block ends, undone whole when it raises."""
        self._come()
        if self._guard is not None:
            self._guard()
            self._guard = None
        with self._turn, told_apart(self.file), self._engine.connect().execution_options(**_WRITE) as connection:
            connection.info[_AFTER] = later = list[Callable[[], None]]()
            with connection.begin():
                if not self.is_sqlite:
                    connection.execute(text("SELECT pg_advisory_xact_lock(7067)"))
                connection.info[writing.READ] = {}
                try:
                    with self._tallied(connection):
                        yield connection
                finally:
                    del connection.info[writing.READ]
        for call in later:
            call()

    @contextmanager
    def _tallied(self, connection: Connection) -> Iterator[None]:
        """Keep account of what the block writes, and seal what it leaves."""
        if self._seal_key is None:
            yield
            return
        connection.info[writing.TALLY] = tally = Tally(self._seal_key)
        try:
            yield
            if tally.settle(connection):
                self.after_commit(connection, self._count)
        finally:
            del connection.info[writing.TALLY]  # the next to use this connection may be a reader

    def _count(self) -> None:
        self.writes += 1

    def guard_with(self, call: Callable[[], None]) -> None:
        """Have `call` made once, before the next write begins; what it raises stops that write and is raised there."""
        self._guard = call

    # --- seals

    def seal_with(self, key: bytes) -> None:
        """Seal every table from now on, under this key of 32 bytes: see `seals`.

        A store whose tables already hold something must have been sealed from its beginning, or by `reseal`.
        """
        self._seal_key = SealKey(key)

    @property
    def seal_key(self) -> SealKey | None:
        """What the tables are sealed with, if they are."""
        return self._seal_key

    def content(self, connection: Connection) -> Content | None:
        """What the tables hold; None in a store without seals.

        Two states of a store with the same digest of a table have the same rows there. Costs one read, whatever the
        size, and knows what was written through here: rows that somebody changed by hand are for `watch` to find.
        Raises `IntegrityError` where the seals are not ours.
        """
        held = seals.held(connection, self._seal_key) if self._seal_key is not None else None
        if held is None:
            return None
        return Content(held.writes, {name: f"{one.rows}:{one.sum:x}" for name, one in held.sums.items() if one.rows})

    def state(self, connection: Connection, names: Sequence[str]) -> str | None:
        """A digest of what these tables hold: equal ones mean equal rows.

        None in a store without seals, and in a write that has already changed one of them.
        """
        tally: Tally | None = connection.info.get(writing.TALLY)
        if tally is not None and not tally.come.keys().isdisjoint(names):
            return None
        content = self.content(connection)
        return None if content is None else " ".join(content.tables.get(name, "") for name in names)

    def reseal(self, connection: Connection, key: bytes | None = None) -> None:
        """Seal the tables as this write leaves them, under the key so far or another one; reads all of them.

        For whoever changes the key, or takes over a store that has no seals that fit it. Nothing is checked here:
        verify first. A caller who names a new `key` opens the store again with it once the write is kept.
        """
        seals.put_all(connection, SealKey(key) if key is not None else self._seal_key)
        if writing.TALLY in connection.info:
            connection.info[writing.TALLY].come.clear()

    def after_commit(self, connection: Connection, call: Callable[[], None]) -> None:
        """Have `call` made when this write is durable; never, where it is undone."""
        connection.info[_AFTER].append(call)

    @contextmanager
    def exclusive(self, name: str) -> Iterator[Lease]:
        """Be the only holder of `name`, or raise `TryLater` at once. Falls free when the process dies.

        What is yielded raises `LockLost` where the lock went while the process lives: ask it before what only its
        holder may do.
        """
        with self._locks.hold(name) as lease:
            yield lease

    def table(self, connection: Connection, statement: Select[Any]) -> pa.Table:
        """The rows of `statement` as an Arrow table with the types of its columns.

        Raises `IntegrityError` where a column holds a value of another type, as SQLite lets it.
        """
        return reading.table(connection, statement)

    def insert(self, connection: Connection, table: Table, rows: Rows, *, on_conflict: OnConflict = "error") -> None:
        """Put many rows in at once; on a conflict of the primary key, raise, keep the old row, or replace it whole."""
        writing.insert(connection, table, rows, on_conflict=on_conflict)

    def update(self, connection: Connection, table: Table, rows: Rows) -> None:
        """Change many rows at once: `rows` holds their primary key and the columns that change."""
        writing.update(connection, table, rows)

    def update_where(self, connection: Connection, table: Table, values: Values, *where: ColumnElement[bool]) -> int:
        """Give these columns these values in every row that all conditions hold for; how many rows that were."""
        return writing.update_where(connection, table, values, *where)

    def delete(self, connection: Connection, table: Table, *where: ColumnElement[bool]) -> int:
        """Take out every row that all conditions hold for; how many rows that were. At least one condition."""
        return writing.delete(connection, table, *where)

    @contextmanager
    def among(self, connection: Connection, values: pa.Array) -> Iterator[Column[Any]]:
        """A one-column table of distinct `values` without null; its column is yielded, for `other.in_(select(column))`.

        Never for a join: a planner without statistics may read it once for each row of the other table.
        """
        distinct = values.unique()
        if self.is_sqlite and (pa.types.is_integer(values.type) or pa.types.is_string(values.type)):
            yield _listed(distinct)
            return
        kind = _sql_type(values.type)
        name = f"among_{id(values):x}"
        table = Table(name, MetaData(), Column("value", kind, primary_key=True), prefixes=["TEMPORARY"])
        table.create(connection)
        try:
            bulk.insert(connection, table, {"value": distinct}, "error")
            connection.exec_driver_sql(f'ANALYZE "{name}"')  # or the planner reads the whole of a large other table
            yield table.c.value
        finally:
            table.drop(connection)


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "secure_delete=ON",
        "temp_store=MEMORY",
        "analysis_limit=100",
        "cache_size=-65536",
        "busy_timeout=30000",
    ):
        connection.cursor().execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get("passerelle_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _literal(statement: Select[Any]) -> str:
    return str(statement.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))


def _listed(values: pa.Array) -> Column[Any]:
    """Numbers or texts as rows of `json_each`: several times as fast as a temporary table, and nothing to take away."""
    items = values.to_numpy().tolist() if pa.types.is_integer(values.type) else values.to_pylist()
    kind = _sql_type(values.type)
    listed = func.json_each(json.dumps(items)).table_valued(Column("value", kind), joins_implicitly=True)
    return cast("Column[Any]", listed.c.value)


def _sql_type(kind: pa.DataType) -> TypeEngine[Any]:
    if pa.types.is_integer(kind):
        return BigInteger()
    if pa.types.is_string(kind):
        return String()
    return LargeBinary()
