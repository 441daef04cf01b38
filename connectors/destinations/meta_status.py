"""How Meta says that an upload or an audience stands.

https://developers.facebook.com/docs/marketing-api/reference/custom-audience
"""

from collections.abc import Mapping
from typing import Any

from passerelle.connectors.contract.destination import AudienceState

_ENDED = {"uploaded", "complete", "completed", "finished", "done"}
_WHOLE = 100.0

OPERATIONS: dict[int, str] = {
    100: "The audience was not used for two years and will be deleted.",
    400: "Meta warns about this audience; look at it in Ads Manager.",
    410: "Nothing was uploaded yet.",
    411: "Few people were matched.",
    412: "Many entries were invalid.",
    414: "A replacement is going on.",
    415: "A replacement failed.",
    450: "The audience is out of date.",
    470: "The ad account is inactive.",
    471: "Meta flagged the audience's name or description as sensitive and blocks uploads: change them, or ask for a "
    "review in Ads Manager.",
    500: "Meta reports an error of this audience.",
}
NORMAL, EMPTY, REPLACING, REPLACE_FAILED, POPULATING, INACTIVE, FLAGGED, BROKEN = 200, 410, 414, 415, 441, 470, 471, 500
"""Of `operation_status.code`."""
_WORKING = {REPLACING, POPULATING}
_ALARMING = {INACTIVE, FLAGGED, BROKEN}
_TOO_SMALL, _READY, _UNUSABLE = 300, 200, 400
_WORDS = {200: "normal", 410: "empty", 441: "populating", 414: "replacing", 471: "flagged"}


def session_ended(session: Mapping[str, Any]) -> bool:
    """Whether an upload session is over: by its end, its progress or its stage, whichever Meta gives."""
    if str(session.get("end_time") or "0") not in {"0", ""}:
        return True
    try:
        progress = float(session.get("progress") or 0)
    except (TypeError, ValueError):
        progress = 0.0
    return progress >= _WHOLE or str(session.get("stage", "")).lower() in _ENDED


def read_state(audience: Mapping[str, Any]) -> AudienceState:
    """Status in a word, rounded sizes, and what a person should look at."""
    operation, delivery = _code(audience.get("operation_status")), _code(audience.get("delivery_status"))
    problems = [OPERATIONS[operation]] if operation in OPERATIONS else []
    flagged = audience.get("fields_violating_integrity_policy")
    if isinstance(flagged, list) and flagged:
        problems.append(f"Flagged by Meta: {', '.join(name for name in map(str, flagged) if name.isidentifier())}.")
    if delivery == _TOO_SMALL:
        problems.append("Too small to be shown ads.")
    elif delivery >= _UNUSABLE:
        problems.append("Ads cannot use this audience.")
    return AudienceState(
        status=_WORDS.get(operation, f"code {operation}"),
        size_low=_size(audience.get("approximate_count_lower_bound")),
        size_high=_size(audience.get("approximate_count_upper_bound")),
        problems=tuple(problems),
        working=operation in _WORKING,
    )


def alarm(audience: Mapping[str, Any]) -> str:
    """What a person must look at, once an upload has ended: the audience that took it cannot be used. Else empty."""
    code = operation(audience)
    return f"Meta took the upload, and says of the audience: {OPERATIONS[code]}" if code in _ALARMING else ""


def operation(audience: Mapping[str, Any]) -> int:
    """The code of `operation_status`; 0 where Meta gives none."""
    status = audience.get("operation_status")
    code = status.get("code") if isinstance(status, Mapping) else None
    return code if isinstance(code, int) else 0


def _code(status: object) -> int:
    code = status.get("code") if isinstance(status, Mapping) else None
    return code if isinstance(code, int) else _READY


def _size(value: object) -> int | None:
    """Meta says -1 where it gives no size."""
    return value if isinstance(value, int) and value >= 0 else None
