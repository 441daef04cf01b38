"""Staged pages into the table, in DuckDB: streaming, within a memory limit, rewriting only files that must change.

Where no staged key (nor, for person tables, no person) is in the table yet, the staged files simply become part of
it. Otherwise everything said of the touched keys and persons is looked at again, and the files that hold them are
rewritten. Identifiers never come here, so neither do they reach DuckDB's temporary files.
"""

# ruff: noqa: S608 - statements are made of our own column and file names; values stand in tables

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from passerelle.connectors.contract.roles import Kind
from passerelle.privacy.errors import PasserelleError, TryLater
from passerelle.segmentation.quoting import quoted_name
from passerelle.workflows.lake.database import database
from passerelle.workflows.lake.manifest import Manifest

_MANY_FILES = 24
_SMALL_FILE = 8 << 20
_SQL_TYPES = {
    Kind.STRING: "VARCHAR",
    Kind.INTEGER: "BIGINT",
    Kind.NUMBER: "DOUBLE",
    Kind.MONEY: "BIGINT",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.DATE: "DATE",
    Kind.TIMESTAMP: "TIMESTAMPTZ",
}
_NEWEST = "_version DESC NULLS LAST, _seq DESC, _gone DESC, _pos DESC"
_NO_MERGES = pa.schema([("subject_id", pa.int64()), ("merged_into", pa.int64())]).empty_table()


@dataclass(frozen=True, slots=True)
class Settled:
    """The table's files after a merge; `made` are the new ones, not yet synced."""

    files: tuple[str, ...]
    shadowed: tuple[str, ...]
    deleted: tuple[str, ...]
    made: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    """After people were taken out: what readers see in place of `files`, where they do."""


def needs_merge(folder: Path, manifest: Manifest, merges: pa.Table | None) -> bool:
    """Whether there is anything to do: staged pages, another shape, or rows of a person who is now another."""
    if manifest.staged or manifest.written is not None:
        return True
    files = [*manifest.files, *manifest.shadowed]
    if merges is None or not merges.num_rows or not files:
        return False
    with database() as db:
        db.register("merges", merges)
        return _any(db, f"SELECT 1 FROM {_scan(folder, files)} SEMI JOIN merges USING (subject_id)")


def merge(folder: Path, manifest: Manifest, merges: pa.Table | None, *, memory: str, scratch: Path) -> Settled:
    """The table with its staged pages in it. Writes new files in `folder`; changes and removes none."""
    with database(memory, scratch) as db:
        db.register("merges", _NO_MERGES if merges is None else merges)
        staged = [page.rows for page in manifest.staged if page.rows is not None]
        if _disjoint(db, folder, manifest, staged):
            return Settled((*manifest.files, *staged), manifest.shadowed, manifest.deleted)
        return _Rewrite(db, folder, manifest).run()


def lookup(folder: Path, manifest: Manifest, keys: pa.Array) -> pa.Table:
    """`_key` and `subject_id` of the rows with these keys, in the table or staged beside it."""
    staged = [page.rows for page in manifest.staged if page.rows is not None]
    files = [*manifest.files, *manifest.shadowed, *staged]
    with database() as db:
        db.register("wanted", pa.table({"_key": keys.cast(pa.binary())}))
        nothing = "(SELECT _key, CAST(0 AS BIGINT) AS subject_id FROM wanted LIMIT 0)"
        source = _scan(folder, files) if files else nothing
        found = db.sql(f"SELECT DISTINCT _key, subject_id FROM {source} SEMI JOIN wanted USING (_key)")
        table: pa.Table = found.to_arrow_table()
        return table.cast(pa.schema([("_key", pa.binary()), ("subject_id", pa.int64())]))


def keys_of(folder: Path, manifest: Manifest, subject_ids: pa.Array) -> pa.Array:
    """The distinct keys of these people's records, in the table or staged beside it."""
    staged = [page.rows for page in manifest.staged if page.rows is not None]
    files = [*manifest.files, *manifest.shadowed, *staged]
    if not files:
        return pa.array([], pa.binary())
    with database() as db:
        db.register("people", pa.table({"subject_id": subject_ids.cast(pa.int64())}))
        found = db.sql(f"SELECT DISTINCT _key FROM {_scan(folder, files)} SEMI JOIN people USING (subject_id)")
        column: pa.Array = found.to_arrow_table()["_key"].combine_chunks().cast(pa.binary())
        return column.drop_null()


