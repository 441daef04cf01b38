"""Receipts out of Data Manager's answers: a 200 is a receipt and not a success, so everything starts as pending."""

from collections import Counter
from collections.abc import Iterable, Mapping

import pyarrow as pa
from google.ads import datamanager_v1 as dm

from passerelle.connectors.contract.destination import Receipt
from passerelle.connectors.destinations.google_api import DATA_MANAGER
from passerelle.connectors.destinations.google_pushing import Pushed
from passerelle.connectors.destinations.google_reasons import CONSENT
from passerelle.connectors.destinations.google_types import Message
from passerelle.privacy.vocabulary import NOT_SENT

_STATUS = dm.RequestStatusPerDestination.RequestStatus
_ENDED = {_STATUS.SUCCESS, _STATUS.FAILED, _STATUS.PARTIAL_SUCCESS}
_PREFIX = "reason."
UNCOUNTED = "NOT_COUNTED"
"""Google says that some rows failed and not how many: one at least."""


def receipt(pushed: Pushed, people: pa.Array) -> Receipt:
    """What a push came to. `request` keeps enough to settle it in another process."""
    aside = pushed.bad | dict.fromkeys(pushed.left, NOT_SENT)
    request: dict[str, str | int] = {
        "request_ids": " ".join(pushed.request_ids),
        "sizes": " ".join(map(str, pushed.sizes)),
        "api_version": DATA_MANAGER,
    }
    return begun(request, sum(pushed.sizes), aside, people)


def begun(request: Mapping[str, str | int], sent: int, aside: Mapping[int, str], people: pa.Array) -> Receipt:
    """A receipt of `sent` rows on their way; rows `aside` (place -> reason) are not, and named as rejected."""
    places = sorted(aside)
    reasons = dict(Counter(aside[place] for place in places))
    table = pa.table(
        {
            "subject_id": people.take(pa.array(places, pa.int64())),
            "reason": pa.array([aside[place] for place in places], pa.string()),
        }
    )
    request = {**request, "sent": sent, **{f"{_PREFIX}{reason}": count for reason, count in reasons.items()}}
    return Receipt("pending" if sent else "settled", 0, len(places), sent, request, reasons, table)


def settled(before: Receipt, statuses: Iterable[Message]) -> Receipt:
    """A receipt, once more, after asking. Counts by reason are Google's; which rows they mean it does not say."""
    failures, warnings, pending = Counter[str](), Counter[str](), False
    sizes = [int(size) for size in str(before.request["sizes"]).split()]
    for status, size in zip(statuses, sizes, strict=True):
        pending |= not status.request_status_per_destination
        for one in status.request_status_per_destination:
            pending |= one.request_status not in _ENDED
            failures += _failed(one, size)
            warnings += Counter({_warning(w.reason): int(w.record_count) for w in one.warning_info.warning_counts})
    return ended(before, None if pending else failures, warnings)


def ended(before: Receipt, failures: Counter[str] | None, warnings: Mapping[str, int]) -> Receipt:
    """The receipt with what came of it: failures by reason, or None while that is not known."""
    early = {name.removeprefix(_PREFIX): int(count) for name, count in _reasons(before.request)}
    aside, sent = sum(early.values()), int(before.request["sent"])
    if failures is None:
        return Receipt("pending", 0, aside, sent, before.request, early, before.rejected)
    failed = min(failures.total(), sent)
    reasons, alarm = dict(Counter(early) + failures), _alarm(failures)
    counts = (sent - failed, aside + failed, 0)
    return Receipt("settled", *counts, before.request, reasons, before.rejected, dict(warnings), alarm)


def _failed(one: Message, size: int) -> Counter[str]:
    """How many rows of a request of this size failed, by Google's reasons.

    A request that failed, failed whole, whatever was counted; one that partly failed has failed rows even where none
    is counted ("may not be populated in all cases").
    """
    counts = Counter({_word(count.reason): int(count.record_count) for count in one.error_info.error_counts})
    if one.request_status == _STATUS.FAILED and counts.total() < max(size, 1):  # one, where it is about nobody
        counts["FAILED"] += max(size, 1) - counts.total()
    if one.request_status == _STATUS.PARTIAL_SUCCESS and not counts:
        counts[UNCOUNTED] = 1
    return counts


def _alarm(failures: Counter[str]) -> str:
    """Members whose consent Google misses: every member is sent with both, so somebody must look at once."""
    missed = {reason: count for reason, count in failures.items() if reason in CONSENT and count}
    if not missed:
        return ""
    said = ", ".join(f"{reason} {count:,}" for reason, count in sorted(missed.items()))
    return f"Google dropped members for want of consent, although each was sent with both consents ({said})."


def _reasons(request: Mapping[str, str | int]) -> list[tuple[str, str | int]]:
    return [(name, count) for name, count in request.items() if name.startswith(_PREFIX)]


def _word(number: int) -> str:
    """Google's word for a reason; its number where this version of the SDK does not know it."""
    try:
        return str(dm.ProcessingErrorReason(number).name).removeprefix("PROCESSING_ERROR_REASON_")
    except ValueError:
        return f"REASON_{number}"


def _warning(number: int) -> str:
    try:
        return str(dm.ProcessingWarningReason(number).name).removeprefix("PROCESSING_WARNING_REASON_")
    except ValueError:
        return f"WARNING_{number}"
