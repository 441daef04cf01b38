"""What `resolve` must say, one person at a time and as plainly as it can be put: the rules of the docs, no speed."""

from dataclasses import dataclass
from itertools import groupby

from passerelle.privacy.consent.reasons import REASONS
from passerelle.privacy.consent.resolve import Terms, Told

ORDER = list(REASONS)
WIDTH = {"second": 1_000_000, "day": 86_400_000_000}
SAYS_NO = {"ConsentWithdrawn": "withdrawn", "ConsentRefused": "refused", "ConsentExpired": "ended",
           "ConsentTerminated": "terminated", "ConsentInvalidated": "terminated"}  # fmt: skip
STOPS = {"objection": "objection", "opt_out": "opt_out", "under_age": "under_age", "platform": "opted_out_at_platform"}
SAYS_YES = {"ConsentGiven", "RenewedConsentGiven"}


@dataclass(frozen=True)
class Said:
    event_id: int
    subject_id: int
    origin: int
    stream: str
    state: str
    event_time: int | None
    precision: str
    ingested_at: int
    valid_until: int | None
    notice: str | None
    recipients: str | None
    grade: str
    channel: str | None = None
    stop: str | None = None
    expression: str | None = None
    linked: bool = False

    @property
    def yes(self) -> bool:
        return self.state in SAYS_YES

    def moment(self) -> float:
        """The earliest instant of a yes, the latest of a no."""
        if self.event_time is None or self.precision not in WIDTH:
            return float("-inf") if self.yes else self.ingested_at
        start = self.event_time // WIDTH["day"] * WIDTH["day"] if self.precision == "day" else self.event_time
        return start if self.yes else start + WIDTH[self.precision] - 1

    def fault(self, asked: "Asked") -> str | None:
        start, told = self.moment(), asked.notices.get(self.notice or "")
        terms, recipient = asked.terms, asked.recipient
        faults = {
            "other_channel": self.channel is not None and self.channel not in asked.relaxed,
            "evidence_too_weak": self.grade not in ("A", "B")[: 1 + (terms is not None and terms.grade == "B")],
            "time_unknown": start == float("-inf"),
            "notice_missing": self.notice is None,
            "notice_unknown": told is None,
            "notice_not_for_purpose": told is not None and not told.for_purpose,
            "notice_not_for_recipient": told is not None and not told.for_recipient,
            "recipient_not_chosen": self.recipients is not None and recipient not in self.recipients.split(),
            "notice_not_valid_then": told is not None and not (
                told.first_instant <= start and start + WIDTH.get(self.precision, 0) - 1 <= told.last_instant),
            "suppressed": start <= asked.suppressed,
        }  # fmt: skip
        return next((reason for reason, wrong in faults.items() if wrong), None)


@dataclass(frozen=True)
class Asked:
    """`terms` None: no rule covers the person."""

    terms: Terms | None
    notices: dict[str, Told]
    at: int
    recipient: str = "meta"
    relaxed: frozenset[str] = frozenset()
    suppressed: float = float("-inf")

    @property
    def interest(self) -> bool:
        return self.terms is not None and self.terms.basis == "legitimate_interest"


def answer(events: list[Said], asked: Asked) -> str:
    """The reason, of one person who is neither erased nor unknown."""
    heard = [e for e in events if not (e.yes and e.moment() > asked.at)]
    stops = [STOPS[e.stop or ""] for e in heard if e.stop and not e.yes and not lifted(e, heard, asked)]
    if stops:
        return min(stops, key=ORDER.index)
    noes, yeses = [], []
    for _, group in groupby(sorted(heard, key=key), key=key):
        stream = list(group)
        standing = refusals_that_stand(stream, heard, asked)
        if standing:
            noes += ["objection" if asked.interest else SAYS_NO.get(e.state, "unanswered") for e in standing]
        else:
            yeses += verdict(stream, asked)
    if noes:
        return min(noes, key=ORDER.index)
    if asked.interest:
        again = any(lifts(e, asked) and not e.linked and not vetoes_only(e, asked) for e in heard)
        return "legitimate_interest" if asked.suppressed == float("-inf") or again else "suppressed"
    if asked.terms is None:
        return "no_policy_rule"
    return "consent" if "consent" in yeses else max(yeses, key=ORDER.index, default="no_consent_event")


def key(event: Said) -> tuple[int, str, str]:
    """What one stream is: one source's, of one person as first known, on one channel."""
    return event.origin, event.stream, event.channel or ""


def counts(event: Said, asked: Asked) -> bool:
    """A dated yes that nothing suppresses."""
    return event.yes and event.moment() > max(asked.suppressed, float("-inf"))


def lifts(event: Said, asked: Asked) -> bool:
    """Whether it ends the refusals of its stream before it."""
    if event.channel:
        return counts(event, asked)
    if asked.interest:
        return counts(event, asked) and event.grade != "C"
    return event.yes and not event.fault(asked)


def lifted(stop: Said, heard: list[Said], asked: Asked) -> bool:
    """Whether somebody took the stop back in the way that it takes."""
    return any(
        counts(e, asked)
        and (e.origin, e.stop) == (stop.origin, stop.stop)
        and e.channel in (stop.channel, None)
        and e.grade != "C"
        and (e.stop != "opt_out" or e.expression == "two_step")
        and (e.stop != "objection" or e.expression in ("explicit", "two_step"))
        and e.moment() > stop.moment()
        for e in heard
    )


def refusals_that_stand(stream: list[Said], heard: list[Said], asked: Asked) -> list[Said]:
    noes = [e for e in stream if not e.yes and not e.stop]
    last = [e for e in noes if e.moment() == max(one.moment() for one in noes)]
    ended = any(SAYS_NO.get(e.state) == "terminated" for e in last)
    family = [e for e in heard if key(e)[::2] == key(stream[0])[::2] and whole(e) == whole(stream[0])]
    after = [e.moment() for e in (family if ended else stream) if lifts(e, asked)]
    return [e for e in noes if e.moment() >= max(after, default=float("-inf"))]


def verdict(stream: list[Said], asked: Asked) -> list[str]:
    """What the latest yes of a stream comes to; nothing where there is none, or a stop came after it."""
    given = [e for e in stream if e.yes and not e.linked]
    newest = max((e.moment() for e in given), default=float("-inf"))
    if any(e.stop and not e.yes and e.moment() >= newest for e in stream):
        return []
    found = [e.fault(asked) or ("expired" if _over(e, asked) else "consent") for e in given if e.moment() == newest]
    return [min(found, key=lambda reason: (reason == "consent", ORDER.index(reason)))] if found else []


def vetoes_only(event: Said, asked: Asked) -> bool:
    return event.channel is not None and event.channel not in asked.relaxed


def whole(event: Said) -> str:
    """What the stream is a part of."""
    return event.stream.partition("/")[0]


def _over(event: Said, asked: Asked) -> bool:
    until = event.moment() + (asked.terms.validity if asked.terms else 0)
    return asked.at >= (until if event.valid_until is None else min(until, event.valid_until))
