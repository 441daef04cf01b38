"""A field that said yes and is blank now: that yes is over from the pull's time on, as nothing says it any more.

Only the consent log knows what a record said before. A field whose `blank` is `says_nothing` keeps its yes.
"""

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, func, select

from passerelle.connectors.contract.records import Shape
from passerelle.privacy.consent.events import CONSENT_EVENTS, shaped
from passerelle.privacy.consent.kin import kin, with_kin
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import ConsentState, EvidenceGrade, Precision
from passerelle.workflows.pull.consents import streams

_YES = [state.value for state in ConsentState if state.permits]
_FOUND = pa.schema(
    [("purpose", pa.string()), ("channel", pa.string()), ("stream", pa.string()), ("state", pa.string())]
)

Blank = tuple[str, pa.Array, pa.Array]
"""A field, the keys in the lake of records where it is blank, and whose they are."""


def over(
    store: Store,
    connection: Connection,
    shape: Shape,
    source: str,
    blanks: Sequence[Blank],
    *,
    state: ConsentState,
    method: str,
    now: int,
) -> pa.Table:
    """Consent events that end what these fields of these records last said, where that was a yes."""
    people = [ids for _, _, ids in blanks if len(ids)]
    yes = _yeses(store, connection, source, pa.concat_arrays(people)) if people else _FOUND.empty_table()
    made = [_ended(shape, source, blank, yes, state, method, now) for blank in blanks if yes.num_rows]
    return pa.concat_tables([CONSENT_EVENTS.empty_table(), *made])


def _ended(
    shape: Shape, source: str, blank: Blank, yes: pa.Table, state: ConsentState, method: str, now: int
) -> pa.Table:
    field, keys, ids = blank
    own = streams(shape, source, field, keys)
    place = pc.index_in(_record(yes["stream"], f"{source}.{field}"), own)
    ends = yes.filter(place.is_valid())
    count = ends.num_rows
    return shaped(
        pa.table(
            {
                "subject_id": ids.take(place.drop_null()),
                "purpose": ends["purpose"],
                "state": pa.repeat(state.value, count),
                "event_time": pa.array(np.full(count, now, np.int64)),
                "precision": pa.repeat(Precision.SECOND.value, count),
                "grade": pa.repeat(EvidenceGrade.C.value, count),
                "stream": ends["stream"],
                "channel": ends["channel"],
                "method": pa.repeat(method, count),
            }
        )
    )


def _record(streams_: pa.ChunkedArray, whole: str) -> pa.ChunkedArray:
    """Streams without the scope that a signal has within its field."""
    return pc.replace_substring_regex(streams_, rf"^({re.escape(whole)})\.[^/]*(/.*)$", r"\1\2")


def _yeses(store: Store, connection: Connection, source: str, ids: pa.Array) -> pa.Table:
    """What these people's streams of the source said last, where it permits."""
    c = t.consent_event.c
    everybody = pa.array(with_kin(np.unique(ids.to_numpy()), kin(store, connection)))
    with store.among(connection, everybody) as chosen:
        last = (
            select(func.max(c.event_id).label("event_id"))
            .where(c.subject_id.in_(select(chosen)))
            .where(c.stream.startswith(f"{source}.", autoescape=True))
            .group_by(c.purpose, c.stream)
            .subquery()
        )
        found = store.table(
            connection,
            select(c.purpose, c.channel, c.stream, c.state)
            .join(last, last.c.event_id == c.event_id)
            .where(c.state.in_(_YES)),
        )
    return found.cast(_FOUND)
