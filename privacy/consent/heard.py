"""A history as aligned arrays: what each statement says, when, of whom, and why a yes does not count.

What follows from words is looked up (see `kinds`); only times and people are looked at row by row.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.privacy.consent.columns import codes, dictionary, ints
from passerelle.privacy.consent.groups import FOREVER, NEVER, Bools, Ints, numbered, paired, places
from passerelle.privacy.consent.kinds import CODES, DAY, MOST_CHANNELS, SOUND, Codes, Facts, Question, kinds

HISTORY = pa.schema(
    [
        ("event_id", pa.int64()),
        ("subject_id", pa.int64()),  # whose history it is: the survivor of a merge
        ("origin", pa.int64()),  # who it was said of
        ("linked", pa.bool_()),  # said of somebody who is only probably this person: counts where it refuses
        ("stream", pa.string()),
        ("state", pa.string()),
        ("event_time", pa.int64()),
        ("precision", pa.string()),
        ("ingested_at", pa.int64()),
        ("valid_until", pa.int64()),
        ("notice", pa.string()),
        ("recipients", pa.string()),
        ("grade", pa.string()),
        ("channel", pa.string()),
        ("stop", pa.string()),
        ("expression", pa.string()),
    ]
)
"""Events of one purpose. String columns may be dictionaries; times are microseconds UTC."""


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Who is asked about. `subject_ids` is sorted and distinct; the others are aligned with it.

    `terms` is a place in the list of terms, or -1 where no rule covers the person, or -2 where it is not known which
    would. `stop` is a reason that beats everything (`erased`, `unknown_person`), by its code, or `NO_STOP`. A yes that
    was not given after `suppressed` does not count; `NEVER` where nothing is suppressed.
    """

    subject_ids: Ints
    terms: Ints
    stop: Ints
    suppressed: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """The events that can say anything, as aligned arrays. `stream` and `origin` are numbers below their `_bound`."""

    event_id: Ints
    person: Ints
    origin: Ints  # one number per person and who it was said of
    stream: Ints  # one number per origin, stream and channel
    stream_bound: int
    grant: Bools
    linked: Bools
    moment: Ints  # a grant's earliest instant, a refusal's latest
    refusal: Codes  # code of the reason that a refusal gives
    ended: Bools  # whether a refusal is the end of its record
    stop: Codes  # code of the hard stop that a refusal imposes or a grant would lift; NO_STOP
    channel: Codes  # -1: none
    fault: Codes  # why a grant does not count, apart from its expiry; SOUND where it does
    expired: Bools
    lifts: Bools  # whether a grant ends the refusals of its stream before it
    lifts_stop: Bools  # whether a grant ends the stops of its kind before it
    agrees: Bools  # whether a grant speaks against a suppression, the basis being legitimate interest
    holds_until: int  # the next instant at which a grant begins to count or expires by itself; FOREVER where none does
    wholes: Callable[[], tuple[Ints, int]]  # per row: a number for origin, channel and what the stream is a part of


def read(people: People, history: pa.Table, asked: Question) -> Heard:
    """The statements of `history` that are about `people` and not grants of later than now."""
    person = places(people.subject_ids, ints(history["subject_id"]))
    kind, facts = kinds(history, people.terms, person, asked)
    grant = facts.grant.take(kind)
    time, width = ints(history["event_time"], NEVER), facts.width.take(kind)
    start = np.where(width == 0, NEVER, time)
    day = np.flatnonzero((width == DAY) & (time != NEVER))
    start[day] -= start[day] % DAY
    early = grant & (start > asked.at)
    said = (person >= 0) & ~early
    rows = _Rows(history, person, kind, grant, start, width)
    begins = _soonest(start[early], asked.at)
    return _heard(people, rows if said.all() else rows.take(np.flatnonzero(said)), facts, asked.at, begins)


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """What is known of each row so far. `start` is the first instant of its true time, or `NEVER`."""

    history: pa.Table
    person: Ints
    kind: Ints
    grant: Bools
    start: Ints
    width: Ints

    def take(self, kept: Ints) -> "_Rows":
        """These rows."""
        return _Rows(
            self.history.take(pa.array(kept)),
            self.person[kept],
            self.kind[kept],
            self.grant[kept],
            self.start[kept],
            self.width[kept],
        )


