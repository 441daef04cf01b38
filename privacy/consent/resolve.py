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
- What a channel says (a browser, a mailbox) is a stream of its own. It vetoes and never grants, unless the policy
  relaxes that channel; a later, dated yes of the same stream and channel ends its veto and says nothing more.
- A hard stop beats every grant, whatever its time, in all streams. It is lifted only by a later permitting statement
  of the same person as first known, with the same stop, graded A or B and dated: an opt-out by a two-step opt-in, an
  objection by taking it back in so many words. What a channel says lifts only stops of that channel. A lifted stop is
  no consent: its own stream must say yes again.
- Of somebody who is only probably the same person, refusals and stops count, grants don't.
- Where somebody was erased and is known again, only what they agreed to after the erasure counts.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from passerelle.privacy.consent.groups import FOREVER, NEVER, Ints, first, latest, numbered
from passerelle.privacy.consent.heard import HISTORY, Heard, People, read
from passerelle.privacy.consent.kinds import (
    CODES,
    DAY,
    MOST_CHANNELS,
    NO_STOP,
    SECOND,
    SOUND,
    Codes,
    Question,
    Terms,
    Told,
)
from passerelle.privacy.consent.reasons import ALLOWED, REASONS

__all__ = [
    "DAY",
    "DECISIONS",
    "FOREVER",
    "HISTORY",
    "NEVER",
    "NO_JURISDICTION",
    "NO_RULE",
    "NO_STOP",
    "SECOND",
    "People",
    "Resolved",
    "Terms",
    "Told",
    "resolve",
    "resolved",
    "stop_code",
]

DECISIONS = pa.schema(
    [("subject_id", pa.int64()), ("allowed", pa.bool_()), ("reason", pa.string()), ("event_id", pa.int64())]
)

NO_RULE, NO_JURISDICTION = -1, -2

_NAMES = pa.array(list(REASONS))
_COUNTS = np.array([reason in ALLOWED for reason in REASONS])


def stop_code(reason: str) -> int:
    """The code of a reason that beats everything, for `People.stop`."""
    return CODES[reason]


@dataclass(frozen=True, slots=True, eq=False)
class Resolved:
    """`decisions` (`DECISIONS`) stay as they are before the instant `holds_until`, as long as nothing else is heard."""

    decisions: pa.Table
    holds_until: int


def resolve(
    people: People,
    history: pa.Table,
    terms: Sequence[Terms],
    notices: Sequence[Told],
    *,
    recipient: str,
    at: int,
    relaxed: Collection[str] = (),
) -> pa.Table:
    """The decisions of `resolved`."""
    return resolved(people, history, terms, notices, recipient=recipient, at=at, relaxed=relaxed).decisions


def resolved(
    people: People,
    history: pa.Table,
    terms: Sequence[Terms],
    notices: Sequence[Told],
    *,
    recipient: str,
    at: int,
    relaxed: Collection[str] = (),
) -> Resolved:
    """A decision per person, in the order of `people.subject_ids`, in the shape of `DECISIONS`.

    `history` (`HISTORY`) holds what was heard of one purpose, of these people or others. `event_id` is the event a
    decision rests on: the consent, the refusal, or the consent that does not count. Grants of the channels in
    `relaxed` count like any other.
    """
    heard = read(people, history, Question(terms, notices, recipient, at, relaxed))
    size = len(people.subject_ids)
    reason = np.full(size, CODES["no_consent_event"])
    rests_on = np.full(size, NEVER)
    speaks, refuses = _standing(heard)
    _best_grant(heard, speaks, reason, rests_on)
    _without_consent(people, terms, heard, reason, rests_on)
    _worst_refusal(heard, refuses, heard.refusal, reason, rests_on)
    _worst_refusal(heard, _stopping(heard), heard.stop, reason, rests_on)
    stopped = people.stop != NO_STOP
    reason[stopped], rests_on[stopped] = people.stop[stopped], NEVER
    decisions = pa.table(
        [
            pa.array(people.subject_ids),
            pa.array(_COUNTS[reason]),
            _NAMES.take(pa.array(reason)),
            pa.array(rests_on, mask=rests_on == NEVER),
        ],
        schema=DECISIONS,
    )
    return Resolved(decisions, heard.holds_until)


def _without_consent(people: People, terms: Sequence[Terms], heard: Heard, reason: Ints, rests_on: Ints) -> None:
    """People whose rule does not ask for consent, and people without a rule."""
    basis = np.array([one.basis == "legitimate_interest" for one in terms] or [False])
    interest = (people.terms >= 0) & basis[np.maximum(people.terms, 0)]
    agreed = np.zeros(len(reason), bool)
    agreed[heard.person[heard.agrees]] = True
    suppressed = (people.suppressed != NEVER) & ~agreed
    reason[interest] = np.where(suppressed[interest], CODES["suppressed"], CODES["legitimate_interest"])
    rests_on[interest] = NEVER
    for code, word in ((NO_RULE, "no_policy_rule"), (NO_JURISDICTION, "jurisdiction_unknown")):
        reason[people.terms == code], rests_on[people.terms == code] = CODES[word], NEVER


