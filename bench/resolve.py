"""Resolving consent for 1,000,000 people with 5,000,000 events, against a DuckDB scan of the same rows.

Both start from the same Parquet file: one reads it and decides on everybody; the other takes the greatest value of
each column that a decision reads. What reading the consent log from the control store adds is told apart, as a ratio
to the same scan: it has no goal.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.measure import Measure, child, ratio

NAME = "resolve_consent"
READING = "read_consent_log"
GOAL = 5
PEOPLE = 1_000_000
EVENTS = 5_000_000
NOW = 20_600 * 86_400_000_000
DAY = 86_400_000_000
PURPOSE = "ad_list_matching"


def run() -> dict[str, Measure]:
    """The ratios, and the peak memory of a process that does nothing else."""
    folder = data()
    allowed = resolved(folder)
    if not 0 < allowed < PEOPLE:
        raise SystemExit(f"{NAME}: {allowed} people are allowed, which cannot be right")
    found = ratio(lambda: resolved(folder), lambda: scanned(folder), rounds=5)
    alone = child([sys.executable, "-c", f"from bench.resolve import *; resolved(Path({str(folder)!r}))"], Path.cwd())
    reading = ratio(lambda: read(folder), lambda: scanned(folder), rounds=3)
    other = child([sys.executable, "-c", f"from bench.resolve import *; read(Path({str(folder)!r}))"], Path.cwd())
    return {NAME: Measure(found, GOAL, alone.peak_mib), READING: Measure(reading, None, other.peak_mib)}


def resolved(folder: Path) -> int:
    """Decide on everybody; how many are allowed."""
    from passerelle.privacy.consent.resolve import FOREVER, NEVER, NO_STOP, People, Terms, Told, resolve
    from passerelle.privacy.vocabulary import EvidenceGrade

    schema = pq.read_schema(folder / "events.parquet")
    words = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    history = pq.read_table(folder / "events.parquet", read_dictionary=words)
    ids = np.arange(1, PEOPLE + 1)
    people = People(ids, np.zeros(PEOPLE, np.int64), np.full(PEOPLE, NO_STOP), np.full(PEOPLE, NEVER))
    terms = [Terms("consent", EvidenceGrade.A, 730 * DAY)]
    notices = [
        Told("ads@1", for_purpose=True, for_recipient=True, first_instant=0, last_instant=NOW - 400 * DAY),
        Told("ads@2", for_purpose=True, for_recipient=True, first_instant=NOW - 400 * DAY, last_instant=FOREVER),
    ]
    found = resolve(people, history, terms, notices, recipient="meta", at=NOW)
    return int(np.count_nonzero(found["allowed"].to_numpy()))


def scanned(folder: Path) -> object:
    """The greatest value of each column."""
    with duckdb.connect() as db:
        db.execute("SET enable_progress_bar = false")
        names = pq.read_schema(folder / "events.parquet").names
        greatest = ", ".join(f"max({name})" for name in names)
        return db.execute(f"SELECT {greatest} FROM read_parquet('{folder}/events.parquet')").fetchone()  # noqa: S608


def read(folder: Path) -> int:
    """Read the same events back from the consent log of a control store."""
    from passerelle.privacy.consent.history import history
    from passerelle.privacy.store import Store
    from passerelle.privacy.vocabulary import Purpose

    store = Store.open(f"sqlite:///{folder}/control.db")
    with store.read() as connection:
        found = history(store, connection, pa.array(np.arange(1, PEOPLE + 1)), Purpose(PURPOSE))
    store.close()
    return int(found.num_rows)


def data() -> Path:
    """The generated history as a Parquet file and as a control store, made once and kept in the temporary folder."""
    folder = Path(tempfile.gettempdir()) / f"passerelle-bench-resolve-{os.getuid()}-{PEOPLE}-{EVENTS}"
    if not (folder / "done").exists():
        folder.mkdir(mode=0o700, exist_ok=True)
        events = generated()
        pq.write_table(events, folder / "events.parquet", compression="zstd")
        stored(folder, events)
        (folder / "done").touch()
    return folder


def generated() -> pa.Table:
    """Half of the events speak for one record of a shop or CRM each, the others for a whole source."""
    random = np.random.default_rng(20_261_120)
    person = random.integers(1, PEOPLE + 1, EVENTS)
    record = np.char.add("crm.ads_optin/", (person * 7919 % 2**32).astype("U10"))
    source = random.choice(["shop.optin", "desk", "website.banner"], EVENTS)
    stream = np.where(random.random(EVENTS) < 0.5, record, source)
    time = NOW - random.integers(0, 900 * DAY, EVENTS)
    return pa.table(
        {
            "event_id": np.arange(1, EVENTS + 1),
            "subject_id": person,
            "origin": person,
            "linked": np.zeros(EVENTS, bool),
            "stream": pa.array(stream),
            "state": _words(random, ["ConsentGiven"] * 8 + ["ConsentWithdrawn", "ConsentRefused"]),
            "event_time": pa.array(time, mask=random.random(EVENTS) < 0.05),
            "precision": _words(random, ["second", "second", "second", "day"]),
            "ingested_at": time + DAY,
            "valid_until": pa.nulls(EVENTS, pa.int64()),
            "notice": _words(random, ["ads@1", "ads@2", "ads@2"]),
            "recipients": _words(random, [None, None, "meta", "google_ads meta"]),
            "grade": _words(random, ["A", "A", "A", "A", "B", "C"]),
            "channel": _words(random, [None] * 9 + ["web"]),
            "stop": _words(random, [None] * 99 + ["opt_out"]),
            "expression": _words(random, [None, "explicit", "implicit", "two_step"]),
        }
    )


def _words(random: np.random.Generator, words: Sequence[str | None]) -> pa.DictionaryArray:
    chosen = pa.array(random.integers(0, len(words), EVENTS), pa.int32())
    coded = pa.array(words, pa.string()).dictionary_encode()
    return pa.DictionaryArray.from_arrays(coded.indices.take(chosen), coded.dictionary)


def stored(folder: Path, events: pa.Table) -> None:
    """The same events in the table where the consent log keeps them."""
    from passerelle.privacy.store import Store
    from passerelle.privacy.store import tables as t

    store = Store.open(f"sqlite:///{folder}/control.db")
    with store.write() as connection:
        for start in range(0, EVENTS, 250_000):
            piece = events.slice(start, 250_000)
            rows = {name: _plain(piece[name]) for name in piece.column_names if name not in {"origin", "linked"}}
            number = rows["event_id"]
            rows |= {"log_index": number, "position": number, "purpose": pa.repeat(PURPOSE, len(number))}
            rows |= {"actor": pa.repeat("pull/crm", len(number))}
            rows["fingerprint"] = pa.array([one.to_bytes(16) for one in number.to_pylist()], pa.binary())
            store.insert(connection, t.consent_event, rows)
    store.close()


def _plain(column: pa.ChunkedArray) -> pa.Array:
    return column.cast(pa.string() if pa.types.is_dictionary(column.type) else column.type).combine_chunks()
