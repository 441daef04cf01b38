"""Who may be shared, from what is known of their consent. Pure, and columnar: nothing here runs once per person.

Of the true time of an event only an interval is known. A grant counts from the start of its interval, a refusal from
its end, and at the same instant the refusal wins; so no order of arrival and no rounding can turn a no into a yes.

- Within one stream (one source and scope, of one person as first known) the latest event wins. A refusal is lifted
  only by a later grant that would itself count; a later grant that does not count ends the earlier one all the same.
- Across streams the least permissive wins: one stream that says no is enough.
- A stream `a/b` is one record's part of `a`. Where the record has ended, so has its say: its refusal is then lifted by
  a later grant of any part of `a`, as when somebody whose record was deleted signs up again.
- People who turned out to be one keep both histories as streams of their own, so a merge never widens anything. What
  was heard after the merge was said by the one person they are, and continues both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.privacy.consent.reasons import ALLOWED, REASONS
from passerelle.privacy.vocabulary import ConsentState, EvidenceGrade, Precision

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

HISTORY = pa.schema(
    [
        ("event_id", pa.int64()),
        ("subject_id", pa.int64()),  # whose history it is: the survivor of a merge
        ("origin", pa.int64()),  # who it was said of
        ("stream", pa.string()),
        ("state", pa.string()),
        ("event_time", pa.int64()),
        ("precision", pa.string()),
        ("ingested_at", pa.int64()),
        ("valid_until", pa.int64()),
        ("notice", pa.string()),
        ("recipients", pa.string()),
        ("grade", pa.string()),
    ]
)
"""Events of one purpose. String columns may be dictionaries; times are microseconds UTC."""

DECISIONS = pa.schema(
    [("subject_id", pa.int64()), ("allowed", pa.bool_()), ("reason", pa.string()), ("event_id", pa.int64())]
)

DAY = 86_400_000_000
SECOND = 1_000_000
NEVER = np.iinfo(np.int64).min
FOREVER = np.iinfo(np.int64).max

_CODES = {reason: code for code, reason in enumerate(REASONS)}
_NAMES = pa.array(list(REASONS))
_COUNTS = np.array([reason in ALLOWED for reason in REASONS])
_SOUND = 0  # the fault of a grant that has none: the code of "consent"

_REFUSAL = {
    ConsentState.WITHDRAWN: "withdrawn",
    ConsentState.REFUSED: "refused",
    ConsentState.TERMINATED: "terminated",
    ConsentState.INVALIDATED: "terminated",
    ConsentState.EXPIRED: "ended",
}
_WIDTHS = {Precision.DAY.value: DAY, Precision.SECOND.value: SECOND}
_GRADES = [EvidenceGrade.C.value, EvidenceGrade.B.value, EvidenceGrade.A.value]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a rule asks of the people it is about. `validity` is in microseconds; no consent lasts longer."""

    basis: Literal["consent", "legitimate_interest"]
    grade: EvidenceGrade
    validity: int


