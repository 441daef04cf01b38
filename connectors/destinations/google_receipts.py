"""Receipts out of Data Manager's answers: a 200 is a receipt and not a success, so everything starts as pending."""

from collections import Counter
from collections.abc import Iterable, Mapping

import pyarrow as pa
from google.ads import datamanager_v1 as dm

from passerelle.connectors.contract.destination import Receipt
from passerelle.connectors.destinations.google_api import DATA_MANAGER
from passerelle.connectors.destinations.google_pushing import Pushed
from passerelle.connectors.destinations.google_types import Message

_STATUS = dm.RequestStatusPerDestination.RequestStatus
_ENDED = {_STATUS.SUCCESS, _STATUS.FAILED, _STATUS.PARTIAL_SUCCESS}
_REASON = dm.ErrorReason
_PREFIX = "reason."


def receipt(pushed: Pushed, people: pa.Array) -> Receipt:
    """What a push came to. `request` keeps enough to settle it in another process."""
    places = sorted(pushed.bad)
    reasons = Counter(pushed.bad[place] for place in places)
    table = pa.table(
        {
            "subject_id": people.take(pa.array(places, pa.int64())),
            "reason": pa.array([pushed.bad[place] for place in places], pa.string()),
        }
    )
    ids = " ".join(pushed.request_ids)
    request: dict[str, str | int] = {"request_ids": ids, "api_version": DATA_MANAGER, "sent": pushed.sent}
    request |= {f"{_PREFIX}{reason}": count for reason, count in reasons.items()}
    return Receipt(
        "pending" if pushed.request_ids else "settled", 0, len(places), pushed.sent, request, dict(reasons), table
    )


def settled(before: Receipt, statuses: Iterable[Message]) -> Receipt:
    """A receipt, once more, after asking. Counts by reason are Google's; which rows they mean it does not say."""
    early = {name.removeprefix(_PREFIX): int(count) for name, count in _reasons(before.request)}
    reasons, pending, warnings = Counter(early), False, Counter[str]()
    sent = int(before.request["sent"])
    failed = 0
    for status in statuses:
        for one in status.request_status_per_destination:
            pending |= one.request_status not in _ENDED
            counts = Counter({_word(count.reason): int(count.record_count) for count in one.error_info.error_counts})
            if one.request_status == _STATUS.FAILED and not counts:
                counts["FAILED"] = _records(one) or max(sent, 1)  # all of it: one record where it is about nobody
            reasons += counts
            failed += sum(counts.values())
            warnings += Counter(
                {f"warning {int(w.reason)}": int(w.record_count) for w in one.warning_info.warning_counts}
            )
        pending |= not status.request_status_per_destination
    aside = sum(early.values())
    if pending:
        return Receipt("pending", 0, aside, sent, before.request, early, before.rejected)
    failed = min(failed, sent)
    told = tuple(f"{name}: {count} records" for name, count in warnings.items())
    return Receipt("settled", sent - failed, aside + failed, 0, before.request, dict(reasons), before.rejected, told)


def _reasons(request: Mapping[str, str | int]) -> list[tuple[str, str | int]]:
    return [(name, count) for name, count in request.items() if name.startswith(_PREFIX)]


def _word(number: int) -> str:
    """Google's word for a reason; its number where this version of the SDK does not know it."""
    try:
        return str(dm.ProcessingErrorReason(number).name).removeprefix("PROCESSING_ERROR_REASON_")
    except ValueError:
        return f"REASON_{number}"


def _records(status: Message) -> int:
    ingested = status.audience_members_ingestion_status.composite_data_ingestion_status.record_count
    removed = status.audience_members_removal_status.composite_data_removal_status.record_count
    return int(ingested or removed)
