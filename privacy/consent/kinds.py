"""What follows from the words of a statement alone: whether it permits, what it lacks, what it imposes and lifts.

Columns of words hold few different ones, so each fact is worked out once per combination of words that occurs.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from passerelle.privacy.consent.columns import Places, codes, dictionary
from passerelle.privacy.consent.groups import FOREVER, NEVER, Bools, Ints, numbered
from passerelle.privacy.consent.reasons import REASONS
from passerelle.privacy.vocabulary import Channel, ConsentState, EvidenceGrade, Expression, Precision, Stop

DAY = 86_400_000_000
SECOND = 1_000_000

CODES = {reason: code for code, reason in enumerate(REASONS)}
SOUND = CODES["consent"]
"""The fault of a grant that has none."""

NO_STOP = -1

_REFUSAL = {
    ConsentState.WITHDRAWN: "withdrawn",
    ConsentState.REFUSED: "refused",
    ConsentState.TERMINATED: "terminated",
    ConsentState.INVALIDATED: "terminated",
    ConsentState.EXPIRED: "ended",
}
_STOP = {
    Stop.OBJECTION: "objection",
    Stop.OPT_OUT: "opt_out",
    Stop.UNDER_AGE: "under_age",
    Stop.PLATFORM: "opted_out_at_platform",
}
_WIDTHS = {Precision.DAY.value: DAY, Precision.SECOND.value: SECOND}
_GRADES = [EvidenceGrade.C.value, EvidenceGrade.B.value, EvidenceGrade.A.value]
_CHANNELS = list(Channel)
MOST_CHANNELS = len(_CHANNELS) + 1
"""Channels, and none."""
_EXPLICIT = {Expression.EXPLICIT.value, Expression.TWO_STEP.value}
_MOST_KINDS = 1 << 21

Codes = npt.NDArray[np.int16]


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


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: of this recipient, at this instant, where grants of the `relaxed` channels count, too."""

    terms: Sequence[Terms]
    notices: Sequence[Told]
    recipient: str
    at: int
    relaxed: Collection[str] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """Aligned with the kinds of rows: combinations of words and terms."""

    grant: Bools
    width: Ints  # of the time's interval in microseconds; 0: the time is not known
    fault: Codes  # but for what times decide
    before_time: Bools  # whether that fault goes before an unknown time
    first_instant: Ints
    last_instant: Ints
    validity: Ints
    refusal: Codes
    ended: Bools
    stop: Codes
    channel: Codes
    lifts_if_dated: Bools
    lifts_if_sound: Bools
    lifts_stop: Bools
    agrees: Bools


def kinds(history: pa.Table, terms: Ints, person: Ints, asked: Question) -> tuple[Ints, Facts]:
    """A kind for each row, and the facts of each kind, worked out on one row of it."""
    rules = len(asked.terms) + 2  # the last two entries serve -1 and -2
    term = np.where(person >= 0, terms.take(np.maximum(person, 0)), -1) if len(terms) else np.full(len(person), -1)
    kind, size = term % rules, rules
    columns: dict[str, tuple[Places, list[str | None]]] = {}
    for name in ("state", "precision", "grade", "channel", "stop", "expression", "recipients", "notice"):
        coding = dictionary(history[name])
        code, _ = codes(coding)
        words = [*coding.dictionary.to_pylist(), None]
        columns[name] = (code, words)
        kind, size = kind * len(words) + code, size * len(words)
        if size > _MOST_KINDS:
            kind, size = numbered(kind)
    row = np.full(size, -1)
    row[kind] = np.arange(len(kind))
    there = row >= 0
    row = row[there]
    words_of = {name: _Words(code[row], words) for name, (code, words) in columns.items()}
    return (np.cumsum(there) - 1).take(kind), _facts(words_of, term[row], asked)


