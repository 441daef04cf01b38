"""What the log costs per person, what verifying it costs per row, and one proof out of ten million leaves.

`member_proofs`: pseudonym, blinding nonce, leaf, sorting and the root over all of them, against one plain
`hashlib.sha256(identifier).hexdigest()` of the same people. `verify_log`: everything that `audit verify` does to a
consent event, against the same hash per row. `one_proof`: a person's whole evidence out of a batch of ten million
members, against computing that batch's root once, which is what it would cost to read them all.
"""

import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection

from bench.measure import Measure, in_process, ratio
from passerelle.privacy.audit.proof import evidence, proof_file
from passerelle.privacy.audit.proof_rows import Asked
from passerelle.privacy.keys import Keyring
from passerelle.privacy.log import Log, merkle
from passerelle.privacy.log.blinding import blind
from passerelle.privacy.log.leaves import batch_member_payload, batch_rows, consent_payload
from passerelle.privacy.log.members import Members
from passerelle.privacy.personal import Personal
from passerelle.privacy.pseudonyms import Pseudonyms
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t
from passerelle.privacy.subjects import Subjects
from passerelle.privacy.vocabulary import Field

PEOPLE = int(os.environ.get("BENCH_PROOF_PEOPLE", "200000"))
ROWS = int(os.environ.get("BENCH_VERIFY_ROWS", "200000"))
LEAVES = int(os.environ.get("BENCH_LEAVES", "10000000"))
NOW = 1_763_700_000_000_000
MEMBERS_GOAL = 6.0
PROOF_GOAL = 0.05
_IMPORT = 50_000


def run() -> Iterator[tuple[str, Measure]]:
    found, peak = in_process(lambda: members(PEOPLE))
    yield "member_proofs", Measure(found, MEMBERS_GOAL, peak)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found, peak = in_process(lambda: verified(folder, ROWS))
    yield "verify_log", Measure(found, None, peak)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found, peak = in_process(lambda: one_proof(folder, LEAVES))
    yield "one_proof", Measure(found, PROOF_GOAL, peak)


def members(count: int) -> float:
    """The log's work for `count` members of a batch, over one plain hash of each one's e-mail address."""
    emails = _emails(count)
    random = np.random.default_rng(2026).bytes(32 * count)
    keys = [random[at : at + 32] for at in range(0, len(random), 32)]
    pseudonyms = Pseudonyms(Keyring(bytes(32)))
    payloads = batch_member_payload(batch_rows("bench", "add", pa.array(np.arange(count))))

    def logged() -> None:
        pseudonyms.refs(Field.EMAIL, emails)
        leaves = [leaf for leaf in blind(keys, "bench", payloads) if leaf]
        merkle.root(Members.of(leaves).leaves)

    return ratio(logged, lambda: _plain(emails))


def verified(folder: Path, rows: int) -> float:
    """`Log.verify` of a log of consent events, one for each person, over one plain hash per row."""
    store, log, subjects = _opened(folder)
    emails = _emails(rows)
    for start in range(0, rows, _IMPORT):
        with store.write() as connection:
            people = Personal(pa.table({"email": emails[start : start + _IMPORT]}))
            ids = subjects.register(connection, people, now=NOW)
            _consents(store, log, connection, ids, first=start + 1)
            log.checkpoint(connection, now=NOW)
    start_time = time.process_time()
    with store.read() as connection:
        found = log.verify(connection)
    took = time.process_time() - start_time
    if not found.ok or found.erased:
        raise RuntimeError(f"a log that does not verify: {found.problems[:3]}")
    store.close()
    _say(f"verify: {rows / took:,.0f} rows in a second of CPU")
    start_time = time.process_time()
    _plain(emails)
    return took / (time.process_time() - start_time)


