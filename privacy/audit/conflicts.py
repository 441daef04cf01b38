"""`audit conflicts`: people of whom one source says yes and another says no, and how the gate resolved it."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.privacy.audit.answer import Answer, Found, Line, found, summed, tally
from passerelle.privacy.audit.known import Known
from passerelle.privacy.consent.history import history
from passerelle.privacy.vocabulary import ConsentState, Purpose

_YES = pa.array([state.value for state in ConsentState if state.permits])
_NO = pa.array(
    [state.value for state in (ConsentState.REFUSED, ConsentState.WITHDRAWN, ConsentState.TERMINATED)]
    + [ConsentState.INVALIDATED.value]
)


def conflicts(known: Known) -> Answer:
    """By purpose: whose yes stands against whose no, and what the gate makes of these people at each destination."""
    pairs: list[Line] = []
    answers: list[Line] = []
    for ids in known.people():
        for purpose in sorted({purpose for purpose, _ in known.purposes()}):
            both = _disagreeing(known, ids, purpose)
            pairs += [{"purpose": purpose.value, **line} for line in tally(both, ["yes_from", "no_from"])]
            answers += _resolved(known, both["person"].combine_chunks().unique(), purpose)
    allowed = sum(line["people"] for line in answers if line["allowed"])
    return Answer(
        facts={"pairs_of_statements": sum(line["people"] for line in pairs)},
        tables={
            "sources": summed(pairs, ["purpose", "yes_from", "no_from"]),
            "resolved": summed(answers, ["purpose", "destination", "allowed", "reason"]),
        },
        findings=found(Found("people may be shared although the newest word of one source is no", allowed)),
        advice="`passerelle audit why` tells for one person which statement won.",
    )


def _disagreeing(known: Known, ids: pa.Array, purpose: Purpose) -> pa.Table:
    """`person`, `yes_from`, `no_from`: a row per pair of sources that disagree, by the newest word of each."""
    heard = history(known.store, known.connection, ids, purpose, horizon=known.horizon)
    heard = heard.filter(pc.and_(pc.is_in(heard["subject_id"], ids), pc.invert(heard["linked"])))
    newest = _newest(heard)
    yes = newest.filter(pc.is_in(newest["state"], _YES)).select(["person", "source"])
    no = newest.filter(pc.is_in(newest["state"], _NO)).select(["person", "source"])
    return yes.rename_columns(["person", "yes_from"]).join(
        no.rename_columns(["person", "no_from"]), "person", join_type="inner"
    )


def _newest(heard: pa.Table) -> pa.Table:
    """The newest word of each source on each person; a word without a date is as old as the day we heard it."""
    source = pc.replace_substring_regex(heard["stream"].cast(pa.string()), "/.*$", "").combine_chunks()
    codes = source.dictionary_encode()
    said = pc.coalesce(heard["event_time"], heard["ingested_at"]).to_numpy()
    person, stream = heard["subject_id"].to_numpy(), np.asarray(codes.indices)
    order = np.lexsort((heard["event_id"].to_numpy(), said, stream, person))
    person, stream = person[order], stream[order]
    last = np.r_[(person[1:] != person[:-1]) | (stream[1:] != stream[:-1]), True] if len(order) else order
    rows = pa.array(order[np.flatnonzero(last)] if len(order) else order)
    state = heard["state"].cast(pa.string()).take(rows)
    return pa.table({"person": heard["subject_id"].take(rows), "source": source.take(rows), "state": state})


def _resolved(known: Known, ids: pa.Array, purpose: Purpose) -> list[Line]:
    lines = []
    for _, platform in (aim for aim in known.purposes() if aim[0] is purpose):
        decided = known.decide(ids, purpose, platform)
        about = {"purpose": purpose.value, "destination": platform.value}
        lines += [{**about, **line} for line in tally(decided, ["allowed", "reason"])]
    return lines
