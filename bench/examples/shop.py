"""A shop with as many people and events as asked for, made once and kept in the temporary folder."""

import os
import tempfile
from pathlib import Path

import duckdb

PEOPLE = """
SELECT range AS subject_id,
       CASE WHEN hash(range) % 20 < 14 THEN 'FR' WHEN hash(range) % 20 < 17 THEN 'BE'
            WHEN hash(range) % 20 < 19 THEN 'DE' END AS country,
       hash(range + 7) % 100 = 0 AS do_not_target
FROM range({people})
"""
# Few people do much and many do little: ids follow a power of a uniform draw. Rows lie in no order of time or person.
EVENTS = """
SELECT (power(hash(range) / 18446744073709551616.0, 2.5) * {people})::BIGINT AS subject_id,
       CASE WHEN hash(range + 1) % 100 < 60 THEN 'view' WHEN hash(range + 1) % 100 < 75 THEN 'cart'
            WHEN hash(range + 1) % 100 < 99 THEN 'purchase' ELSE 'complaint' END AS event,
       TIMESTAMPTZ '2026-11-20 00:00:00+00' - to_seconds((hash(range + 2) % 63072000)::BIGINT) AS at,
       (500 + hash(range + 3) % 20000)::BIGINT AS amount
FROM range({events})
"""


def shop(people: int, events: int) -> Path:
    """The folder with `people.parquet` and `events.parquet`."""
    folder = Path(tempfile.gettempdir()) / f"passerelle-bench-shop-{os.getuid()}-{people}-{events}"
    if (folder / "done").exists():
        return folder
    folder.mkdir(mode=0o700, exist_ok=True)
    with duckdb.connect() as db:
        for setting in ("enable_progress_bar = false", "TimeZone = 'UTC'", "threads = 2", "memory_limit = '2GB'"):
            db.execute(f"SET {setting}")
        for name, rows in (("people", PEOPLE), ("events", EVENTS)):
            made = rows.format(people=people, events=events)
            db.execute(f"COPY ({made}) TO '{folder}/{name}.parquet' (COMPRESSION zstd)")
    (folder / "done").touch()
    return folder