def _soonest(instants: Ints, at: int) -> int:
    """The first instant after `at`."""
    return int(instants.min(initial=FOREVER, where=instants > at))


def _heard(people: People, rows: _Rows, facts: Facts, at: int, begins: int) -> Heard:
    """What depends on times and people, on top of what follows from words. `begins`: when the next grant does."""
    history, kind, start = rows.history, rows.kind, rows.start
    dated = start != NEVER
    end = np.where(dated, start + (rows.width - 1), NEVER)
    late = start > people.suppressed.take(rows.person)  # not suppressed
    fault = _faults(facts, kind, start, end, late)
    until = np.minimum(start + facts.validity.take(kind), ints(history["valid_until"], FOREVER))
    counts = rows.grant & dated & late
    linked = np.asarray(history["linked"].to_numpy(), bool)
    origin, channel = _origins(people, history, rows.person), facts.channel.take(kind)
    stream, bound = _streams(dictionary(history["stream"]), origin, channel)
    return Heard(
        event_id=ints(history["event_id"]),
        person=rows.person,
        origin=origin,
        stream=stream,
        stream_bound=bound,
        grant=rows.grant,
        linked=linked,
        moment=np.where(rows.grant, start, np.where(dated, end, ints(history["ingested_at"]))),
        refusal=facts.refusal.take(kind),
        ended=facts.ended.take(kind),
        stop=facts.stop.take(kind),
        channel=channel,
        fault=fault,
        expired=dated & (at >= until),
        lifts=(facts.lifts_if_dated.take(kind) & counts) | (facts.lifts_if_sound.take(kind) & (fault == SOUND)),
        lifts_stop=facts.lifts_stop.take(kind) & counts,
        agrees=facts.agrees.take(kind) & counts & ~linked,
        holds_until=min(begins, _soonest(until[rows.grant & dated], at)),
        wholes=lambda: _streams(_wholes(dictionary(history["stream"])), origin, channel),
    )


def _faults(facts: Facts, kind: Ints, start: Ints, end: Ints, late: Bools) -> Codes:
    """Why each grant does not count, but for its expiry."""
    fault = facts.fault.take(kind)
    fault[(start == NEVER) & ~facts.before_time.take(kind)] = CODES["time_unknown"]
    sound = fault == SOUND
    outside = (start < facts.first_instant.take(kind)) | (end > facts.last_instant.take(kind))
    fault[sound & outside] = CODES["notice_not_valid_then"]
    fault[sound & ~outside & ~late] = CODES["suppressed"]
    return fault


def _origins(people: People, history: pa.Table, person: Ints) -> Ints:
    """A number for each person and who it was said of: a person's own is their place."""
    subject, origin = ints(history["subject_id"]), ints(history["origin"])
    others = np.flatnonzero(subject != origin)
    if not len(others):
        return person
    of, count = numbered(origin[others] - int(origin[others].min()))
    other, _ = numbered(person[others] * count + of)
    number = person.copy()
    number[others] = len(people.subject_ids) + other
    return number


def _streams(stream: pa.DictionaryArray, origin: Ints, channel: Codes) -> tuple[Ints, int]:
    """A number for each origin, stream and channel, and a bound above all.

    Most words are of one record, thus of one origin, and their code is number enough; words that many people share are
    numbered with their origin.
    """
    words, width = codes(stream)
    code = words.astype(np.int64)
    if (channel >= 0).any():
        code, width = code * MOST_CHANNELS + channel + 1, width * MOST_CHANNELS
    owner = np.full(width, -1)
    owner[code] = origin
    shared = np.zeros(width, bool)
    shared[code[owner.take(code) != origin]] = True
    rows = np.flatnonzero(shared.take(code))
    if not len(rows):
        return code, width
    rank = np.cumsum(shared) - 1
    number, bound = paired(origin[rows], rank.take(code[rows]), int(shared.sum()))
    found = code.copy()
    found[rows] = width + number
    return found, width + bound


def _wholes(stream: pa.DictionaryArray) -> pa.DictionaryArray:
    """What each stream is a part of: `a` of `a/b`."""
    whole = pc.replace_substring_regex(stream.dictionary, r"/.*$", "").dictionary_encode()
    return pa.DictionaryArray.from_arrays(whole.indices.take(stream.indices), whole.dictionary)
