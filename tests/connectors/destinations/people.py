"""People for the destinations' tests, and batches of them as the gate and the ledger would make them."""

import hashlib
from collections.abc import Mapping, Sequence

import pyarrow as pa

from passerelle.privacy.consent.cleared import GATE_SEAL, LEDGER_SEAL, ClearedBatch, RemovalBatch
from passerelle.privacy.personal import Personal
from passerelle.privacy.vocabulary import Destination, Field, Purpose

Person = Mapping[str, Sequence[str] | str | None]
STRINGS = pa.list_(pa.string())


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def person(number: int) -> Person:
    return {
        "external_id": [f"C{number:06d}"],
        "email": [f"person{number}@example.fr"],
        "phone": [f"+3361234{number:04d}"],
        "first_name": ["Zoé"],
        "last_name": ["Martin"],
        "postal_code": ["59000"],
        "city": ["Lille"],
        "gender": ["f"],
        "country": "FR",
    }


def people(count: int, start: int = 0) -> list[Person]:
    return [person(number) for number in range(start, start + count)]


def cleared(persons: Sequence[Person], platform: Destination, values: Sequence[float] | None = None) -> ClearedBatch:
    """Subject ids count from 1."""
    names = [field for field in Field if any(field in person for person in persons)]
    columns = {
        name: pa.array([person.get(name) for person in persons], pa.string() if name == "country" else STRINGS)
        for name in names
    }
    ids = pa.array(range(1, len(persons) + 1), pa.int64())
    return ClearedBatch(
        seal=GATE_SEAL,
        destination=platform,
        audience="lapsing_champions",
        purpose=Purpose.AD_LIST_MATCHING,
        subject_ids=ids,
        identifiers=Personal(pa.table(columns)),
        revision=pa.array([1] * len(persons), pa.int32()),
        log_index=1,
        decided_at=0,
        values=None if values is None else Personal(pa.table({"value": pa.array(values, pa.float64())})),
    )


def removal(ids: Sequence[int], rows: pa.Table, platform: Destination) -> RemovalBatch:
    return RemovalBatch(
        seal=LEDGER_SEAL,
        destination=platform,
        audience="lapsing_champions",
        subject_ids=pa.array(ids, pa.int64()),
        rows=Personal(rows),
    )
