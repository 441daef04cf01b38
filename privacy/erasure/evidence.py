"""What a data protection officer needs to answer a claim about somebody who was erased.

It is made of rows as they stood, where each stands in the log, and the keys that open its leaves there: who has it
proves each row to whoever has the log. Identifiers are in it as digests under a salt of its own, so that a claimant
who gives theirs can be recognised, and nobody is named.
"""

import base64
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection, RowMapping, Table, select

from passerelle.privacy.consent.record import SIGNAL
from passerelle.privacy.erasure.desk import Desk, Open
from passerelle.privacy.errors import IntegrityError
from passerelle.privacy.log.blinding import blind
from passerelle.privacy.log.canonical import canonical
from passerelle.privacy.log.entries import MemberLeaves
from passerelle.privacy.log.leaves import (
    batch_member_payload,
    consent_payload,
    decision_payload,
)
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import IDENTITY_FIELDS, Field

FORMAT = "passerelle-evidence/1"
"""What opened evidence says it is."""

_SALT = 16
_BATCH = ("run_id", "destination", "audience", "action", "state", "receipt", "log_index", "intended_at", "settled_at")
_DOCUMENT = ("kind", "name", "digest", "log_index", "recorded_at")

Line = dict[str, Any]


def gather(desk: Desk, connection: Connection, one: Open, *, now: int) -> bytes:
    """The evidence of one person, as canonical JSON. Their keys must still be there."""
    ids = pa.array(one.subject_ids, pa.int64())
    size = desk.log.size(connection)
    found = {
        "format": FORMAT,
        "erasure": one.erasure,
        "made_at": now,
        "log": {
            "origin": desk.log.origin,
            "verifier": desk.log.verifier.text,
            "size": size,
            "root": desk.log.root(connection, size).hex(),
        },
        "people": _people(desk, connection, one, ids),
        "identifiers": _identifiers(desk, connection, ids),
        "events": _events(desk, connection, one),
        "decisions": [_line(row) for row in _rows(connection, t.decision, one)],
        "batches": _batches(connection, one),
        "documents": _documents(connection),
    }
    return canonical(found)


def read(evidence: bytes) -> Line:
    """Opened evidence. Raises `IntegrityError` where it is not what `gather` made."""
    try:
        found = json.loads(evidence)
    except ValueError:
        found = {}
    if not isinstance(found, dict) or found.get("format") != FORMAT or canonical(found) != evidence:
        raise IntegrityError("The evidence is not of a kind that this version reads.")
    return found


def is_about(evidence: Line, field: Field, canonical_value: str) -> bool:
    """Whether its person had this identifier."""
    told = evidence["identifiers"]
    digest = _digest(bytes.fromhex(told["salt"]), field, canonical_value)
    return {"field": field.value, "digest": digest} in told["digests"]


@dataclass(frozen=True, slots=True)
class Proven:
    """How many rows there are, and how many of them the log confirms."""

    rows: int
    confirmed: int


def proven(connection: Connection, evidence: Line) -> Proven:
    """Compute each row's leaf again with the keys in the evidence, and look for it where the row says it stands."""
    keys = {person["subject_id"]: bytes.fromhex(person["audit_key"]) for person in evidence["people"]}
    leaves = MemberLeaves(connection)
    labels: dict[int, str] = {}
    confirmed = 0
    told = [
        (evidence["events"], consent_payload),
        (evidence["decisions"], decision_payload),
        (evidence["batches"], batch_member_payload),
    ]
    for lines, payload in told:
        for line, said in zip(lines, payload(_table(lines)) if lines else (), strict=True):
            index = line["log_index"]
            label = labels.setdefault(index, _label(connection, index))
            (leaf,) = blind([keys[line["subject_id"]]], label, [said])
            confirmed += leaf == leaves.at(index, np.array([line["position"]]))[0]
    return Proven(sum(len(lines) for lines, _ in told), confirmed)


def _people(desk: Desk, connection: Connection, one: Open, ids: pa.Array) -> list[Line]:
    keys = desk.subjects.audit_keys(connection, ids)
    countries = desk.subjects.countries(connection, ids).to_pylist()
    return [
        {"subject_id": number, "audit_key": (key or b"").hex(), "country": country}
        for number, key, country in zip(one.subject_ids, keys, countries, strict=True)
    ]


def _identifiers(desk: Desk, connection: Connection, ids: pa.Array) -> Line:
    salt = desk.random(_SALT)
    digests = [
        {"field": field.value, "digest": _digest(salt, field, value)}
        for field in IDENTITY_FIELDS
        for value in desk.subjects.held(connection, ids, field)[1].unique().to_pylist()
    ]
    return {
        "salt": salt.hex(),
        "digests": sorted(digests, key=lambda each: (each["field"], each["digest"])),
        "subject_refs": sorted(desk.subjects.pseudonyms_of(connection, ids)[1].unique().to_pylist()),
    }


def _digest(salt: bytes, field: Field, value: str) -> str:
    return hmac.digest(salt, f"{field}\0{value}".encode(), "sha256").hex()


def _events(desk: Desk, connection: Connection, one: Open) -> list[Line]:
    lines = []
    for row in _rows(connection, t.consent_event, one):
        line = _line(row)
        if row["raw"] is not None:
            owner = pa.array([row["subject_id"]], pa.int64())
            (signal,) = desk.subjects.unseal(connection, owner, [row["raw"]], use=SIGNAL)
            line["raw"] = _plain(signal)
        lines.append(line)
    return lines


def _batches(connection: Connection, one: Open) -> list[Line]:
    m, b = t.batch_member.c, t.batch.c
    statement = (
        select(m.batch_id, m.subject_id, m.position, m.rejected, *(b[name] for name in _BATCH))
        .join_from(t.batch_member, t.batch, m.batch_id == b.batch_id)
        .where(m.subject_id.in_(one.subject_ids))
        .order_by(b.log_index, m.subject_id)
    )
    return [_line(row) for row in connection.execute(statement).mappings()]


def _documents(connection: Connection) -> list[Line]:
    """Notices and policies that were on file: all of them, since they are few."""
    columns = (t.document.c[name] for name in _DOCUMENT)
    rows = connection.execute(select(*columns).order_by(t.document.c.log_index)).mappings()
    return [_line(row) for row in rows]


def _rows(connection: Connection, table: Table, one: Open) -> Sequence[RowMapping]:
    mine = select(table).where(table.c.subject_id.in_(one.subject_ids))
    return connection.execute(mine.order_by(table.c.log_index, table.c.position)).mappings().all()


def _line(row: RowMapping) -> Line:
    return {str(name): _plain(value) for name, value in row.items()}


def _plain(value: object) -> object:
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _value(value: Any) -> object:  # noqa: ANN401 - what JSON holds
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value


def _table(lines: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The lines as the rows of a table again."""
    return pa.table({name: pa.array([_value(line[name]) for line in lines]) for name in lines[0]})


def _label(connection: Connection, index: int) -> str:
    body = connection.scalar(select(t.log_entry.c.body).where(t.log_entry.c.log_index == index))
    return "" if body is None else str(json.loads(body)["body"].get("label", ""))