@dataclass(frozen=True, slots=True)
class Told:
    """What a version of a notice told people, seen from one purpose and one recipient."""

    reference: str
    for_purpose: bool
    for_recipient: bool
    first_instant: int
    last_instant: int


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Who is asked about. `subject_ids` is sorted and distinct; the others are aligned with it.

    `terms` is a place in the list of terms, or -1 where no rule covers the person, or -2 where it is not known which
    would. `stop` is None or a reason that beats everything (`erased`, `unknown_person`), by its code.
    """

    subject_ids: Ints
    terms: Ints
    stop: Ints


NO_RULE, NO_JURISDICTION = -1, -2
NO_STOP = -1


def stop_code(reason: str) -> int:
    """The code of a hard stop, for `People.stop`."""
    return _CODES[reason]


@dataclass(frozen=True, slots=True, eq=False)
class _Events:
    """The events that can say anything at `at`, as aligned arrays."""

    event_id: Ints
    person: Ints
    stream: Ints  # dense: one number per origin and stream
    whole: Ints  # dense: one number per origin and what the stream is a part of
    grant: Bools
    moment: Ints  # a grant's earliest instant, a refusal's latest
    refusal: Ints  # code of the reason that a refusal gives
    fault: Ints  # why a grant does not count, apart from its expiry; _SOUND where it does
    expired: Bools
    lifts: Bools  # whether a grant ends the refusals before it
    objects: Bools  # whether a refusal is an objection, the basis being legitimate interest


def resolve(
    people: People,
    history: pa.Table,
    terms: Sequence[Terms],
    notices: Sequence[Told],
    *,
    recipient: str,
    at: int,
) -> pa.Table:
    """A decision per person, in the order of `people.subject_ids`, in the shape of `DECISIONS`.

    `history` (`HISTORY`) holds what was heard of one purpose, of these people or others. `event_id` is the event a
    decision rests on: the consent, the refusal, or the consent that does not count.
    """
    events = _read(people, history, terms, notices, recipient, at)
    size = len(people.subject_ids)
    reason = np.full(size, _CODES["no_consent_event"])
    rests_on = np.full(size, NEVER)
    standing, blocked = _standing(events)
    _put(reason, rests_on, *_best_grant(events, standing))
    basis = np.array([one.basis == "legitimate_interest" for one in terms] or [False])
    interest = (people.terms >= 0) & basis[np.maximum(people.terms, 0)]
    reason[interest], rests_on[interest] = _CODES["legitimate_interest"], NEVER
    for code, word in ((NO_RULE, "no_policy_rule"), (NO_JURISDICTION, "jurisdiction_unknown")):
        reason[people.terms == code], rests_on[people.terms == code] = _CODES[word], NEVER
    _put(reason, rests_on, *_worst_refusal(events, blocked))
    stopped = people.stop != NO_STOP
    reason[stopped], rests_on[stopped] = people.stop[stopped], NEVER
    return pa.table(
        [
            pa.array(people.subject_ids),
            pa.array(_COUNTS[reason]),
            _NAMES.take(pa.array(reason)),
            pa.array(rests_on, mask=rests_on == NEVER),
        ],
        schema=DECISIONS,
    )


def _read(
    people: People, history: pa.Table, terms: Sequence[Terms], notices: Sequence[Told], recipient: str, at: int
) -> _Events:
    subject = _ints(history["subject_id"])
    person = np.searchsorted(people.subject_ids, subject)
    asked = person < len(people.subject_ids)
    asked[asked] = people.subject_ids[person[asked]] == subject[asked]
    start, end = _interval(history)
    grant = _mapped(history["state"], lambda word: ConsentState(word).permits, otherwise=False).astype(bool)
    said = asked & ~(grant & (start > at))
    if not said.all():
        history, person = history.filter(pa.array(said)), person[said]
        start, end, grant = start[said], end[said], grant[said]
    term = people.terms[person]
    need, validity, interest = _terms(terms)
    grade = _mapped(history["grade"], _GRADES.index, otherwise=0)
    fault = _faults(history, grade < need[term], notices, recipient, start, end)
    until = np.minimum(start + validity[term], _ints(history["valid_until"], FOREVER))
    dated = start != NEVER
    stream, whole = _streams(history)
    unknown = ~dated & ~grant
    return _Events(
        event_id=_ints(history["event_id"]),
        person=person,
        stream=stream,
        whole=whole,
        grant=grant,
        moment=np.where(grant, start, np.where(unknown, _ints(history["ingested_at"]), end)),
        refusal=_mapped(history["state"], _refusal_code, otherwise=_CODES["unanswered"]),
        fault=fault,
        expired=grant & dated & (at >= until),
        lifts=grant & np.where(interest[term], (grade > 0) & dated, fault == _SOUND),
        objects=interest[term],
    )


def _terms(terms: Sequence[Terms]) -> tuple[Ints, Ints, Bools]:
    """Grade needed, validity and whether the basis is legitimate interest; the last two entries serve -1 and -2."""
    none = Terms("consent", EvidenceGrade.A, 0)
    rows = [*terms, none, none]
    return (
        np.array([_GRADES.index(one.grade.value) for one in rows]),
        np.array([one.validity for one in rows]),
        np.array([one.basis == "legitimate_interest" for one in rows]),
    )


def _interval(history: pa.Table) -> tuple[Ints, Ints]:
    """First and last instant of each event's true time; both `NEVER` where it is unknown."""
    width = _mapped(history["precision"], lambda word: _WIDTHS.get(word, 0), otherwise=0)
    time = _ints(history["event_time"], NEVER)
    known = (width > 0) & (time != NEVER)
    start = np.where(known, np.where(width == DAY, time - time % DAY, time), NEVER)
    return start, np.where(known, start + width - 1, NEVER)


