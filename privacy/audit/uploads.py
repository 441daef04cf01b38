"""`audit uploads`: every batch that went to a platform, on what basis, and what the platform said of it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, select

from passerelle.privacy.audit.answer import Answer, Found, Line, found
from passerelle.privacy.audit.entries import said
from passerelle.privacy.audit.known import Known
from passerelle.privacy.audit.rulebook import policy_by_digest
from passerelle.privacy.audit.times import iso
from passerelle.privacy.consent.documents import last_policy
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Action, Destination, Purpose

Identifiers = Callable[[str, list[str]], Mapping[str, str]]
"""Of a platform's wire columns, each identifier and its form on the wire."""

COUNTS = ("rows", "accepted", "rejected", "pending")


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Which batches are asked about; None: all."""

    destination: str | None = None
    audience: str | None = None
    since: int | None = None
    until: int | None = None


def uploads(known: Known, narrowed: Narrowed, identifiers: Identifiers) -> Answer:
    """Every batch, oldest first. As of then: batches not settled by then stand as pending.

    The sums leave out superseded batches: their people were sent again in another one.
    """
    lines = batches(known, narrowed, identifiers)
    sent = [line for line in lines if line["state"] != "superseded"]
    sums = {name: sum(line[name] for line in sent) for name in COUNTS}
    lost = sum(line["action"] == Action.ADD.value and not line["basis"] for line in lines)
    return Answer(
        facts={"batches": len(lines), **sums},
        tables={"uploads": lines},
        findings=found(
            Found("additions rest on no rule of the policy they were decided by", lost),
            Found(
                "rows are not accounted for", abs(sums["rows"] - sums["accepted"] - sums["rejected"] - sums["pending"])
            ),
        ),
        advice="`passerelle audit verify` tells whether the store was changed.",
    )


def batches(known: Known, narrowed: Narrowed, identifiers: Identifiers) -> list[Line]:
    """A line per batch: what it did, for which purpose and on what basis, how it ended, the platform's names for it."""
    b, r = t.batch, t.remote_audience
    place = and_(r.c.destination == b.c.destination, r.c.audience == b.c.audience)
    wanted = select(b, r.c.platform, r.c.purpose, r.c.columns).select_from(b.join(r, place, isouter=True))
    wanted = wanted.where(b.c.log_index < known.log_size, *_where(narrowed)).order_by(b.c.log_index)
    bodies = {e.log_index: e.body for e in said(known.connection, "batch", below=known.log_size)}
    decided = {e.log_index: e.body.get("policy") for e in said(known.connection, "decisions", below=known.log_size)}
    bases = _Bases(known)
    return [
        _line(known, dict(row), bodies.get(row["log_index"], {}), decided, bases, identifiers)
        for row in known.connection.execute(wanted).mappings()
    ]


def _where(narrowed: Narrowed) -> list[Any]:
    b, where = t.batch.c, []
    if narrowed.destination is not None:
        where.append(b.destination == narrowed.destination)
    if narrowed.audience is not None:
        where.append(b.audience == narrowed.audience)
    if narrowed.since is not None:
        where.append(b.intended_at >= narrowed.since)
    if narrowed.until is not None:
        where.append(b.intended_at < narrowed.until)
    return where


def _line(
    known: Known,
    row: Mapping[str, Any],
    body: Mapping[str, Any],
    decided: Mapping[int, Any],
    bases: "_Bases",
    identifiers: Identifiers,
) -> Line:
    plain = ("batch_id", "run_id", "destination", "platform", "audience", "action", "replacement")
    columns = body.get("columns") or json.loads(row["columns"] or "[]")
    purpose = body.get("purpose") or row["purpose"]
    adds = row["action"] == Action.ADD.value
    policy = decided.get(body.get("decisions", -1))
    ended = row["settled_at"] is not None and row["settled_at"] <= known.at
    told = json.loads(row["receipt"] or "{}") if ended or not known.past else {}
    return {
        **{name: row[name] for name in plain},
        "purpose": purpose,
        "basis": bases.of(policy, row["log_index"], purpose, row["platform"]) if adds else [],
        "policy": policy,
        "identifiers": dict(identifiers(row["platform"] or "", columns)),
        "api_version": (told.get("request") or {}).get("api_version"),
        **_counts(row, ended=ended or not known.past),
        "intended_at": iso(row["intended_at"]),
        "settled_at": iso(row["settled_at"]) if ended else None,
        "log_index": row["log_index"],
        "receipt": told,
    }


def _counts(row: Mapping[str, Any], *, ended: bool) -> Line:
    """As the receipts say; before they came, all of it was pending."""
    if not ended:
        return {"state": "accepted", "rows": row["rows"], "accepted": 0, "rejected": 0, "pending": row["rows"]}
    return {"state": row["state"], **{name: row[name] for name in COUNTS}}


class _Bases:
    """The lawful bases that a policy gives, looked up once per policy, purpose and platform."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._found: dict[tuple[str | None, str, str], list[str]] = {}

    def of(self, digest: str | None, log_index: int, purpose: str | None, platform: str | None) -> list[str]:
        """`consent`, `legitimate_interest`, both (by jurisdiction) or neither."""
        if purpose is None or platform is None:
            return []
        digest = digest or last_policy(self._known.connection, log_index)
        key = (digest, purpose, platform)
        if key not in self._found:
            policy = policy_by_digest(self._known.connection, digest) if digest else None
            rules = policy.rules_for(Purpose(purpose), Destination(platform)) if policy else ()
            self._found[key] = sorted({rule.lawful_basis for rule in rules})
        return self._found[key]