def one_proof(folder: Path, count: int) -> float:
    """One person's evidence out of a batch of `count` members, over the root of those members' leaves."""
    store, log, subjects = _opened(folder)
    person, leaves = _crowded(store, log, subjects, count)

    def proved() -> None:
        with store.read() as connection:
            found = evidence(store, log, connection, Asked([person], batch="crowd"))
            if len(found.parts["members"]) != 2:
                raise RuntimeError("a proof of nothing")
            proof_file(log, found)

    found = ratio(proved, lambda: merkle.root(leaves), rounds=1)
    store.close()
    return found


def _crowded(store: Store, log: Log, subjects: Subjects, count: int) -> tuple[int, bytes]:
    """A batch of one real person and invented leaves, and the leaves."""
    with store.write() as connection:
        ids = subjects.register(connection, Personal(pa.table({"email": ["one@example.com"]})), now=NOW)
        _consents(store, log, connection, ids, first=1)
        mine = log.member_leaves(connection, "crowd", ids, batch_member_payload(batch_rows("crowd", "add", ids))).leaves
        random = np.frombuffer(np.random.default_rng(2026).bytes(32 * (count - 1)), "S32")
        # `S32` drops zero bytes at an end; such leaves are few, and invented ones may go.
        leaves = np.sort(np.append(random[np.char.str_len(random) == 32], np.frombuffer(mine, "S32")))
        position = int(np.searchsorted(leaves, np.frombuffer(mine, "S32")[0]))
        everybody = Members(leaves.tobytes(), pa.array(np.zeros(len(leaves), np.int64)))
        said = {"destination": "meta", "audience": "all", "action": "add", "rows": len(leaves)}
        body = {"label": "crowd", "run": "r1", "purpose": "ad_list_matching", **said}
        index = log.append(connection, "batch", body, now=NOW, members=everybody)
        row = {**said, "batch_id": "crowd", "run_id": "r1", "state": "settled", "accepted": len(leaves), "rejected": 0}
        row |= {"pending": 0, "receipt": None, "log_index": index, "intended_at": NOW, "settled_at": NOW}
        store.insert(connection, t.batch, {name: [value] for name, value in row.items()})
        members = {"batch_id": ["crowd"], "subject_id": ids, "position": [position]}
        store.insert(connection, t.batch_member, members)
        log.checkpoint(connection, now=NOW)
    return int(ids[0].as_py()), everybody.leaves


def _consents(store: Store, log: Log, connection: Connection, ids: pa.Array, *, first: int) -> None:
    count = len(ids)
    numbers = np.arange(first, first + count)
    rows: dict[str, pa.Array | list[object]] = {
        "event_id": pa.array(numbers),
        "subject_id": ids,
        "purpose": pa.repeat("ad_list_matching", count),
        "state": pa.repeat("ConsentGiven", count),
        "event_time": pa.array(NOW - numbers),
        "precision": pa.repeat("second", count),
        "ingested_at": pa.array(np.full(count, NOW)),
        "notice": pa.repeat("ads-2026@1", count),
        "grade": pa.repeat("A", count),
        "stream": pa.repeat("crm", count),
        "actor": pa.repeat("pull", count),
        "fingerprint": pa.array([hashlib.blake2b(b"%d" % one, digest_size=16).digest() for one in numbers.tolist()]),
    }
    label = f"consent-{first}"
    leaves = log.member_leaves(connection, label, ids, consent_payload(pa.table(rows)))
    index = log.append(connection, "consent", {"label": label}, now=NOW, members=leaves)
    rows |= {"log_index": pa.array(np.full(count, index)), "position": leaves.positions}
    store.insert(connection, t.consent_event, rows)


def _opened(folder: Path) -> tuple[Store, Log, Subjects]:
    keys = Keyring(bytes(range(32)))
    store = Store.open(f"sqlite:///{folder}/control.db")
    with store.write() as connection:
        keys.bind(connection)
    return store, Log(store, keys, "bench/log"), Subjects(store, keys)


def _emails(count: int) -> list[str]:
    return [f"person.{number}@example.com" for number in range(count)]


def _plain(emails: list[str]) -> None:
    for email in emails:
        hashlib.sha256(email.encode()).hexdigest()


def _say(what: str) -> None:
    print(f"  {what}", file=sys.stderr, flush=True)
