"""What SQLite calls malformed: the file itself is, or the disk did not give it back."""

import errno
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import DatabaseError

from passerelle.privacy.errors import TryLater
from passerelle.privacy.store import Store
from passerelle.privacy.store.malformed import is_damaged, read_whole, told_apart


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "control.db"
    with closing(sqlite3.connect(made)) as raw:
        raw.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)")
        raw.executemany("INSERT INTO t (b) VALUES (?)", [("x" * 100,)] * 1000)
        raw.commit()
    return made


def spoilt(file: Path) -> Path:
    raw = bytearray(file.read_bytes())
    raw[100:12288] = b"\xff" * 12188  # all but the header
    file.write_bytes(raw)
    return file


def malformed() -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError("database disk image is malformed")
    error.sqlite_errorname = "SQLITE_CORRUPT"
    return error


def unreadable(_file: Path) -> None:
    raise OSError(errno.EIO, "x")


@pytest.mark.parametrize(
    ("made", "read", "damaged"),
    [
        (lambda file: file, read_whole, False),
        (spoilt, read_whole, True),
        (spoilt, unreadable, False),
        (lambda file: file.with_name("gone.db"), read_whole, True),
    ],
)
def test_a_file_is_damaged_where_the_disk_gives_it_and_sqlite_finds_fault(
    file: Path, made: Callable[[Path], Path], read: Callable[[Path], None], damaged: bool
) -> None:
    assert is_damaged(made(file), read) is damaged


def test_a_sound_file_that_is_called_malformed_is_for_later(file: Path) -> None:
    with pytest.raises(TryLater, match="disk") as told, told_apart(file):
        raise malformed()
    assert told.value.__suppress_context__


@pytest.mark.parametrize("error", [malformed(), sqlite3.OperationalError("locked"), ValueError("x")])
def test_any_other_error_passes_as_it_is(file: Path, error: Exception) -> None:
    with pytest.raises(type(error)) as told, told_apart(spoilt(file)):
        raise error
    assert told.value is error


def test_a_store_whose_file_is_damaged_says_so(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/control.db"
    Store.open(url).close()
    spoilt(tmp_path / "control.db")
    with pytest.raises(DatabaseError):
        Store.open(url)
