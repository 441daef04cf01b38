"""Google's errors, by what the caller does next. Messages are ours: Google's may quote fields of the request."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from passerelle.connectors.destinations.google_reasons import FORGOTTEN, REASONS
from passerelle.connectors.errors import AlreadyThere, BadRows, Forgotten, OutcomeUnknown, Refused, TryLater, Wait
from passerelle.privacy.errors import PasserelleError

MEMBER = re.compile(r"audience_?[mM]embers\[(\d+)\]", re.ASCII)
"""A row's place in a field path, as gRPC and as JSON write it."""
UNNAMED = "INVALID_AUDIENCE_MEMBER"
"""Reason of a row that Google refuses without a word of its own."""
MINUTE_SECONDS, DAY_SECONDS = 60.0, 3600.0
BUSY, BUSY_SECONDS = "CONCURRENT_MODIFICATION", 20.0
THERE = {"EXTERNAL_UPDATE_ID_ALREADY_EXISTS", "JOB_ALREADY_STARTED"}
TOO_LATE = "INVALID_REMOVE_AS_OF_TIME"
PASSING = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "ABORTED", "UNKNOWN", "CANCELLED"}
_WORD = re.compile(r"[A-Z][A-Z0-9_]{1,79}", re.ASCII)
_ROW_WORD = 40
"""How long the reason of a row may be where it is kept."""


class RowsRefused(BadRows):
    """Google refused the whole request because of these rows: place -> reason."""

    def __init__(self, by_row: Mapping[int, str]) -> None:
        first = next(iter(by_row.values()))
        super().__init__("Google refuses some of the rows.", rows=tuple(sorted(by_row)), reason=first)
        self.by_row = dict(by_row)


class ClockAhead(Refused):
    """A moment that we named lies in Google's future."""


class ListBusy(TryLater):
    """Another job is changing this list: nothing was applied."""


class RequestRefused(Refused):
    """Google calls the request invalid and does not say where: perhaps one row, perhaps all of it."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is taken from a failed call: words of Google's own vocabulary and places, never a message."""

    code: str
    reason: str = ""
    fields: tuple[tuple[str, str], ...] = field(default=())
    """Path and reason of each field at fault."""
    quota: str = ""
    wait_seconds: float | None = None


def explain(found: Trouble, *, changes: bool) -> PasserelleError:
    """The error to raise. `changes`: the request would have changed something, so a silent failure may have done it."""
    if found.code == "RESOURCE_EXHAUSTED":
        return _throttled(found)
    if _reason(found) == BUSY:
        return ListBusy("Google Ads is changing this list.", advice="Try again later.", wait=Wait(BUSY_SECONDS))
    if found.code in PASSING:
        message, advice = f"Google cannot be reached or had an internal problem ({found.code}).", "Try again later."
        kind = OutcomeUnknown if changes else TryLater
        return kind(message, advice=f"{advice} Sending the same people again is harmless.")
    by_row = {int(place[1]): row_word(reason) for path, reason in found.fields if (place := MEMBER.search(path))}
    if by_row:
        return RowsRefused(by_row)
    return _refused(_reason(found), found)


def _refused(reason: str, found: Trouble) -> Refused:
    if reason in THERE:
        return AlreadyThere(f"Google Ads has done so already ({reason}).", advice="Nothing: it is found again.")
    if reason in FORGOTTEN:
        return Forgotten("Google does not know any more what became of a request.", advice="It is made again.")
    if reason == TOO_LATE:
        return ClockAhead(
            f"The moment named lies in Google's future ({TOO_LATE}).", advice="Set the clock of this machine."
        )
    if reason in REASONS:
        message, advice = REASONS[reason]
        return Refused(f"{message.removesuffix('.')} ({reason}).", advice=advice)
    if found.code == "INVALID_ARGUMENT" and not found.fields and reason == "INVALID_ARGUMENT":
        return RequestRefused("Google calls the request invalid.", advice="Report this as a defect of Passerelle.")
    return Refused(f"Google refuses the request ({reason}).", advice="Look the word up in Google's error reference.")


def row_word(reason: str) -> str:
    """Google's word for why a row was refused, if it is one: what else it says may quote the row."""
    return reason[:_ROW_WORD] if _WORD.fullmatch(reason) else UNNAMED


def _reason(found: Trouble) -> str:
    said = [*(reason for _, reason in found.fields), found.reason, found.code]
    words = [word for word in said if _WORD.fullmatch(word)]
    return next((word for word in words if word in REASONS), words[0] if words else "UNKNOWN")


def _throttled(found: Trouble) -> TryLater:
    seconds = found.wait_seconds or (DAY_SECONDS if "PerDay" in found.quota else MINUTE_SECONDS)
    return TryLater(
        "Google limits our calls.", advice="Wait; the next run goes on where this one stopped.", wait=Wait(seconds)
    )