@dataclass(frozen=True, slots=True, eq=False)
class _Words:
    """A column of words: a code per row, and the word of each code, the last of which is None."""

    codes: Places
    words: list[str | None]

    def read(self, of: Callable[[str], Any], otherwise: Any, kind: Any = bool) -> npt.NDArray[Any]:  # noqa: ANN401
        """`of` each row's word, called once per word; `otherwise` where the row is null."""
        return np.array([otherwise if word is None else of(word) for word in self.words], kind)[self.codes]

    def among(self, words: Collection[str]) -> Bools:
        """Whether each row has one of these words."""
        return np.asarray(self.read(lambda word: word in words, otherwise=False), bool)


def _facts(of: dict[str, _Words], term: Ints, asked: Question) -> Facts:
    none = Terms("consent", EvidenceGrade.A, 0)
    rules = [*asked.terms, none, none]
    need = np.array([_GRADES.index(one.grade.value) for one in rules])[term]
    interest = np.array([one.basis == "legitimate_interest" for one in rules])[term]
    grant = of["state"].read(lambda word: ConsentState(word).permits, otherwise=False)
    grade = of["grade"].read(_GRADES.index, 0, np.int64)
    channel = of["channel"].read(lambda word: _CHANNELS.index(Channel(word)), -1, np.int16)
    veto_only = (channel >= 0) & ~of["channel"].among(asked.relaxed)
    stop = of["stop"].read(lambda word: CODES[_STOP[Stop(word)]], NO_STOP, np.int16)
    book = {told.reference: told for told in asked.notices}
    early = {"other_channel": veto_only, "evidence_too_weak": grade < need}
    refusal = of["state"].read(lambda word: CODES[_REFUSAL.get(ConsentState(word), "unanswered")], 0, np.int16)
    return Facts(
        grant=grant,
        width=of["precision"].read(lambda word: _WIDTHS.get(word, 0), 0, np.int64),
        fault=_first_of({**early, **_faults_of_notice(of, book, asked.recipient)}, len(term)),
        before_time=_first_of(early, len(term)) != SOUND,
        first_instant=of["notice"].read(lambda word: book[word].first_instant if word in book else NEVER, 0, np.int64),
        last_instant=of["notice"].read(lambda word: book[word].last_instant if word in book else FOREVER, 0, np.int64),
        validity=np.array([one.validity for one in rules])[term],
        refusal=np.where(interest, CODES["objection"], refusal).astype(np.int16),
        ended=of["state"].read(lambda word: _REFUSAL.get(ConsentState(word)) == "terminated", otherwise=False),
        stop=stop,
        channel=channel,
        lifts_if_dated=grant & ((channel >= 0) | (interest & (grade > 0))),
        lifts_if_sound=grant & (channel < 0) & ~interest,
        lifts_stop=grant & (grade > 0) & _lifting(of, stop),
        agrees=grant & interest & (grade > 0) & ~veto_only,
    )


def _faults_of_notice(of: dict[str, _Words], book: dict[str, Told], recipient: str) -> dict[str, Bools]:
    """Faults that follow from the notice and the recipients, in the order in which they are named."""
    notice = of["notice"]
    return {
        "notice_missing": notice.read(lambda _word: False, otherwise=True),
        "notice_unknown": notice.read(lambda word: word not in book, otherwise=True),
        "notice_not_for_purpose": notice.read(lambda word: not book[word].for_purpose if word in book else True, True),
        "notice_not_for_recipient": notice.read(
            lambda word: not book[word].for_recipient if word in book else True, otherwise=True
        ),
        "recipient_not_chosen": of["recipients"].read(lambda word: recipient not in word.split(), otherwise=False),
    }


def _lifting(of: dict[str, _Words], stop: Codes) -> Bools:
    """Whether a permitting statement is expressed as the lifting of its stop must be."""
    lifts: Bools = stop != NO_STOP
    lifts &= (stop != CODES["opt_out"]) | of["expression"].among({Expression.TWO_STEP.value})
    lifts &= (stop != CODES["objection"]) | of["expression"].among(_EXPLICIT)
    return lifts


def _first_of(faults: dict[str, Bools], size: int) -> Codes:
    """The code of the first fault that holds; `SOUND` where none does."""
    found = np.full(size, SOUND, np.int16)
    for reason, wrong in reversed(faults.items()):
        found[wrong] = CODES[reason]
    return found
