"""Records statements: people are recognised or become known, events go in, and who said no is queued for removal.

All of it happens in one transaction: nobody is ever known to have withdrawn without their removals being owed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.identifiers import canonical, country_codes
from passerelle.privacy.ledger import queue_removals
from passerelle.privacy.personal import Personal
from passerelle.privacy.vocabulary import Field, Purpose, SubjectRef
from passerelle.workflows.intake.columns import REASONS, events_of
from passerelle.workflows.intake.statement import FIELDS, IDENTIFIERS, MOST_NAMED, ConsentStatement

if TYPE_CHECKING:
    from passerelle.workflows.workspace import Workspace

CAUSE = "consent_withdrawn"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of statements. `withdrawals` are people with a new statement that does not permit.

    `queued` are memberships whose removal is owed since; `refused` are places (from 0) with a reason of `REASONS`.
    """

    new: int
    known: int
    withdrawals: int
    queued: int
    refused: tuple[tuple[int, str], ...] = ()


def record_events(workspace: "Workspace", events: Sequence[ConsentStatement], *, actor: str, now: int) -> Recorded:
    """Record statements, all or none, with one log entry. The same ones again change nothing.

    Raises `DefinitionError` that names the places (from 1) and reasons of those that cannot be kept.
    """
    columns = {name: pa.array([getattr(event, name) for event in events], pa.string()) for name in FIELDS}
    with workspace.store().write() as connection:
        recorded = record_columns(workspace, connection, pa.table(columns), actor=actor, now=now)
        if recorded.refused:
            raise DefinitionError(f"Nothing was recorded. {named(recorded.refused, 'Event')}")
    return recorded


def record_columns(
    workspace: "Workspace",
    connection: Connection,
    said: pa.Table,
    *,
    actor: str,
    now: int,
    broken: Sequence[int] = (),
) -> Recorded:
    """Record what can be kept of statements in text columns (see `ConsentStatement`), in the caller's transaction.

    `broken` are places of lines that could not even be read.
    """
    said = filled(said)
    subject_ids = people_of(workspace, connection, said, now)
    events, faults = events_of(said, subject_ids)
    rows = pa.array(np.arange(events.num_rows))
    not_said = pa.table({"row": pa.array(broken, pa.int64()), "reason": pa.repeat("not_a_statement", len(broken))})
    faults = pa.concat_tables([faults, not_said])
    sound = pc.invert(pc.is_in(rows, faults["row"].combine_chunks()))
    heard = workspace.consent_log().ingest(connection, events.filter(sound), actor=actor, now=now)
    refused = rows.filter(sound).take(heard.refused["row"].combine_chunks())
    return Recorded(
        new=heard.new,
        known=heard.known,
        withdrawals=pc.count_distinct(heard.vetoed["subject_id"]).as_py(),
        queued=owe(connection, heard.vetoed, now),
        refused=tuple(
            sorted({**pairs(refused, heard.refused["reason"]), **pairs(faults["row"], faults["reason"])}.items())
        ),
    )


def named(refused: Sequence[tuple[int, str]], what: str, *, first: int = 1) -> str:
    """What is wrong where, in sentences: at most a few places one by one, the rest by number."""
    said = [f"{what} {place + first}: {REASONS[reason]}." for place, reason in islice(refused, MOST_NAMED)]
    more = len(refused) - len(said)
    return " ".join(said) + (f" And {more} more." if more else "")


def owe(connection: Connection, vetoed: pa.Table, now: int) -> int:
    """Queue the removals that new refusals (`subject_id`, `purpose`) cause; how many memberships that are."""
    queued = 0
    for purpose in vetoed["purpose"].unique().to_pylist():
        people = vetoed.filter(pc.equal(vetoed["purpose"], purpose))["subject_id"].combine_chunks()
        queued += queue_removals(connection, people, cause=CAUSE, now=now, purpose=Purpose(purpose))
    return queued


def people_of(workspace: "Workspace", connection: Connection, said: pa.Table, now: int) -> pa.Array:
    """Who each row is about, by `subject_ref`, `country` and `IDENTIFIERS`; null where it names nobody.

    Phones are read as of the workspace's country, for reading numbers only: where somebody is, only `country` says.
    """
    country = country_codes(said["country"])
    reading = pc.fill_null(country, workspace.settings.default_country)
    columns = {name: said[name] for name in IDENTIFIERS}
    columns["phone"] = canonical(Field.PHONE, said["phone"], reading).value
    by_ref = _by_ref(workspace, connection, said["subject_ref"])
    speaking = pc.is_null(said["subject_ref"]).combine_chunks()  # a pseudonym that nobody has names nobody
    table = pa.table({**columns, "country": country}).filter(speaking)
    if not table.num_rows:
        return by_ref
    registered = workspace.subjects().register(connection, Personal(table), now=now)
    return pc.replace_with_mask(by_ref, speaking, registered)


def _by_ref(workspace: "Workspace", connection: Connection, refs: pa.ChunkedArray) -> pa.Array:
    wanted = refs.combine_chunks()
    if not len(wanted.drop_null()):
        return pa.nulls(len(wanted), pa.int64())
    distinct = wanted.drop_null().unique()
    people = workspace.subjects().by_refs(connection, [SubjectRef(ref) for ref in distinct.to_pylist()])
    return pa.array(people, pa.int64()).take(pc.index_in(wanted, distinct))


def filled(said: pa.Table, fields: Sequence[str] = FIELDS) -> pa.Table:
    """Every field as a text column; blank is null."""
    columns = {}
    for name in fields:
        column = said[name] if name in said.column_names else pa.chunked_array([pa.nulls(said.num_rows, pa.string())])
        text = pc.utf8_trim_whitespace(column.cast(pa.string()))
        columns[name] = pc.if_else(pc.equal(text, ""), None, text)
    return pa.table(columns)


def pairs(rows: pa.Array | pa.ChunkedArray, reasons: pa.ChunkedArray) -> dict[int, str]:
    """Place to reason."""
    return dict(zip(rows.to_pylist(), reasons.to_pylist(), strict=True))
