"""Question 19: each erasure as the log tells it."""

from typing import Any

from sqlalchemy import Connection, func, select

from passerelle.privacy.audit.answer import Answer, Found, found
from passerelle.privacy.audit.times import iso
from passerelle.privacy.erasure.desk import CAUSES
from passerelle.privacy.erasure.overview import Overview, Told, overview
from passerelle.privacy.store import tables as t

_DAY = 86_400_000_000


def erasures(connection: Connection, *, log_size: int, at: int) -> Answer:
    """What the first `log_size` entries say of erasures, at the instant `at`."""
    seen = overview(connection, log_size=log_size)
    late = [one for one in seen.erasures if (one.done_at or at) > one.due_at]
    still = [one for one in seen.erasures if one.done_at is None]
    took = sorted(_days(one, at) for one in seen.erasures if one.done_at is not None)
    return Answer(
        facts={
            "asked": len(seen.erasures),
            "done": len(took),
            "open": len(still),
            "median_days": took[len(took) // 2] if took else None,
            "longest_days": took[-1] if took else None,
        },
        tables={
            "erasures": [_line(one, at) for one in seen.erasures],
            "destroyed": [
                {"at": iso(one.at), "erasures": one.erasures, "rows": one.rows, "log_index": one.log_index}
                for one in seen.destroyed
            ],
            "retained": _retained(connection, seen),
            "ended": [
                {"at": iso(one.at), "fingerprints": one.fingerprints, "evidence": one.evidence} for one in seen.ended
            ],
        },
        findings=found(
            Found("erasures open for more than a month", len([one for one in late if one.done_at is None])),
            Found("erasures that took more than a month", len([one for one in late if one.done_at is not None])),
        ),
        advice="`passerelle erase --status` says where they are open; `passerelle erase --open` goes on with them.",
    )


def _line(one: Told, at: int) -> dict[str, Any]:
    kept = one.evidence is not None and one.evidence_gone_at is None
    return {
        "erasure": one.erasure,
        "state": "open" if one.done_at is None else "done",
        "cause": CAUSES.get(one.cause, one.cause),
        "asked_at": iso(one.asked_at),
        "heard_at": iso(one.heard_at),
        "due_at": iso(one.due_at),
        "done_at": iso(one.done_at),
        "days": _days(one, at),
        "evidence_sha256": one.evidence,
        "evidence_until": iso(one.destroy_after) if kept else None,
    }


def _retained(connection: Connection, seen: Overview) -> list[dict[str, Any]]:
    """What is still there because of erasures, and why."""
    sealed = [one for one in seen.erasures if one.evidence is not None and one.evidence_gone_at is None]
    last = connection.execute(select(func.count(), func.max(t.suppression.c.until))).one()
    lines = [
        {
            "what": "sealed evidence",
            "count": len(sealed),
            "why": "to answer legal claims (GDPR art. 17(3)(e)); only the data protection officer can open it",
            "until": iso(max((one.destroy_after or 0 for one in sealed), default=None)),
        },
        {
            "what": "fingerprints",
            "count": int(last[0]),
            "why": "so that a source that still has the person does not bring them back (GDPR art. 17, 21)",
            "until": iso(last[1]),
        },
        {
            "what": "blinded leaves in the log",
            "count": sum(one.people for one in seen.erasures if one.done_at is not None),
            "why": "so that every proof verifies; nobody can open them, or tell whose they are",
            "until": None,
        },
    ]
    return [line for line in lines if line["count"]]


def _days(one: Told, at: int) -> float:
    return round(((one.done_at or at) - one.asked_at) / _DAY, 2)
