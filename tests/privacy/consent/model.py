"""What `resolve` must say, one person at a time and as plainly as it can be put: the rules of the docs, no speed."""

from dataclasses import dataclass
from itertools import groupby

from passerelle.privacy.consent.reasons import REASONS
from passerelle.privacy.consent.resolve import Terms, Told

ORDER = list(REASONS)
WIDTH = {"second": 1_000_000, "day": 86_400_000_000}
SAYS_NO = {"ConsentWithdrawn": "withdrawn", "ConsentRefused": "refused", "ConsentExpired": "ended",
           "ConsentTerminated": "terminated", "ConsentInvalidated": "terminated"}  # fmt: skip
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

    @property
    def yes(self) -> bool:
        return self.state in SAYS_YES

    def moment(self) -> float:
        """The earliest instant of a yes, the latest of a no."""
        if self.event_time is None or self.precision not in WIDTH:
            return float("-inf") if self.yes else self.ingested_at
        start = self.event_time // WIDTH["day"] * WIDTH["day"] if self.precision == "day" else self.event_time
        return start if self.yes else start + WIDTH[self.precision] - 1

    def fault(self, terms: Terms | None, notices: dict[str, Told], recipient: str) -> str | None:
        start, told = self.moment(), notices.get(self.notice or "")
        faults = {
            "evidence_too_weak": self.grade not in ("A", "B")[: 1 + (terms is not None and terms.grade == "B")],
            "time_unknown": start == float("-inf"),
            "notice_missing": self.notice is None,
            "notice_unknown": told is None,
            "notice_not_for_purpose": told is not None and not told.for_purpose,
            "notice_not_for_recipient": told is not None and not told.for_recipient,
            "recipient_not_chosen": self.recipients is not None and recipient not in self.recipients.split(),
            "notice_not_valid_then": told is not None and not (
                told.first_instant <= start and start + WIDTH.get(self.precision, 0) - 1 <= told.last_instant),
        }  # fmt: skip
        return next((reason for reason, wrong in faults.items() if wrong), None)


def answer(events: list[Said], terms: Terms | None, notices: dict[str, Told], recipient: str, at: int) -> str:
    """The reason, of one person without a hard stop; `terms` None: no rule covers them."""
    interest = terms is not None and terms.basis == "legitimate_interest"
    heard = sorted((e for e in events if not (e.yes and e.moment() > at)), key=lambda e: (e.origin, e.stream))
    noes, yeses = [], []

    def lift(e: Said) -> bool:
        return e.yes and (
            e.grade != "C" and e.moment() > float("-inf") if interest else not e.fault(terms, notices, recipient)
        )

    for _, group in groupby(heard, key=lambda e: (e.origin, e.stream)):
        stream = list(group)
        last = [e for e in stream if not e.yes and e.moment() == max(one.moment() for one in stream if not one.yes)]
        ended = any(SAYS_NO.get(e.state) == "terminated" for e in last)
        family = [e for e in heard if e.origin == stream[0].origin and whole(e) == whole(stream[0])]
        lifts = [e.moment() for e in (family if ended else stream) if lift(e)]
        standing = [e for e in stream if not e.yes and e.moment() >= max(lifts, default=float("-inf"))]
        if standing:
            noes += ["objection" if interest else SAYS_NO.get(e.state, "unanswered") for e in standing]
            continue
        given = [e for e in stream if e.yes]
        latest = [e for e in given if e.moment() == max(one.moment() for one in given)]
        found = [
            e.fault(terms, notices, recipient) or ("expired" if _over(e, terms, at) else "consent") for e in latest
        ]
        if found:  # none where a yes elsewhere in the family lifted every no
            yeses.append(min(found, key=lambda reason: (reason == "consent", ORDER.index(reason))))
    if noes:
        return min(noes, key=ORDER.index)
    if terms is None or interest:
        return "legitimate_interest" if interest else "no_policy_rule"
    return "consent" if "consent" in yeses else max(yeses, key=ORDER.index, default="no_consent_event")


def whole(event: Said) -> str:
    """What the stream is a part of."""
    return event.stream.partition("/")[0]


def _over(event: Said, terms: Terms | None, at: int) -> bool:
    until = event.moment() + (terms.validity if terms else 0)
    return at >= (until if event.valid_until is None else min(until, event.valid_until))