def _standing(heard: Heard) -> tuple[Ints, Ints]:
    """Places of the grants that speak for their stream, and of the refusals that nothing has lifted."""
    size, stream, moment = heard.stream_bound, heard.stream, heard.moment
    plain, stops = ~heard.grant & (heard.stop == NO_STOP), ~heard.grant & (heard.stop != NO_STOP)
    refusals = np.flatnonzero(plain)
    refused = latest(stream[refusals], moment[refusals], size)
    silenced = refused > NEVER
    lifts = np.flatnonzero(heard.lifts & silenced.take(stream))
    lifted = np.maximum(latest(stream[lifts], moment[lifts], size), _begun_anew(heard, refusals, refused))
    silenced &= lifted <= refused
    grants = np.flatnonzero(heard.grant & ~heard.linked)
    grants = grants[~silenced.take(stream[grants])]
    newest = latest(stream[grants], moment[grants], size)
    if stops.any():
        stopped = latest(stream[stops], moment[stops], size)
        newest[(stopped > NEVER) & (stopped >= newest)] = FOREVER
    speaks = grants[moment[grants] == newest.take(stream[grants])]
    return _worst_of_each_stream(heard, speaks), refusals[moment[refusals] >= lifted.take(stream[refusals])]


def _begun_anew(heard: Heard, refusals: Ints, refused: Ints) -> Ints:
    """Of each stream whose record has ended: when another part of the whole last agreed; `NEVER` for all others."""
    anew = np.full(len(refused), NEVER)
    ended = refusals[heard.ended[refusals]]
    ended = ended[heard.moment[ended] == refused.take(heard.stream[ended])]
    if len(ended):
        whole, bound = heard.wholes()
        lifts = np.flatnonzero(heard.lifts)
        agreed = latest(whole[lifts], heard.moment[lifts], bound)
        anew[heard.stream[ended]] = agreed.take(whole[ended])
    return anew


def _stopping(heard: Heard) -> Ints:
    """Places of the hard stops that nothing has lifted."""
    stops = np.flatnonzero(~heard.grant & (heard.stop != NO_STOP))
    if not len(stops):
        return stops
    lifts = np.flatnonzero(heard.lifts_stop)
    rows = np.concatenate([stops, lifts])
    kind = heard.origin[rows] * len(REASONS) + heard.stop[rows]
    own = kind * MOST_CHANNELS + heard.channel[rows] + 1
    number, size = numbered(np.concatenate([own, kind * MOST_CHANNELS]))
    lifted = latest(number[len(stops) : len(rows)], heard.moment[lifts], size)
    by_own, by_word = number[: len(stops)], number[len(rows) : len(rows) + len(stops)]
    return stops[heard.moment[stops] >= np.maximum(lifted.take(by_own), lifted.take(by_word))]


def _verdict(heard: Heard, rows: Ints) -> Codes:
    """The code of what each grant comes to, its expiry included."""
    fault = heard.fault[rows]
    return np.where((fault == SOUND) & heard.expired[rows], np.int16(CODES["expired"]), fault)


def _worst_of_each_stream(heard: Heard, rows: Ints) -> Ints:
    """One of several grants of the same instant; most streams have one."""
    stream = heard.stream[rows]
    many = np.bincount(stream, minlength=1) > 1
    several = many.take(stream)
    if not several.any():
        return rows
    alone, rows = rows[~several], rows[several]
    stream, bound = numbered(heard.stream[rows])
    verdict = _verdict(heard, rows)
    rank = np.where(verdict == SOUND, np.int16(len(REASONS)), verdict)
    return np.concatenate([alone, rows[first(stream, bound, rank, heard.event_id[rows])]])


def _best_grant(heard: Heard, rows: Ints, reason: Ints, rests_on: Ints) -> None:
    """Of each person a grant that counts if there is one, else the one that came nearest."""
    verdict = _verdict(heard, rows)
    rank = np.where(verdict == SOUND, np.int16(-len(REASONS)), -verdict)
    person = heard.person[rows]
    chosen = first(person, len(reason), rank, -heard.moment[rows], heard.event_id[rows])
    _put(reason, rests_on, person[chosen], verdict[chosen], heard.event_id[rows[chosen]])


def _worst_refusal(heard: Heard, rows: Ints, code: Codes, reason: Ints, rests_on: Ints) -> None:
    """Of each person the gravest refusal, the latest of equals."""
    person = heard.person[rows]
    chosen = first(person, len(reason), code[rows], -heard.moment[rows], heard.event_id[rows])
    _put(reason, rests_on, person[chosen], code[rows[chosen]], heard.event_id[rows[chosen]])


def _put(reason: Ints, rests_on: Ints, person: Ints, code: Codes, event_id: Ints) -> None:
    reason[person] = code
    rests_on[person] = event_id
