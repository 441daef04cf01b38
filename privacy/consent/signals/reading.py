"""What readers of records share: looking into a payload without trusting it, times, and what a mailing opt-out means.

Nothing here raises for what it is given. A time without its zone is no time; text that could not be stored is no text.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from passerelle.privacy.consent.signals.contract import Heard, Said
from passerelle.privacy.vocabulary import (
    ADS,
    Channel,
    ConsentState,
    EvidenceGrade,
    Expression,
    Field,
    Precision,
    Purpose,
    Stop,
)

NO_ANSWER = (ConsentState.UNKNOWN, Expression.IMPLICIT)
"""Nobody was asked, or nobody answered. It is kept only where it takes the place of a yes, which it then ends."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", re.ASCII)
_METHOD = re.compile(r"[\w .:/+-]{1,80}\Z")
_SCOPE = re.compile(r"[^A-Za-z0-9_.:-]+")
_LONGEST = 10_000
_LONGEST_SCOPE = 40
_SMALLEST_MILLIS = 100_000_000_000
_LARGEST_MILLIS = 253_402_300_799_999


@dataclass(frozen=True, slots=True)
class When:
    """A time as far as it is known: microseconds UTC, or None."""

    time: int | None = None
    precision: Precision = Precision.UNKNOWN

    @property
    def known(self) -> bool:
        """Whether there is one."""
        return self.time is not None


NEVER = When()


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the operator says a vendor's own purpose stands for, and which notice asked for it."""

    purpose: Purpose
    notice: str | None = None
    recipients: tuple[str, ...] = ()


Meanings = Mapping[str, Meaning]


@dataclass(frozen=True, slots=True)
class Statement:
    """What a reader found of one thing, before it is said of a purpose."""

    state: ConsentState
    when: When = NEVER
    scope: str = ""
    method: str | None = None
    expression: Expression | None = None
    valid_until: int | None = None
    recorded_at: int | None = None
    stop: Stop | None = None
    channel: Channel | None = None


def text(value: Any) -> str | None:  # noqa: ANN401 - a vendor's JSON
    """Text that says something and can be stored; a whole number as its digits."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    if isinstance(value, int):
        return str(value) if abs(value) < _LARGEST_MILLIS * 1000 else None
    plain = value.strip()
    if not plain or len(plain) > _LONGEST:
        return None
    try:
        plain.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return None
    return plain


def word(value: Any) -> str:  # noqa: ANN401 - a vendor's JSON
    """A word of a closed list, in upper case; empty where there is none."""
    return (text(value) or "").upper()


def flag(value: Any) -> bool | None:  # noqa: ANN401 - a vendor's JSON or CSV
    """A truth value, also as a CSV export writes it; None where it is neither."""
    if isinstance(value, bool):
        return value
    return {"TRUE": True, "FALSE": False, "1": True, "0": False}.get(word(value)) if isinstance(value, str) else None


def inner(value: Any, *path: str) -> Any:  # noqa: ANN401 - a vendor's JSON
    """What stands at `path`, None where the way there breaks off."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def at_path(record: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 - a vendor's JSON or CSV
    """What stands under the key `path`, or else at that dotted path."""
    return record[path] if path in record else inner(record, *path.split("."))


