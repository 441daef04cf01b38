"""The policy as it stood: which version was in force at a size of the log, and each version there ever was."""

from sqlalchemy import Connection, or_, select

from passerelle.privacy.audit.answer import Line
from passerelle.privacy.audit.entries import said
from passerelle.privacy.audit.times import iso
from passerelle.privacy.consent import Policy
from passerelle.privacy.store import tables as t


def policy_by_digest(connection: Connection, digest: str) -> Policy | None:
    """A version of the policy that is on file."""
    c = t.document.c
    body = connection.scalar(select(c.body).where(c.kind == "policy", c.digest == digest))
    return None if body is None else Policy.model_validate_json(body)


def rules_of(policy: Policy) -> list[Line]:
    """The rules, one line each, as the policy writes them."""
    return [
        {
            "purpose": rule.purpose.value,
            "destinations": [one.value for one in rule.destinations],
            "jurisdictions": list(rule.jurisdictions),
            "lawful_basis": rule.lawful_basis,
            "evidence": rule.evidence.grade.value,
            "validity_days": rule.validity_days,
            "minimum_size": rule.minimum_size,
            "minimum_age": rule.minimum_age,
            "balancing_test": rule.balancing_test,
        }
        for rule in policy.rules
    ]


def changes(connection: Connection, log_size: int) -> list[Line]:
    """Every change of the policy that the log knows, oldest first: when, which version, in which run, who approves.

    Passerelle does not know who wrote the file: the version says who may, and the run when it was first used.
    """
    found = []
    for entry in said(connection, "policy", below=log_size):
        digest = str(entry.body.get("digest", ""))
        policy = policy_by_digest(connection, digest)
        found.append(
            {
                "since": iso(entry.at),
                "version": None if policy is None else policy.version,
                "digest": digest,
                "log_index": entry.log_index,
                "run_id": _run_at(connection, entry.at),
                "approvers": [] if policy is None else list(policy.approvers),
                "rules": 0 if policy is None else len(policy.rules),
            }
        )
    return found


def _run_at(connection: Connection, at: int) -> str | None:
    """The last run that had begun by then and had not ended before."""
    r = t.run.c
    wanted = select(r.run_id).where(r.started_at <= at, or_(r.ended_at.is_(None), r.ended_at >= at))
    return connection.scalar(wanted.order_by(r.started_at.desc()).limit(1))


def differences(old: Policy, new: Policy) -> list[Line]:
    """What changed from `old` to `new`: a line per word of a rule, purpose, destination and jurisdiction."""
    before, after = _cells(old), _cells(new)
    lines = []
    for key in sorted(before.keys() | after.keys()):
        was, is_ = before.get(key, {}), after.get(key, {})
        for what in sorted(was.keys() | is_.keys()):
            if was.get(what) != is_.get(what):
                about = dict(zip(("purpose", "destination", "jurisdiction"), key, strict=True))
                lines.append({**about, "what": what, "was": was.get(what), "is": is_.get(what)})
    return lines


_KEYS = ("purpose", "destinations", "jurisdictions")


def _cells(policy: Policy) -> dict[tuple[str, str, str], Line]:
    cells: dict[tuple[str, str, str], Line] = {("", "", ""): {"approvers": list(policy.approvers)}}
    cells["", "", ""] |= {f"freshness {name}": seconds for name, seconds in policy.freshness.items()}
    for rule in rules_of(policy):
        terms = {name: value for name, value in rule.items() if name not in _KEYS and value is not None}
        for destination in rule["destinations"]:
            for place in rule["jurisdictions"]:
                cells[rule["purpose"], destination, place] = terms
    return cells