def _faults(history: pa.Table, weak: Bools, notices: Sequence[Told], recipient: str, start: Ints, end: Ints) -> Ints:
    """Why each grant does not count, by code: the first reason that holds; `_SOUND` where none does."""
    book = {told.reference: told for told in notices}
    reference = history["notice"]

    def of_notice(read: Any, otherwise: int) -> Ints:  # noqa: ANN401 - any fact of a `Told`
        return _mapped(reference, lambda word: read(book[word]) if word in book else otherwise, otherwise=otherwise)

    chosen = _mapped(history["recipients"], lambda words: recipient in words.split(), otherwise=True)
    outside = (start < of_notice(lambda told: told.first_instant, NEVER)) | (
        end > of_notice(lambda told: told.last_instant, FOREVER)
    )
    conditions = {
        "evidence_too_weak": weak,
        "time_unknown": start == NEVER,
        "notice_missing": _mapped(reference, lambda _word: False, otherwise=True) == 1,
        "notice_unknown": _mapped(reference, lambda word: word in book, otherwise=True) == 0,
        "notice_not_for_purpose": of_notice(lambda told: told.for_purpose, otherwise=True) == 0,
        "notice_not_for_recipient": of_notice(lambda told: told.for_recipient, otherwise=True) == 0,
        "recipient_not_chosen": chosen == 0,
        "notice_not_valid_then": outside,
    }
    fault = np.full(history.num_rows, _SOUND)
    for reason in reversed(conditions):
        fault[conditions[reason]] = _CODES[reason]
    return fault


def _streams(history: pa.Table) -> tuple[Ints, Ints]:
    """A dense number for each pair of origin and stream, and of origin and what the stream is a part of."""
    _, origin = np.unique(_ints(history["origin"]), return_inverse=True)
    wholes: dict[str, int] = {}

    def whole(word: str) -> int:
        return wholes.setdefault(word.partition("/")[0], len(wholes))

    stream = _mapped(history["stream"], None, otherwise=0)
    return _paired(origin, stream), _paired(origin, _mapped(history["stream"], whole, otherwise=0))


def _paired(origin: Ints, stream: Ints) -> Ints:
    keys = origin * (int(stream.max(initial=0)) + 1) + stream
    if int(keys.max(initial=0)) > 4 * len(keys) + 1_000:
        _, keys = np.unique(keys, return_inverse=True)
    return np.asarray(keys, np.int64)


def _standing(events: _Events) -> tuple[Ints, Ints]:
    """Places of the grants that speak for their stream, and of the refusals that nothing has lifted."""
    size = int(events.stream.max(initial=-1)) + 1
    refusals, grants = ~events.grant, events.grant
    refused = _latest(events, refusals, size)
    lifted = np.maximum(_latest(events, events.lifts, size), _begun_anew(events, refused))
    newest = _latest(events, grants, size)
    closed = np.zeros(size, bool)
    closed[events.stream[refusals]] = True
    closed &= ~(lifted > refused)
    stands = refusals & closed[events.stream] & (events.moment >= lifted[events.stream])
    speaks = grants & ~closed[events.stream] & (events.moment == newest[events.stream])
    return _worst_of_each_stream(events, np.flatnonzero(speaks)), np.flatnonzero(stands)


