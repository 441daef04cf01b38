"""`audit freshness` and `audit access`: how old what we know is, and who ran what, for which reason."""

import json
from typing import Any

from sqlalchemy import select

from passerelle.privacy.audit.answer import Answer, Found, Line, found
from passerelle.privacy.audit.entries import said
from passerelle.privacy.audit.known import Known
from passerelle.privacy.audit.times import iso
from passerelle.privacy.store import tables as t

_HOUR = 3_600_000_000
_SECOND = 1_000_000
STALE = "consent_stale"
SHOWN = 500
"""Runs and operator's actions are listed up to so many, the newest first; all are counted."""


def freshness(known: Known) -> Answer:
    """Per source: the last pull, how old what it told is, what the policy allows; and runs that were refused for it.

    Sources keep only their last position, so their lines are of now, whatever the question is about.
    """
    limits = known.policy.fresh()
    rows = known.connection.execute(select(t.cursor).order_by(t.cursor.c.source, t.cursor.c.resource)).mappings().all()
    lines = [_cursor(dict(row), limits.get(row["source"]), known.at) for row in rows]
    pulled = {row["source"] for row in rows}
    lines += [
        {"source": name, "resource": None, "limit_hours": limit * _SECOND / _HOUR, "state": "never pulled"}
        for name, limit in sorted(limits.items())
        if name not in pulled
    ]
    refused = [line for line in _runs(known) if line["outcome"] == STALE or line["stale"]]
    stale = sum(line["state"] in {"stale", "never pulled"} for line in lines)
    return Answer(
        facts={"mandatory_sources": len(limits), "runs_refused": len(refused), "kept_as_of": "now"},
        tables={"sources": lines, "refused": refused[:SHOWN]},
        findings=found(Found("sources of consent are older than the policy allows", stale)),
        advice="Run `passerelle pull`; until then nobody is added, and removals go out.",
    )


def _cursor(row: Line, limit: int | None, at: int) -> Line:
    seen = row["watermark"]
    age = None if seen is None else (at - seen) / _HOUR
    hours = None if limit is None else limit * _SECOND / _HOUR
    stale = hours is not None and (age is None or age > hours)
    return {
        "source": row["source"],
        "resource": row["resource"],
        "pulled_at": iso(row["updated_at"]),
        "known_until": iso(seen),
        "age_hours": None if age is None else round(age, 2),
        "limit_hours": hours,
        "state": "stale" if stale else "fresh" if hours is not None else "no limit",
    }


def access(known: Known) -> Answer:
    """Every run that changed something, and every action of an operator that the log tells, with its reason."""
    runs, acts = _runs(known), _acts(known)
    by_verb: dict[tuple[str, str], int] = {}
    for line in runs:
        key = (line["verb"], line["outcome"] or "unfinished")
        by_verb[key] = by_verb.get(key, 0) + 1
    counts = [{"verb": verb, "outcome": outcome, "runs": count} for (verb, outcome), count in sorted(by_verb.items())]
    silent = sum(not line["reason"] for line in acts)
    return Answer(
        facts={"runs": len(runs), "operator_actions": len(acts)},
        tables={"verbs": counts, "operators": acts[:SHOWN], "runs": runs[:SHOWN]},
        findings=found(Found("actions of an operator have no reason", silent)),
        advice="Ask whoever acted for the reason, and keep it with the record of processing.",
    )


def _acts(known: Known) -> list[Line]:
    """What people did by hand: consents recorded, identities looked up, keys used. The newest first."""
    acts = []
    for entry in said(known.connection, "operator", below=known.log_size):
        body = entry.body
        known_words = {"actor", "reason", "action"}
        acts.append(
            {
                "at": iso(entry.at),
                "actor": body.get("actor"),
                "action": body.get("action"),
                "reason": body.get("reason"),
                "log_index": entry.log_index,
                "more": {name: value for name, value in body.items() if name not in known_words},
            }
        )
    return acts[::-1]


def _runs(known: Known) -> list[Line]:
    r = t.run.c
    wanted = select(t.run).where(r.started_at <= known.at).order_by(r.started_at.desc(), r.run_id.desc())
    return [_run(dict(row), known.at) for row in known.connection.execute(wanted).mappings()]


def _run(row: Line, at: int) -> Line:
    ended = row["ended_at"] is not None and row["ended_at"] <= at
    result = _result(row["result"]) if ended else {}
    return {
        "run_id": row["run_id"],
        "verb": row["verb"],
        "started_at": iso(row["started_at"]),
        "ended_at": iso(row["ended_at"]) if ended else None,
        "outcome": row["outcome"] if ended else None,
        "exit_code": row["exit_code"] if ended else None,
        "stale": result.get("stale") or [],
    }


def _result(text: str | None) -> dict[str, Any]:
    found = json.loads(text) if text else {}
    return found if isinstance(found, dict) else {}


def held_by(known: Known) -> dict[tuple[str, str], dict[str, int]]:
    """How often which guard held back which audience at which destination, by the runs' own results."""
    r, counts = t.run.c, dict[tuple[str, str], dict[str, int]]()
    wanted = select(r.result).where(r.ended_at <= known.at, r.result.is_not(None), r.verb.in_(("plan", "sync")))
    for (text,) in known.connection.execute(wanted):
        for line in _result(text).get("audiences") or []:
            place = (str(line.get("audience")), str(line.get("destination")))
            for guard in line.get("held_by") or []:
                here = counts.setdefault(place, {})
                here[guard] = here.get(guard, 0) + 1
    return counts
