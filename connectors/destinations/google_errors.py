"""Google's errors, by what the caller does next. Messages are ours: Google's may quote fields of the request.

https://developers.google.com/data-manager/api/reference/rest/v1/ErrorReason
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from passerelle.connectors.errors import BadRows, OutcomeUnknown, Refused, TryLater, Wait
from passerelle.privacy.errors import PasserelleError

MEMBER = re.compile(r"audience_members\[(\d+)\]", re.ASCII)
MINUTE_SECONDS, DAY_SECONDS = 60.0, 3600.0
TOO_LATE = "INVALID_REMOVE_AS_OF_TIME"
PASSING = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "ABORTED", "UNKNOWN", "CANCELLED"}
_WORD = re.compile(r"[A-Z][A-Z0-9_]{1,79}", re.ASCII)

_TERMS = "In Google Ads: Tools, Data manager, Customer Match: accept the customer data terms for this account."
_ACCESS = (
    "Give the service account or user write access to this account, or to its manager, in Google Ads: Admin, Access."
)
_GONE = "If somebody removed the list in Google Ads, give the audience another name here; else check the account."
_ELIGIBLE = "Ask Google Ads support whether this account may use Customer Match."

REASONS: dict[str, tuple[str, str]] = {
    "TERMS_AND_CONDITIONS_NOT_SIGNED": ("The Customer Match terms are not accepted for this account.", _TERMS),
    "ADVERTISER_TOS_NOT_ACCEPTED": ("The customer data terms are not accepted for this account.", _TERMS),
    "NOT_ALLOWLISTED": ("This account may not use Customer Match.", _ELIGIBLE),
    "ADVERTISER_NOT_ALLOWLISTED_FOR_UPLOADED_DATA": ("This account may not use uploaded lists.", _ELIGIBLE),
    "PERMISSION_DENIED": ("Google denies access to this account.", _ACCESS),
    "OPERATING_ACCOUNT_LOGIN_ACCOUNT_MISMATCH": (
        "The login account has no access to this account.",
        "Set login_account to the manager account that is linked to it.",
    ),
    "UNAUTHENTICATED": (
        "Google does not accept the credentials.",
        "Renew the credentials_file. It needs the scope https://www.googleapis.com/auth/datamanager.",
    ),
    "INVALID_USER_LIST_ID": ("This list does not exist at Google any more.", _GONE),
    "INVALID_DESTINATION": ("Google does not know this account or list.", _GONE),
    "NOT_FOUND": ("This list does not exist at Google any more.", _GONE),
    "DISPLAY_NAME_ALREADY_USED": (
        "Another list of this account has the same name.",
        "Give the audience another display_name, or rename the other list in Google Ads.",
    ),
    "INVALID_DISPLAY_NAME": ("Google does not take this name for a list.", "Give the audience another display_name."),
    "MEMBERSHIP_DURATION_TOO_LONG": ("Google keeps members for 540 days at most.", "Set a shorter retention_days."),
    "SENSITIVE_USER_LIST_IMMUTABLE": (
        "Google flagged this list as sensitive and takes no changes.",
        "Look at the list in Google Ads, Audience manager.",
    ),
    "EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED": (
        "Google asks whether this account's campaigns hold EU political advertising.",
        "In Google Ads, open each campaign's settings and declare it.",
    ),
    "CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION": (
        "The Google Cloud project of the credentials may only call test accounts.",
        "Ask for Explorer or Basic access in the project's API settings.",
    ),
    "CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE": (
        "Google Ads takes Customer Match uploads through Data Manager only.",
        "Enable the Data Manager API in the Google Cloud project.",
    ),
    "USER_PERMISSION_DENIED": ("Google denies access to this account.", _ACCESS),
    "DEVELOPER_TOKEN_PROHIBITED": (
        "The Google Cloud project is tied to another access level.",
        "Use credentials of the project that has access to the Google Ads API.",
    ),
    "CUSTOMER_NOT_ENABLED": ("This account is not active.", "Activate it in Google Ads."),
}


class RowsRefused(BadRows):
    """Google refused the whole request because of these rows: place -> reason."""

    def __init__(self, by_row: Mapping[int, str]) -> None:
        first = next(iter(by_row.values()))
        super().__init__("Google refuses some of the rows.", rows=tuple(sorted(by_row)), reason=first)
        self.by_row = dict(by_row)


class ClockAhead(Refused):
    """A moment that we named lies in Google's future."""


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
    if found.code in PASSING:
        message, advice = f"Google cannot be reached or had an internal problem ({found.code}).", "Try again later."
        kind = OutcomeUnknown if changes else TryLater
        return kind(message, advice=f"{advice} Sending the same people again is harmless.")
    by_row = {int(place[1]): reason for path, reason in found.fields if (place := MEMBER.search(path))}
    if by_row:
        return RowsRefused(by_row)
    return _refused(found, _reason(found))


def _refused(found: Trouble, reason: str) -> Refused:
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


def _reason(found: Trouble) -> str:
    said = [*(reason for _, reason in found.fields), found.reason, found.code]
    words = [word for word in said if _WORD.fullmatch(word)]
    return next((word for word in words if word in REASONS), words[0] if words else "UNKNOWN")


def _throttled(found: Trouble) -> TryLater:
    seconds = found.wait_seconds or (DAY_SECONDS if "PerDay" in found.quota else MINUTE_SECONDS)
    return TryLater(
        "Google limits our calls.", advice="Wait; the next run goes on where this one stopped.", wait=Wait(seconds)
    )
