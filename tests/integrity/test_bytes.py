"""A bit turned anywhere in the database file is noticed by the next writer."""

import logging
import random
import sqlite3

import pytest
from sqlalchemy.exc import DatabaseError

from passerelle.privacy.errors import IntegrityError
from tests.integrity.meddler import Meddler

TURNED = 16


def _offsets(meddler: Meddler) -> list[int]:
    """Places in the file outside its free pages, which hold nothing."""
    with meddler.raw() as raw:
        size = raw.execute("PRAGMA page_size").fetchone()[0]
        free = raw.execute("PRAGMA freelist_count").fetchone()[0]
        pages = raw.execute("PRAGMA page_count").fetchone()[0]
        used = [row[0] for row in raw.execute("SELECT DISTINCT pageno FROM dbstat")] if free else range(1, pages + 1)
    chooser = random.Random(8)  # noqa: S311 - the same places each time
    return [(page - 1) * size + chooser.randrange(size) for page in chooser.choices(list(used), k=TURNED)]


def _noticed(meddler: Meddler, caplog: pytest.LogCaptureFixture) -> bool:
    caplog.clear()
    try:
        stopped = meddler.told() is not None
    except (DatabaseError, sqlite3.DatabaseError, IntegrityError):  # the command line says: damaged, exit code 4
        return True
    return stopped or any("not as the last run left it" in record.message for record in caplog.records)


def test_a_turned_bit_is_noticed_wherever_it_is(meddler: Meddler, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    unnoticed = []
    try:
        offsets = _offsets(meddler)
    except sqlite3.OperationalError:
        pytest.skip("this SQLite does not tell which pages are free")
    meddler.restore()
    for offset in offsets:
        content = bytearray(meddler.database.read_bytes())
        content[offset] ^= 1 << (offset % 8)
        meddler.database.write_bytes(content)
        if not _noticed(meddler, caplog):
            unnoticed.append(offset)
        meddler.restore()
    assert unnoticed == []
