"""Meta's error codes, by what the caller does next. Messages are ours: Meta's may quote the request.

https://developers.facebook.com/docs/marketing-api/error-reference
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from passerelle.connectors.destinations.meta_usage import read
from passerelle.connectors.errors import AudienceTooSmall, OutcomeUnknown, Refused, TryLater, Wait
from passerelle.privacy.errors import PasserelleError

TOKEN = {102, 190, 463, 467, 460}
THROTTLED = {4, 17, 32, 341, 613, 80000, 80003, 80004, 80014}
TRANSIENT = {1, 2}
NOT_NOW = {1870145}
SESSION = {1870148}
OVER = {1870147, 1870158, 1870159}
GRANTS = range(200, 300)
THROTTLE_SECONDS = 300.0
BUSY_SECONDS = 900.0
OK, TOO_MANY, SERVER = 200, 429, 500

_ASK_ANEW = (
    "Make a new System User token with the permission ads_management in Meta's Business settings, "
    "and put it into the token_file."
)
_PERMISSION = (
    "In Meta's Business settings, give the token's System User the task 'Manage campaigns' on this ad account."
)

_GONE = (
    "This audience does not exist at Meta any more, or the token may not see it.",
    "If somebody deleted it in Ads Manager, give the audience another name here; else check the permissions.",
)
_FLAGGED: dict[int, str] = {
    1713230: "Meta blocks uploads to this audience: it flagged its name or description as sensitive",
    1713228: "Meta lets nobody change this audience before its flagged name or description is changed",
    1713231: "Meta still flags the name or description of this audience",
}
_RENAME = (
    "Change display_name and description so that they say nothing about health, money or beliefs, here and in Ads "
    "Manager; or ask Meta for a review there. Removals are owed until Meta takes them."
)

_BY_SUBCODE: dict[int, tuple[str, str]] = {
    1870090: (
        "The Custom Audience terms are not accepted for this ad account.",
        "An admin of the ad account opens business.facebook.com/ads/manage/customaudiences/tos and accepts them.",
    ),
    1870050: (
        "The ad account is not linked to a business.",
        "Add the ad account to a business in Meta's Business settings.",
    ),
    1487301: _GONE,
    1487366: _GONE,
    1713152: (
        "The ad account has as many audiences of this kind as Meta allows (500).",
        "Delete some that no campaign uses in Ads Manager, then run again.",
    ),
    1870144: ("The audience is too large for this operation.", "Split the segment."),
    33: _GONE,
}
_BY_CODE: dict[int, tuple[str, str]] = {
    3: ("The app may not make this call.", "Ask Meta for advanced access to ads_management."),
    10: ("Meta denies the permission.", _PERMISSION),
    270: ("The app's access level is too low for this ad account.", "Ask Meta for advanced access to ads_management."),
    294: ("The token lacks the permission ads_management.", _ASK_ANEW),
    368: ("Meta blocked this action as against its policies.", "Look at Account Quality in Meta's Business settings."),
    2635: ("This version of Meta's API has ended.", "Set a newer api_version for this destination."),
    2650: (
        "Meta refuses to update this audience: it was made with other keys, or cannot take uploads.",
        "Look at it in Ads Manager. An audience filled by hand cannot be filled by Passerelle, too.",
    ),
    2655: ("The messaging terms are not accepted.", "Accept them in Meta's Business settings."),
    2656: ("Lookalike audiences are built on this one.", "Delete these first."),
    105: ("Meta says there are too many parameters.", "Report this as a defect of Passerelle."),
    100: ("Meta calls the request invalid.", "Report this as a defect of Passerelle, with the trace id."),
}


class SessionOver(OutcomeUnknown):
    """The upload session takes nothing more: it is finished, timed out, or not known."""


class Flagged(Refused):
    """Meta flagged the audience's name or description (operation status 471), and takes no uploads or changes."""

    def about(self, fields: Sequence[str]) -> "Flagged":
        """The same, with the fields that Meta means."""
        if not fields:
            return self
        return Flagged(f"{self.message.removesuffix('.')}: {', '.join(fields)}.", advice=self.advice)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is taken from a failed answer. Never its body, which may quote the payload."""

    status: int
    code: int | None = None
    subcode: int | None = None
    transient: bool = False
    too_small: bool = False
    trace: str = ""
    wait_seconds: float | None = None

    @property
    def label(self) -> str:
        """`(code 200/1870090, trace A1b2)`."""
        code = f"{self.code}/{self.subcode}" if self.subcode else f"{self.code}"
        what = f"code {code}" if self.code is not None else f"HTTP {self.status}"
        return f"({what}, trace {self.trace})" if self.trace else f"({what})"


def trouble(status: int, body: object, headers: Mapping[str, str]) -> Trouble:
    """Read a failed answer: numbers, a trace id and a wait; nothing else is kept."""
    error = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return Trouble(status, wait_seconds=read(headers).wait_seconds)
    words = " ".join(str(error.get(name, "")) for name in ("message", "error_user_title", "error_user_msg")).lower()
    trace = str(error.get("fbtrace_id", ""))
    return Trouble(
        status=status,
        code=_number(error.get("code")),
        subcode=_number(error.get("error_subcode")),
        transient=error.get("is_transient") is True,
        too_small="audience size too low" in words or "low audience size" in words,
        trace=trace if len(trace) < 64 and trace.replace("_", "").replace("-", "").isalnum() else "",  # noqa: PLR2004
        wait_seconds=read(headers).wait_seconds,
    )


def explain(found: Trouble, *, changes: bool) -> PasserelleError:
    """The error to raise. `changes`: the request would have changed something, so a silent failure may have done it."""
    if found.code is None:
        return _unspoken(found, changes=changes)
    if found.code in THROTTLED or found.subcode in NOT_NOW:
        return _not_now(found)
    if found.subcode in OVER and changes:
        return SessionOver(f"Meta's upload session is over {found.label}.", advice="Try again: it gets a new one.")
    if found.transient or found.code in TRANSIENT or found.subcode in SESSION:
        return _perhaps(f"Meta had an internal problem {found.label}.", changes=changes)
    return _refused(found)


def _not_now(found: Trouble) -> TryLater:
    if found.subcode in NOT_NOW:
        return TryLater(
            f"Meta is still working on this audience {found.label}.", advice="Wait.", wait=Wait(BUSY_SECONDS)
        )
    return TryLater(
        f"Meta limits our calls {found.label}.",
        advice="Wait; the next run goes on where this one stopped.",
        wait=Wait(found.wait_seconds or THROTTLE_SECONDS),
    )


def _refused(found: Trouble) -> Refused:
    if found.too_small:
        return AudienceTooSmall(
            f"Meta refuses the removal: the audience would become too small {found.label}.",
            advice="These people stay in removal debt. Add people first, or delete the audience in Ads Manager.",
        )
    if found.subcode in _FLAGGED:
        return Flagged(f"{_FLAGGED[found.subcode]} {found.label}.", advice=_RENAME)
    if found.code in TOKEN:
        return Refused(f"Meta does not accept the access token any more {found.label}.", advice=_ASK_ANEW)
    known = _BY_SUBCODE.get(found.subcode or 0) or _BY_CODE.get(found.code or 0)
    if known is None and (found.code or 0) in GRANTS:
        known = ("Meta denies the permission.", _PERMISSION)
    message, advice = known or ("Meta refuses the request.", "Look the code up in Meta's error reference.")
    return Refused(f"{message.removesuffix('.')} {found.label}.", advice=advice)


def _unspoken(found: Trouble, *, changes: bool) -> PasserelleError:
    """No error object: a proxy, a load balancer or a page answered in Meta's place."""
    if found.status == TOO_MANY:
        wait = Wait(found.wait_seconds or THROTTLE_SECONDS)
        return TryLater("Meta limits our calls (HTTP 429).", advice="Wait; the next run goes on.", wait=wait)
    message = f"The answer did not come from Meta's API (HTTP {found.status}, no JSON)."
    return _perhaps(message, changes=changes)


def _perhaps(message: str, *, changes: bool) -> TryLater:
    kind = OutcomeUnknown if changes else TryLater
    return kind(message, advice="Try again later; sending the same people again is harmless.")


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