def without(
    folder: Path, manifest: Manifest, subject_ids: pa.Array, keys: pa.Array, *, memory: str, scratch: Path
) -> Settled | None:
    """The table without these people, and without the word that records with these keys were deleted.

    None where it holds nothing of either.
    """
    with database(memory, scratch) as db:
        db.register("gone", pa.table({"subject_id": subject_ids.cast(pa.int64())}))
        db.register("unsaid", pa.table({"_key": keys.cast(pa.binary())}))
        rows, new_rows = _purged(db, folder, "rows", manifest.files, "gone USING (subject_id)")
        shadow, new_shadow = _purged(db, folder, "shadow", manifest.shadowed, "gone USING (subject_id)")
        deleted, new_deleted = _purged(db, folder, "deleted", manifest.deleted, "unsaid USING (_key)")
        seen = manifest.shown.files if manifest.shown is not None else ()
        shown, new_shown = _purged(db, folder, "shown", seen, "gone USING (subject_id)")
    after = Settled(rows, shadow, deleted, (*new_rows, *new_shadow, *new_deleted, *new_shown), shown)
    before = (manifest.files, manifest.shadowed, manifest.deleted, seen)
    return None if before == (after.files, after.shadowed, after.deleted, shown) else after


def _purged(
    db: duckdb.DuckDBPyConnection, folder: Path, kind: str, files: Sequence[str], join: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The files without the rows that `join` finds, of which those that hold one are written anew; and the new ones."""
    holding = [name for name in files if _any(db, f"SELECT 1 FROM {_scan(folder, [name])} SEMI JOIN {join}")]
    if not holding:
        return tuple(files), ()
    new = _copy(db, folder, kind, f"SELECT * FROM {_scan(folder, holding)} ANTI JOIN {join}")
    return (*(name for name in files if name not in holding), *new), new


def _disjoint(db: duckdb.DuckDBPyConnection, folder: Path, manifest: Manifest, staged: list[str]) -> bool:
    """Whether the staged rows can stand beside the table's as they are."""
    tombstones = manifest.deleted or any(page.deleted for page in manifest.staged)
    if tombstones or manifest.written or len(manifest.files) > _MANY_FILES or not staged:
        return False
    new, old = _scan(folder, staged), [*manifest.files, *manifest.shadowed]
    everything = _scan(folder, [*old, *staged])
    if _any(db, f"SELECT 1 FROM {everything} SEMI JOIN merges USING (subject_id)"):
        return False
    for column in ("_key", "subject_id") if manifest.shape.grain == "person" else ("_key",):
        if _any(db, f"SELECT 1 FROM {new} HAVING count(DISTINCT {column}) <> count(*)"):
            return False
        if old and _any(db, f"SELECT 1 FROM {_scan(folder, old)} SEMI JOIN {new} AS new USING ({column})"):
            return False
    return True


class _Rewrite:
    """Everything said of touched keys and persons, newest first, in place of what stood there."""

    def __init__(self, db: duckdb.DuckDBPyConnection, folder: Path, manifest: Manifest) -> None:
        self._db = db
        self._folder = folder
        self._manifest = manifest
        self._person = manifest.shape.grain == "person"
        self._columns = ["_key", "_version", *manifest.shape.columns]
        self._list = ", ".join(quoted_name(column) for column in self._columns)

    def run(self) -> Settled:
        """The statements, in order."""
        self._view_base()
        self._view_staged()
        self._view_tombstones()
        self._touch()
        self._decide()
        manifest = self._manifest
        changed = self._changed()
        rows = self._write("rows", changed, "_place = 1") if changed or manifest.staged else ()
        shadow = self._write("shadow", manifest.shadowed, "_place > 1") if self._person else ()
        deleted = self._write_deleted()
        kept = tuple(name for name in manifest.files if name not in changed)
        return Settled((*kept, *rows), shadow, deleted, (*rows, *shadow, *deleted))

    def _view_base(self) -> None:
        """What the table holds, in its new shape, under the ids that people have now. `_raw` is the id as written."""
        old = (self._manifest.written or self._manifest.shape).columns
        new = self._manifest.shape.columns
        columns = ", ".join(
            f"base.{quoted_name(column)}"
            if old.get(column) == kind
            else f"CAST(NULL AS {_SQL_TYPES[Kind(kind)]}) AS {quoted_name(column)}"
            for column, kind in new.items()
            if column != "subject_id"
        )
        files = [*self._manifest.files, *self._manifest.shadowed]
        source = _scan(self._folder, files, located=True) if files else self._nothing()
        self._db.execute(f"""CREATE TEMP VIEW base AS
            SELECT base._key, base._version, coalesce(m.merged_into, base.subject_id) AS subject_id
                   {", " if columns else ""}{columns}, base.subject_id AS _raw,
                   parse_filename(base.filename) AS _file, base.file_row_number AS _pos
            FROM {source} AS base LEFT JOIN merges AS m ON m.subject_id = base.subject_id""")

    def _nothing(self) -> str:
        """An empty table with the columns of a file."""
        written = (self._manifest.written or self._manifest.shape).columns
        columns = ", ".join(
            f"CAST(NULL AS {_SQL_TYPES[Kind(kind)]}) AS {quoted_name(name)}" for name, kind in written.items()
        )
        return (
            f"(SELECT CAST(NULL AS BLOB) AS _key, CAST(NULL AS BIGINT) AS _version, {columns},"
            " '' AS filename, CAST(0 AS BIGINT) AS file_row_number LIMIT 0)"
        )

    def _view_staged(self) -> None:
        pages = [page for page in self._manifest.staged if page.rows is not None]
        self._pages("row_pages", [(page.rows or "", page.sequence) for page in pages])
        files = [page.rows for page in pages if page.rows]
        source = _scan(self._folder, files, located=True) if files else self._nothing()
        columns = ", ".join(f"new.{quoted_name(column)}" for column in self._columns if column != "subject_id")
        self._db.execute(f"""CREATE TEMP VIEW staged AS
            SELECT {columns}, coalesce(m.merged_into, new.subject_id) AS subject_id,
                   pages.sequence AS _seq, new.file_row_number AS _pos
            FROM {source} AS new JOIN row_pages AS pages ON pages.file = parse_filename(new.filename)
                 LEFT JOIN merges AS m ON m.subject_id = new.subject_id""")

    def _view_tombstones(self) -> None:
        pages = [(page.deleted or "", page.sequence) for page in self._manifest.staged if page.deleted is not None]
        pages += [(name, 0) for name in self._manifest.deleted]
        self._pages("deleted_pages", pages)
        files = [name for name, _ in pages]
        source = _scan(self._folder, files, located=True) if files else self._nothing()
        self._db.execute(f"""CREATE TEMP VIEW tombstones AS
            SELECT t._key, t._version, pages.sequence AS _seq, t.file_row_number AS _pos
            FROM {source} AS t JOIN deleted_pages AS pages ON pages.file = parse_filename(t.filename)""")

    def _pages(self, name: str, pages: Sequence[tuple[str, int]]) -> None:
        files, sequences = [file for file, _ in pages], [sequence for _, sequence in pages]
        columns = {"file": pa.array(files, pa.string()), "sequence": pa.array(sequences, pa.int64())}
        self._db.register(name, pa.table(columns))

    def _touch(self) -> None:
        """Which keys were spoken of, and which persons that concerns."""
        self._db.execute("""CREATE TEMP TABLE touched_keys AS
            SELECT _key FROM staged UNION SELECT _key FROM tombstones WHERE _seq > 0""")
        people = """SELECT subject_id FROM staged
            UNION SELECT subject_id FROM base SEMI JOIN touched_keys USING (_key)
            UNION SELECT subject_id FROM base WHERE _raw <> subject_id"""
        nobody = "SELECT CAST(0 AS BIGINT) AS subject_id LIMIT 0"
        self._db.execute(f"CREATE TEMP TABLE touched_people AS {people if self._person else nobody}")

    def _decide(self) -> None:
        """The newest word on each key; and for persons, which of their records stands for them."""
        self._db.execute(f"""CREATE TEMP TABLE newest AS
            SELECT * FROM (
                SELECT {self._list}, 0 AS _seq, _pos, false AS _gone FROM base WHERE {_TOUCHED}
                UNION ALL BY NAME SELECT {self._list}, _seq, _pos, false AS _gone FROM staged
                UNION ALL BY NAME SELECT _key, _version, _seq, _pos, true AS _gone
                    FROM tombstones SEMI JOIN touched_keys USING (_key))
            QUALIFY row_number() OVER (PARTITION BY _key ORDER BY {_NEWEST}) = 1""")
        rank = f"row_number() OVER (PARTITION BY subject_id ORDER BY {_NEWEST}, _key)" if self._person else "1"
        self._db.execute(f"CREATE TEMP VIEW live AS SELECT *, {rank} AS _place FROM newest WHERE NOT _gone")

    def _changed(self) -> tuple[str, ...]:
        """The table's files that must be written anew."""
        manifest = self._manifest
        if manifest.written is not None:
            return manifest.files
        rows = self._db.execute(f"SELECT DISTINCT _file FROM base WHERE {_TOUCHED} OR _raw <> subject_id").fetchall()
        changed = {name for (name,) in rows}
        if len(manifest.files) > _MANY_FILES:
            changed |= {name for name in manifest.files if (self._folder / name).stat().st_size < _SMALL_FILE}
        return tuple(name for name in manifest.files if name in changed)

    def _write(self, kind: str, changed: Sequence[str], which: str) -> tuple[str, ...]:
        query = f"SELECT {self._list} FROM live WHERE {which}"
        if changed:
            names = ", ".join(_text(name) for name in changed)
            query += f" UNION ALL SELECT {self._list} FROM base WHERE _file IN ({names}) AND NOT ({_TOUCHED})"
        return _copy(self._db, self._folder, kind, query)

    def _write_deleted(self) -> tuple[str, ...]:
        """Versions of what is gone. Without a version there is nothing to compare a late record with."""
        query = """SELECT _key, _version FROM newest WHERE _gone AND _version IS NOT NULL
            UNION ALL SELECT _key, _version FROM tombstones ANTI JOIN touched_keys USING (_key)"""
        return _copy(self._db, self._folder, "deleted", query)


_TOUCHED = """(_key IN (SELECT _key FROM touched_keys)
            OR subject_id IN (SELECT subject_id FROM touched_people))"""


@contextmanager
def at_work_on(table: str) -> Iterator[None]:
    """DuckDB's own messages may quote values, so they are never passed on."""
    try:
        yield
    except duckdb.Error as problem:
        if any(words in str(problem) for words in ("No space left", "File too large", "quota exceeded")):
            raise TryLater("The disk is full.", advice="Make room, then run it again.") from None
        raise PasserelleError(
            f"The lake's table {table} cannot be read or rewritten ({type(problem).__name__}).",
            advice=f"If it stays so: delete the folder {table} in the lake, and pull: everything is read again.",
        ) from None


def _scan(folder: Path, files: Iterable[str], *, located: bool = False) -> str:
    names = ", ".join(_text(str(folder / name)) for name in files)
    return f"read_parquet([{names}]{', filename = true, file_row_number = true' if located else ''})"


def _copy(db: duckdb.DuckDBPyConnection, folder: Path, kind: str, query: str) -> tuple[str, ...]:
    """Write the rows of `query` to a new file; no file where there are none."""
    name = f"{kind}-{secrets.token_hex(8)}.parquet"
    target = _text(str(folder / name))
    db.execute(f"COPY ({query}) TO {target} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 131072)")
    count = db.fetchone()
    if count is None or not count[0]:
        (folder / name).unlink(missing_ok=True)
        return ()
    return (name,)


def _any(db: duckdb.DuckDBPyConnection, query: str) -> bool:
    return db.execute(f"{query} LIMIT 1").fetchone() is not None


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