def items(value: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 - a vendor's JSON
    """The objects of a list; nothing where it is none."""
    if isinstance(value, list):
        yield from (one for one in value if isinstance(one, Mapping))


def moment(value: Any, zone: tzinfo | None = None) -> When:  # noqa: ANN401 - a vendor's JSON
    """ISO 8601 with its zone, a bare day (that UTC day), or a number of milliseconds since 1970.

    `zone` is that of times without one; where it is not given, such a time is not known.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        sure = _SMALLEST_MILLIS <= value <= _LARGEST_MILLIS  # a smaller number may be seconds: not guessed
        return When(value * 1000, Precision.SECOND) if sure else NEVER
    plain = text(value) or ""
    try:
        if _DAY.match(plain):
            return When(_micros(datetime.combine(date.fromisoformat(plain), datetime.min.time(), UTC)), Precision.DAY)
        found = datetime.fromisoformat(plain) if _TIME.match(plain) else None
        if found is not None and found.tzinfo is None and zone is not None:
            found = found.replace(tzinfo=zone)
        if found is None or found.tzinfo is None:
            return NEVER
        return When(_micros(found), Precision.SECOND)
    except (ValueError, OverflowError):
        return NEVER


def _micros(found: datetime) -> int:
    return (found - _EPOCH) // timedelta(microseconds=1)


def no_answer(when: When, where: str) -> Statement:
    """The statement that there is no answer in `where` any more, or that there never was one."""
    state, expression = NO_ANSWER
    return Statement(state, when, where, expression=expression)


def later(*moments: When) -> When:
    """The latest of those that are known."""
    return max((one for one in moments if one.known), key=lambda one: one.time or 0, default=NEVER)


def method(value: Any) -> str | None:  # noqa: ANN401 - a vendor's JSON
    """How something was said, where it may be kept: no text that an address would pass for."""
    plain = text(value)
    return plain if plain is not None and _METHOD.match(plain) else None


def scope(*parts: str | None) -> str:
    """Parts of a source as one scope. What may not stand in it, or is long, is told apart by a short digest."""
    return ".".join(_scoped(part) for part in parts if part)


def _scoped(part: str) -> str:
    cleaned = _SCOPE.sub("-", part)[:_LONGEST_SCOPE]
    if cleaned == part:
        return part
    return f"{cleaned}-{hashlib.blake2b(part.encode(), digest_size=4).hexdigest()}"


def heard(who: Mapping[Field, str | None], spoken: Sequence[Said], silence: str = "says_nothing") -> Heard:
    """What a record comes to. Without anybody named it is left out, unless a mapping knows better who it is about."""
    named = {field: value for field, value in who.items() if value is not None}
    return Heard(named, spoken, "nobody" if not named else None if spoken else silence)


def said(found: Statement, meaning: Meaning) -> Said:
    """`found`, said of the operator's purpose. Its grade is what it bears out, never what somebody claims."""
    return Said(
        purpose=meaning.purpose,
        state=found.state,
        event_time=found.when.time,
        precision=found.when.precision,
        recorded_at=found.recorded_at,
        valid_until=found.valid_until,
        notice=meaning.notice,
        recipients=meaning.recipients,
        grade=graded(found.when, meaning.notice, found.method),
        channel=found.channel,
        stop=found.stop,
        expression=found.expression,
        method=found.method,
        scope=found.scope,
    )


def graded(when: When, notice: str | None, how: str | None) -> EvidenceGrade:
    """A: notice, time and mechanism are there. B: the time is. C: a bare flag, which can only veto."""
    if not when.known:
        return EvidenceGrade.C
    return EvidenceGrade.A if notice and how else EvidenceGrade.B


def mailing(found: Statement, own: Purpose, channel: Channel) -> list[Said]:
    """A statement about all of a mailing channel: said of its own purpose, and held against the ads purposes.

    What is held against them carries the channel: a refusal vetoes, and a later permitting statement of the same
    scope ends that veto and grants nothing. Without a time it can end nothing, so it is not said at all.
    """
    spoken = [said(found, Meaning(own))]
    if found.state.permits and not found.when.known:
        return spoken
    return spoken + held_against_ads(found, channel)


def held_against_ads(found: Statement, channel: Channel) -> list[Said]:
    """The same, said of each ads purpose and marked with the channel that it is really about."""
    one = said(found, Meaning(ADS[0]))
    first = replace(one, channel=channel, grade=_at_most_b(one.grade), expression=None)
    return [first, *(replace(first, purpose=purpose) for purpose in ADS[1:])]


def _at_most_b(grade: EvidenceGrade) -> EvidenceGrade:
    """Nobody was shown a notice about advertising."""
    return EvidenceGrade.C if grade is EvidenceGrade.C else EvidenceGrade.B
