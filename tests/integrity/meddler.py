"""Someone who can write the database file, and has no key."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Integer, LargeBinary, Table

from passerelle.privacy.errors import IntegrityError
from passerelle.workflows.workspace import Workspace

Change = Callable[[sqlite3.Connection], object]


def filler(table: Table, *numbers: int) -> dict[str, list[object]]:
    """Rows of no meaning."""
    return {column.name: [value(column, number) for number in numbers] for column in table.columns}


def value(column: "Column[Any]", number: int) -> object:
    """A value that a column may hold."""
    if isinstance(column.type, Integer):
        return number
    return b"%d" % number if isinstance(column.type, LargeBinary) else f"é{number}"


def kind(column: "Column[Any]") -> str:
    """What a column holds."""
    if isinstance(column.type, Integer):
        return "number"
    return "bytes" if isinstance(column.type, LargeBinary) else "text"


class Meddler:
    """Changes a workspace's database and says whether the next writer was told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "var/control.db"
        self._loaded = Workspace.open(folder).loaded
        self._kept = {path: path.read_bytes() for path in (folder / "var").glob("*") if path.is_file()}

    @contextmanager
    def raw(self) -> Iterator[sqlite3.Connection]:
        """The database, with no questions asked; what is done in the block is kept."""
        with closing(sqlite3.connect(self.database, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = OFF")  # all of it is put back in a moment
            yield connection

    def restore(self) -> None:
        """Put every file back."""
        for suffix in ("-wal", "-shm"):
            self.database.with_name(self.database.name + suffix).unlink(missing_ok=True)
        for path in (self.folder / "var").glob("*"):
            if path.is_file() and path not in self._kept:
                path.unlink()
        for path, content in self._kept.items():
            path.write_bytes(content)

    def told(self) -> str | None:
        """What the next writer is stopped with, if it is."""
        try:
            with Workspace(self.folder, self._loaded) as workspace:
                workspace.check()
        except IntegrityError as problem:
            return problem.message
        return None

    def problems(self) -> list[str]:
        """What a verification finds."""
        with Workspace(self.folder, self._loaded) as workspace, workspace.store().read() as connection:
            return workspace.log().verify(connection).problems

    def told_after(self, change: Change) -> str | None:
        """The same after a change, which is then undone. A change that the schema forbids tells, too."""
        try:
            with self.raw() as raw:
                change(raw)
            return self.told()
        except sqlite3.IntegrityError:
            return "there can be no such row"
        finally:
            self.restore()
