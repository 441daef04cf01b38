"""An RFM segment over 1,000,000 people and 20,000,000 events, against the same figures by hand in DuckDB SQL.

Both read the same Parquet files with the same memory and threads, in turns, and give the same members.
"""

import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from bench.measure import Measure, child, ratio

NAME = "rfm_segment"
GOAL = 1.3
PEOPLE = 1_000_000
EVENTS = 20_000_000
MEMORY = "2GB"
AS_OF = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp()) * 1_000_000

MODEL = {
    "tables": {
        "customers": {"from": "crm", "grain": "person"},
        "orders": {"from": "orders", "grain": "event", "events": ["purchase", "view"]},
    },
    "traits": {
        "recency_days": {"recency": "purchase"},
        "orders_365d": {"count": "purchase", "within": "365d"},
        "revenue_365d": {"sum": "purchase.amount", "within": "365d"},
    },
    "rfm": {
        "recency": "recency_days",
        "frequency": "orders_365d",
        "monetary": "revenue_365d",
        "over": {"trait": "orders_365d", "at_least": 1},
    },
}
SEGMENT = {
    "segment": "champions",
    "where": {
        "all": [
            {"trait": "rfm.r", "at_least": 4},
            {"trait": "rfm.f", "at_least": 4},
            {"trait": "rfm.m", "at_least": 4},
        ]
    },
}

BY_HAND = """
WITH bought AS (
  SELECT subject_id,
         date_diff('second', max("at"), TIMESTAMPTZ '2026-11-20 00:00:00+00') // 86400 AS r,
         count(*) FILTER ("at" >= TIMESTAMPTZ '2025-11-20 00:00:00+00') AS f,
         sum(amount) FILTER ("at" >= TIMESTAMPTZ '2025-11-20 00:00:00+00') AS m
  FROM read_parquet('{events}') WHERE event = 'purchase' AND "at" < TIMESTAMPTZ '2026-11-20 00:00:00+00'
  GROUP BY subject_id
), people AS (
  SELECT subject_id, r, f, m FROM read_parquet('{people}') JOIN bought USING (subject_id) WHERE f >= 1
), edges AS (
  SELECT quantile_disc(r, [0.2, 0.4, 0.6, 0.8]) AS r, quantile_disc(f, [0.2, 0.4, 0.6, 0.8]) AS f,
         quantile_disc(m, [0.2, 0.4, 0.6, 0.8]) AS m
  FROM people
)
SELECT people.subject_id FROM people, edges
WHERE 5 - len(list_filter(edges.r, lambda e: e < people.r)) >= 4
  AND 1 + len(list_filter(edges.f, lambda e: e < people.f)) >= 4
  AND 1 + len(list_filter(edges.m, lambda e: e < people.m)) >= 4
ORDER BY subject_id
"""


def run() -> dict[str, Measure]:
    """The ratio, and the peak memory of a process that does nothing but evaluate the segment."""
    folder = data()
    same_people(folder)
    found = ratio(lambda: evaluated(folder), lambda: by_hand(folder), rounds=5)
    alone = child([sys.executable, "-c", f"from bench.segment import *; evaluated(Path({str(folder)!r}))"], Path.cwd())
    return {NAME: Measure(found, GOAL, alone.peak_mib)}


def same_people(folder: Path) -> None:
    """Both must find the same people; it also warms the files and imports up."""
    ours, theirs = evaluated(folder), by_hand(folder)
    if ours != theirs:
        raise SystemExit(f"{NAME}: {len(ours)} members here, {len(theirs)} by hand: they must be the same people")


def data(people: int = PEOPLE, events: int = EVENTS) -> Path:
    """The generated files, made once and kept in the temporary folder."""
    folder = Path(tempfile.gettempdir()) / f"passerelle-bench-segment-{os.getuid()}-{people}-{events}"
    if not (folder / "done").exists():
        folder.mkdir(mode=0o700, exist_ok=True)
        with duckdb.connect() as db:
            db.execute("SET enable_progress_bar = false")
            db.execute("SET TimeZone = 'UTC'")
            db.execute(f"COPY (SELECT range AS subject_id FROM range({people})) TO '{folder}/people.parquet'")  # noqa: S608
            db.execute(
                # Few people do much and many do little: ids follow a power of a uniform draw.
                f"COPY (SELECT (power(hash(range) / 18446744073709551616.0, 2.5) * {people})::BIGINT AS subject_id,"  # noqa: S608
                " CASE WHEN hash(range + 1) % 4 = 0 THEN 'view' ELSE 'purchase' END AS event,"
                " TIMESTAMPTZ '2026-11-20 00:00:00+00' - to_seconds((hash(range + 2) % 63072000)::BIGINT) AS at,"
                " (500 + hash(range + 3) % 20000)::BIGINT AS amount"
                f" FROM range({events})) TO '{folder}/events.parquet' (COMPRESSION zstd)"
            )
        (folder / "done").touch()
    return folder


def evaluated(folder: Path) -> pa.Int64Array:
    """The members, by Passerelle."""
    from passerelle.segmentation import Dataset, DatasetTable, ModelFile, SegmentFile, evaluate
    from passerelle.segmentation.engines.duck import DuckDb

    events = {"subject_id": "integer", "event": "string", "at": "timestamp", "amount": "money"}
    dataset = Dataset(
        {
            "crm": DatasetTable("crm", "person", {"subject_id": "integer"}, [folder / "people.parquet"]),
            "orders": DatasetTable("orders", "event", events, [folder / "events.parquet"]),
        },
        engine=DuckDb(memory=MEMORY),
    )
    found = evaluate(
        ["champions"],
        model=ModelFile.model_validate(MODEL),
        segments={"champions": SegmentFile.model_validate(SEGMENT)},
        dataset=dataset,
        as_of=AS_OF,
    )
    return found["champions"].subject_ids


def by_hand(folder: Path) -> pa.Int64Array:
    """The members, by SQL."""
    with duckdb.connect() as db:
        db.execute(f"SET memory_limit = '{MEMORY}'")
        db.execute("SET enable_progress_bar = false")
        db.execute("SET TimeZone = 'UTC'")
        sql = BY_HAND.format(events=folder / "events.parquet", people=folder / "people.parquet")
        return db.sql(sql).to_arrow_table().column("subject_id").combine_chunks()
