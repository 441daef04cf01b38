"""What was heard in vendors' records, recorded: who said it, in which stream, read by what, with the record beside it.

All of it happens in one transaction, as with statements: nobody is ever known to have withdrawn without their removals
being owed.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, select

from passerelle.privacy.consent.events import CONSENT_EVENTS, permits
from passerelle.privacy.consent.signals.columns import Ints, spoken
from passerelle.privacy.consent.signals.contract import Heard
from passerelle.privacy.consent.signals.reading import NO_ANSWER
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Channel, Field
from passerelle.workflows.intake.record import Recorded, owe, pairs, people_of
from passerelle.workflows.intake.statement import IDENTIFIERS

if TYPE_CHECKING:
    from passerelle.workflows.workspace import Workspace

WHO = ("subject_ref", *IDENTIFIERS, "country")
_KNOWN_BY = (Field.EXTERNAL_ID, Field.EMAIL, Field.PHONE)
"""By which identifier one record of a vendor is told from another: the first of these that it has."""

_MAILINGS = pa.array([channel.value for channel in Channel if channel is not Channel.WEB])
_STREAM = ["subject_id", "purpose", "stream"]
_HEARD = pa.schema(
    [("subject_id", pa.int64()), ("purpose", pa.string()), ("stream", pa.string()), ("permits", pa.bool_())]
)
_SEPARATORS = re.compile(r"[\s().-]")


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """Statements with the rows that they are of, and who each row is about. `raw` is aligned with the rows."""

    statements: pa.Table  # columns.SPOKEN
    rows: Ints
    who: pa.Table = field(repr=False)
    """Columns of `WHO`, as text."""
    raw: pa.Array = field(repr=False)


def told(heard: Sequence[tuple[Heard, bytes]]) -> Told:
    """Readings of records, each with its record."""
    statements, rows = spoken([one.said for one, _ in heard])
    named = {name: [one.who.get(Field(name)) for one, _ in heard] for name in WHO[1:]}
    columns: dict[str, Any] = {"subject_ref": pa.nulls(len(heard), pa.string())}
    columns |= {name: pa.array(values, pa.string()) for name, values in named.items()}
    return Told(statements, rows, pa.table(columns), pa.array([raw for _, raw in heard], pa.binary()))


def record_heard(
    workspace: "Workspace", connection: Connection, given: Told, *, source: str, adapter: str, actor: str, now: int
) -> Recorded:
    """Record what can be kept, in the caller's transaction. Places of what was refused are rows of `given`."""
    events = _events(workspace, connection, given, source, adapter, now)
    kept = _worth_keeping(workspace, connection, events)
    rows = pa.array(given.rows).filter(kept)
    heard = workspace.consent_log().ingest(connection, events.filter(kept), actor=actor, now=now)
    refused = rows.take(heard.refused["row"].combine_chunks())
    return Recorded(
        new=heard.new,
        known=heard.known,
        withdrawals=pc.count_distinct(heard.vetoed["subject_id"]).as_py(),
        queued=owe(connection, heard.vetoed, now),
        refused=tuple(sorted(pairs(refused, heard.refused["reason"]).items())),
    )


def _events(
    workspace: "Workspace", connection: Connection, given: Told, source: str, adapter: str, now: int
) -> pa.Table:
    rows, count = pa.array(given.rows), len(given.rows)
    people = people_of(workspace, connection, given.who, now)
    streams, known_by = _records(given.who, workspace.keys().lasting(f"consent stream/{source}"))
    scopes = given.statements["scope"]
    whole = pc.if_else(pc.equal(scopes, ""), source, pc.binary_join_element_wise(source, scopes, "."))
    columns = {name: given.statements[name] for name in given.statements.column_names if name != "scope"}
    columns |= {
        "subject_id": people.take(rows),
        "stream": pc.binary_join_element_wise(whole, streams.take(rows), "/"),
        "identified_by": known_by.take(rows),
        "adapter": pa.repeat(adapter, count),
        "raw": given.raw.take(rows),
    }
    return pa.table({field.name: columns[field.name] for field in CONSENT_EVENTS}, schema=CONSENT_EVENTS)


def _records(who: pa.Table, key: bytes) -> tuple[pa.Array, pa.Array]:
    """For each row: which record of the vendor it is, as a keyed digest, and by which identifier that is told."""
    digests, fields = [], []
    columns = {name: who[name].to_pylist() for name in ("subject_ref", *(one.value for one in _KNOWN_BY))}
    for values in zip(*columns.values(), strict=True):
        name, value = next(((name, one) for name, one in zip(columns, values, strict=True) if one), ("", ""))
        plain = _SEPARATORS.sub("", value) if name == Field.PHONE else value.strip().casefold()
        digests.append(hashlib.blake2b(f"{name}\x1f{plain}".encode(), digest_size=8, key=key).hexdigest())
        fields.append(name if name in IDENTIFIERS else None)
    return pa.array(digests, pa.string()), pa.array(fields, pa.string())


def _worth_keeping(workspace: "Workspace", connection: Connection, events: pa.Table) -> pa.Array:
    """All but what would end something that nobody said.

    An opt-in to a mailing ends a veto through that mailing, and says nothing else about advertising. That there is no
    answer ends an earlier yes, and is no refusal of anything.
    """
    yes = permits(events["state"])
    state, expression = (word.value for word in NO_ANSWER)
    mailing = pc.and_(yes, pc.fill_null(pc.is_in(events["channel"], _MAILINGS), fill_value=False))
    silent = pc.and_(pc.equal(events["state"], state), pc.equal(events["expression"], expression))
    ends = pc.or_(mailing, pc.fill_null(silent, fill_value=False))
    if not pc.any(ends).as_py():
        return pa.array(np.ones(events.num_rows, bool))
    own = events.select(_STREAM).append_column("permits", yes)
    people = events.filter(ends)["subject_id"].drop_null().unique()
    heard = pa.concat_tables([own, _heard_of(workspace, connection, people)]).group_by(own.column_names).aggregate([])
    heard = heard.append_column("said", pa.repeat(pa.scalar(True), heard.num_rows))
    asked = events.select(_STREAM).append_column("permits", pc.invert(yes))
    asked = asked.append_column("row", pa.array(np.arange(events.num_rows)))
    found = asked.join(heard, own.column_names, join_type="left outer").sort_by("row")
    return pc.or_(pc.invert(ends), pc.fill_null(found["said"], fill_value=False)).combine_chunks()


def _heard_of(workspace: "Workspace", connection: Connection, people: pa.Array) -> pa.Table:
    """What these people are known to have said: purpose, stream, and whether it permits."""
    c = t.consent_event.c
    with workspace.store().among(connection, people) as chosen:
        found = workspace.store().table(
            connection,
            select(c.subject_id, c.purpose, c.stream, c.state).where(c.subject_id.in_(select(chosen))),
        )
    return found.select(_STREAM).append_column("permits", permits(found["state"])).cast(_HEARD)
