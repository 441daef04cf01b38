"""Uploads judged again: by what we knew then, which must find nothing; and by what we know now.

A refusal that was said before an upload and reached us after it makes the upload wrong in hindsight. It is listed
with how late it came, since nobody could have known.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select

from passerelle.privacy.audit.answer import Line
from passerelle.privacy.audit.entries import said
from passerelle.privacy.audit.known import Ints, Known, Target
from passerelle.privacy.audit.times import iso
from passerelle.privacy.ledger import Place
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Action, ConsentState, Purpose

_HOUR = 3_600_000_000
_PERMITTING = [state.value for state in ConsentState if state.permits]
SHOWN = 200
"""People whose refusal came late are listed one by one up to so many; all are counted."""


@dataclass(frozen=True, slots=True)
class Hindsight:
    """`wrong_then`: people sent whom the gate would not have allowed by what was known. `late`: by what is known now.

    `judged` people in `batches` additions were looked at; `erased` people could not be: nothing is held of them.
    """

    batches: int
    judged: int
    erased: int
    wrong_then: int
    late: int
    by_batch: list[Line]
    late_refusals: list[Line]


@dataclass(frozen=True, slots=True)
class _Upload:
    target: Target
    batch_id: str
    log_index: int
    at: int


@dataclass(frozen=True, slots=True, eq=False)
class _Refusals:
    """Refusals, as the people they are of today; aligned columns. Times that are not known are the latest there is."""

    person: Ints
    said_at: Ints
    heard_at: Ints
    log_index: Ints
    purpose: npt.NDArray[np.object_]
    event_id: Ints


def hindsight(known: Known) -> Hindsight:
    """Judge every addition until then again."""
    refusals, gone = _refusals(known), _erased(known)
    counts = dict.fromkeys(("batches", "judged", "erased", "wrong_then", "late"), 0)
    lines: list[Line] = []
    listed: list[Line] = []
    for upload in _uploads(known):
        members = _members(known, upload.batch_id)
        lost = np.isin(members, gone)
        kept = members[~lost]
        wrong, reasons = _wrong_then(known, upload, kept)
        late = _late(known, upload, np.setdiff1d(kept, wrong), refusals)
        counts["batches"] += 1
        counts["judged"] += len(kept)
        counts["erased"] += int(lost.sum())
        counts["wrong_then"] += len(wrong)
        counts["late"] += len({line["subject_id"] for line in late})
        if len(wrong) or late:
            lines.append(_line(upload, len(members), len(wrong), reasons, late))
            listed += late[: max(0, SHOWN - len(listed))]
    return Hindsight(**counts, by_batch=lines, late_refusals=_named(known, listed))


def _uploads(known: Known) -> Iterator[_Upload]:
    """Every addition that may have reached its platform, oldest first."""
    targets = {target.place: target for target in known.targets()}
    bodies = {e.log_index: e.body for e in said(known.connection, "batch", below=known.log_size)}
    b = t.batch.c
    wanted = select(t.batch).where(b.action == Action.ADD.value, b.log_index < known.log_size).order_by(b.log_index)
    for row in known.connection.execute(wanted).mappings().all():
        target = targets.get(Place(row["destination"], row["audience"]))
        if target is None:
            continue
        body = bodies.get(row["log_index"], {})
        purpose = Purpose(body.get("purpose", target.purpose))
        aimed = replace(target, purpose=purpose)
        yield _Upload(aimed, row["batch_id"], row["log_index"], row["intended_at"])


def _members(known: Known, batch_id: str) -> Ints:
    """Whom the platform did not reject by name, as the people they were."""
    m = t.batch_member.c
    sent = select(m.subject_id).where(m.batch_id == batch_id, m.rejected.is_(None))
    return np.asarray(known.store.table(known.connection, sent)["subject_id"].to_numpy())


def _erased(known: Known) -> Ints:
    c = t.subject.c
    return np.asarray(
        known.store.table(known.connection, select(c.subject_id).where(c.erased_at.is_not(None)))[
            "subject_id"
        ].to_numpy()
    )


def _wrong_then(known: Known, upload: _Upload, people: Ints) -> tuple[Ints, dict[str, int]]:
    then = known.earlier(upload.log_index, upload.at)
    decided = then.decide(pa.array(people, pa.int64()), upload.target.purpose, upload.target.platform)
    denied = decided.filter(pc.invert(decided["allowed"]))
    reasons = {item["values"]: item["counts"] for item in denied["reason"].value_counts().to_pylist()}
    return np.asarray(denied["subject_id"].to_numpy()), reasons


def _refusals(known: Known) -> _Refusals:
    """Every refusal that was heard: few among the events, and of every purpose."""
    c = t.consent_event.c
    columns = (c.subject_id, c.event_time, c.ingested_at, c.log_index, c.purpose, c.event_id)
    wanted = select(*columns).where(c.state.not_in(_PERMITTING), c.log_index < known.log_size)
    rows = known.store.table(known.connection, wanted)
    unknown = np.iinfo(np.int64).max
    return _Refusals(
        person=known.today(rows["subject_id"].combine_chunks()),
        said_at=np.asarray(rows["event_time"].fill_null(unknown).to_numpy()),
        heard_at=np.asarray(rows["ingested_at"].to_numpy()),
        log_index=np.asarray(rows["log_index"].to_numpy()),
        purpose=np.asarray(rows["purpose"].to_pylist(), dtype=object),
        event_id=np.asarray(rows["event_id"].to_numpy()),
    )


def _late(known: Known, upload: _Upload, people: Ints, refusals: _Refusals) -> list[Line]:
    """Refusals said before this upload and heard after it, of people in it; the longest on its way first."""
    about = (refusals.log_index > upload.log_index) & (refusals.said_at <= upload.at)
    about &= refusals.purpose == upload.target.purpose.value
    whose = refusals.person[about]
    if not len(whose):
        return []
    today = known.today(pa.array(people, pa.int64()))
    order = np.argsort(today)
    place = np.minimum(np.searchsorted(today[order], whose), max(len(today) - 1, 0))
    inside = today[order][place] == whose if len(today) else np.zeros(len(whose), bool)
    rows = np.flatnonzero(about)[inside]
    lines = [
        {
            "subject_id": int(refusals.person[row]),
            "batch_id": upload.batch_id,
            "audience": upload.target.place.audience,
            "destination": upload.target.place.destination,
            "event_id": int(refusals.event_id[row]),
            "said_at": iso(int(refusals.said_at[row])),
            "sent_at": iso(upload.at),
            "heard_at": iso(int(refusals.heard_at[row])),
            "late_hours": round(float(refusals.heard_at[row] - refusals.said_at[row]) / _HOUR, 2),
        }
        for row in rows.tolist()
    ]
    return sorted(lines, key=lambda line: (-line["late_hours"], line["event_id"]))


def _line(upload: _Upload, rows: int, wrong: int, reasons: dict[str, int], late: list[Line]) -> Line:
    return {
        "batch_id": upload.batch_id,
        "audience": upload.target.place.audience,
        "destination": upload.target.place.destination,
        "sent_at": iso(upload.at),
        "log_index": upload.log_index,
        "rows": rows,
        "wrong_then": wrong,
        "reasons": reasons,
        "late": len({line["subject_id"] for line in late}),
        "latest_hours": late[0]["late_hours"] if late else None,
    }


def _named(known: Known, lines: list[Line]) -> list[Line]:
    """The lines with a pseudonym instead of the internal number."""
    refs = known.names(line["subject_id"] for line in lines)
    return [
        {"subject_ref": refs[line["subject_id"]]} | {name: line[name] for name in line if name != "subject_id"}
        for line in lines
    ]