def _begun_anew(events: _Events, refused: Ints) -> Ints:
    """Of each stream whose record has ended: when another part of the whole last agreed; `NEVER` for all others."""
    anew = np.full(len(refused), NEVER)
    ended = ~events.grant & (events.refusal == _CODES["terminated"]) & (events.moment == refused[events.stream])
    if ended.any():
        latest = np.full(int(events.whole.max()) + 1, NEVER)
        np.maximum.at(latest, events.whole[events.lifts], events.moment[events.lifts])
        anew[events.stream[ended]] = latest[events.whole[ended]]
    return anew


def _latest(events: _Events, which: Bools, size: int) -> Ints:
    latest = np.full(size, NEVER)
    np.maximum.at(latest, events.stream[which], events.moment[which])
    return latest


def _verdict(events: _Events, rows: Ints) -> Ints:
    """The code of what each grant comes to, its expiry included."""
    fault = events.fault[rows]
    return np.where((fault == _SOUND) & events.expired[rows], _CODES["expired"], fault)


def _worst_of_each_stream(events: _Events, rows: Ints) -> Ints:
    verdict = _verdict(events, rows)
    return rows[_first(events.stream[rows], verdict == _SOUND, verdict, events.event_id[rows])]


def _best_grant(events: _Events, rows: Ints) -> tuple[Ints, Ints, Ints]:
    """Person, code and event: a grant that counts if there is one, else the one that came nearest."""
    verdict = _verdict(events, rows)
    first = _first(events.person[rows], verdict != _SOUND, -verdict, -events.moment[rows], events.event_id[rows])
    return events.person[rows[first]], verdict[first], events.event_id[rows[first]]


def _worst_refusal(events: _Events, rows: Ints) -> tuple[Ints, Ints, Ints]:
    """Person, code and event of the gravest refusal that stands, the latest of equals."""
    code = np.where(events.objects[rows], _CODES["objection"], events.refusal[rows])
    first = _first(events.person[rows], code, -events.moment[rows], events.event_id[rows])
    return events.person[rows[first]], code[first], events.event_id[rows[first]]


def _first(group: Ints, *keys: npt.NDArray[Any]) -> Ints:
    """The places of each group's first row, when rows are ordered by `keys`, the first key first."""
    order = np.lexsort((*reversed(keys), group))
    ordered = group[order]
    new = np.ones(len(order), bool)
    new[1:] = ordered[1:] != ordered[:-1]
    chosen: Ints = order[new]
    return chosen


def _put(reason: Ints, rests_on: Ints, person: Ints, code: Ints, event_id: Ints) -> None:
    reason[person] = code
    rests_on[person] = event_id


def _refusal_code(word: str) -> int:
    return _CODES[_REFUSAL.get(ConsentState(word), "unanswered")]


def _ints(column: pa.ChunkedArray, otherwise: int = 0) -> Ints:
    return np.asarray(pc.fill_null(column, otherwise).to_numpy())


def _mapped(column: pa.ChunkedArray, read: Any, *, otherwise: int) -> Ints:  # noqa: ANN401 - a function of a word, or None
    """A number per row: `read` of its word, called once per distinct word; `otherwise` where the row is null.

    Without `read`, the number of the word among the distinct ones, from 1.
    """
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    joined = coded.unify_dictionaries().combine_chunks()
    chunk = joined.chunk(0) if isinstance(joined, pa.ChunkedArray) else joined
    words = chunk.dictionary.to_pylist()
    numbers = range(1, len(words) + 1) if read is None else [read(word) for word in words]
    table = np.array([*numbers, otherwise], dtype=np.int64)
    numbered: Ints = table[np.asarray(pc.fill_null(chunk.indices, len(words)).to_numpy(zero_copy_only=False))]
    return numbered
