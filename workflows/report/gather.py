"""What the report is made of: the auditor's questions, asked once, of one consistent state of the store."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from passerelle.privacy.audit.answer import Answer, Found, Line, found
from passerelle.privacy.audit.coverage import consents, expired
from passerelle.privacy.audit.erasures import erasures
from passerelle.privacy.audit.known import Known
from passerelle.privacy.audit.latency import withdrawals
from passerelle.privacy.audit.past import hindsight
from passerelle.privacy.audit.rulebook import changes, rules_of
from passerelle.privacy.audit.times import iso
from passerelle.privacy.audit.unlawful import unlawful
from passerelle.privacy.audit.uploads import Narrowed, uploads
from passerelle.privacy.audit.work import freshness
from passerelle.privacy.store import tables as t
from passerelle.workflows.audit.record import recipients
from passerelle.workflows.audit.vendors import vendors
from passerelle.workflows.audit.wire import identifiers

if TYPE_CHECKING:
    from passerelle.workflows.workspace import Workspace

_HOUR = 3_600_000_000


@dataclass(frozen=True, slots=True)
class LogState:
    """How far the log has come, what vouches for it, and whether it was computed again just now."""

    origin: str
    size: int
    root: str
    verifier: str
    checkpoint: str
    checkpoint_size: int
    signed_at: str | None
    verified: bool | None
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything that the page shows. `at` is an ISO 8601 time; `answers` are by the name of their section."""

    at: str
    past: bool
    limit_hours: int
    answers: Mapping[str, Answer]
    rules: list[Line]
    policy: Line
    notices: list[Line]
    log: LogState

    @property
    def findings(self) -> list[tuple[str, Found]]:
        """Every finding, with its section."""
        told = [(name, one) for name, answer in self.answers.items() for one in answer.findings]
        problems = Found("rows or entries of the store are not what the log says", len(self.log.problems))
        return [*told, *(("log", one) for one in found(problems))]


def gather(workspace: "Workspace", known: Known, *, limit_hours: int, verify: bool) -> Gathered:
    """Ask everything. With `verify`, the whole log is computed again."""
    policy = known.policy
    return Gathered(
        at=iso(known.at) or "",
        past=known.past,
        limit_hours=limit_hours,
        answers={
            "record": recipients(workspace, policy),
            "vendors": vendors(workspace),
            "consents": consents(known, None, None),
            "expired": expired(known),
            "uploads": uploads(known, Narrowed(), identifiers),
            "withdrawals": _withdrawals(known, limit_hours),
            "debt": _debt(known),
            "unlawful": _unlawful(known),
            "erasures": erasures(known.connection, log_size=known.log_size, at=known.at),
            "freshness": freshness(known),
        },
        rules=rules_of(policy),
        policy={
            "version": policy.version,
            "digest": policy.digest,
            "title": policy.title,
            "approvers": list(policy.approvers),
            "changes": changes(known.connection, known.log_size),
        },
        notices=_notices(known),
        log=_log(workspace, known, verify=verify),
    )


def _withdrawals(known: Known, limit: int) -> Answer:
    said = withdrawals(known, limit_hours=limit)
    names = ("confirmed", "median_hours", "p95_hours", "worst_hours", "late", "open", "overdue", "oldest_open_hours")
    return Answer(
        facts={name: getattr(said, name) for name in names},
        tables={"causes": said.causes},
        findings=found(
            Found("people were out later than the limit after their no was heard", said.late),
            Found("people are still there although the limit has passed since their no was heard", said.overdue),
        ),
    )


def _debt(known: Known) -> Answer:
    """Removals owed now. Of the past only what receipts say is kept: see the open withdrawals."""
    r = t.removal.c
    by = (r.audience, r.destination, r.cause)
    sums = select(*by, func.count().label("people"), func.min(r.queued_at).label("oldest")).group_by(*by).order_by(*by)
    lines = [
        {**{name: row[name] for name in ("audience", "destination", "cause", "people")}, "hours": _hours(known, row)}
        for row in known.connection.execute(sums.where(r.queued_at <= known.at)).mappings()
    ]
    return Answer(facts={"people": sum(line["people"] for line in lines)}, tables={"owed": lines})


def _hours(known: Known, row: Any) -> float:  # noqa: ANN401 - a row of the query above
    return round(float(known.at - row["oldest"]) / _HOUR, 1)


def _unlawful(known: Known) -> Answer:
    now, past = unlawful(known), hindsight(known)
    members, wrong = sum(one.members for one in now), sum(one.unlawful for one in now)
    undecided = sum(one.undecided for one in now)
    names = ("audience", "destination", "purpose", "members", "unlawful", "owed", "undecided")
    return Answer(
        facts={
            "members": members,
            "unlawful": wrong,
            "undecided": undecided,
            "uploads_judged": past.batches,
            "people_judged": past.judged,
            "wrong_then": past.wrong_then,
            "wrong_now": past.late,
        },
        tables={"audiences": [{name: getattr(one, name) for name in names} for one in now]},
        findings=found(
            Found("members have no valid decision", wrong),
            Found("members have no recorded decision that let them in", undecided),
            Found("people were sent whom the gate would not have allowed by what was known then", past.wrong_then),
        ),
    )


def _notices(known: Known) -> list[Line]:
    c = t.consent_event.c
    counts = (
        select(c.notice, func.count()).where(c.log_index < known.log_size, c.notice.is_not(None)).group_by(c.notice)
    )
    resting = {row.notice: int(row[1]) for row in known.connection.execute(counts)}
    return [
        {
            "notice": reference,
            "language": version.language,
            "text": version.text,
            "purposes": [one.value for one in version.purposes],
            "recipients": [one.value for one in version.recipients],
            "valid_from": version.valid_from.isoformat(),
            "valid_to": version.valid_to.isoformat() if version.valid_to else None,
            "statements": resting.get(reference, 0),
        }
        for reference, version in sorted(known.gate.notice_versions(known.connection).items())
    ]


def _log(workspace: "Workspace", known: Known, *, verify: bool) -> LogState:
    log, c = workspace.log(), t.log_checkpoint.c
    newest = select(t.log_checkpoint).where(c.size <= known.log_size).order_by(c.size.desc()).limit(1)
    row = known.connection.execute(newest).first()
    checked = log.verify(known.connection) if verify and known.log_size else None
    return LogState(
        origin=log.origin,
        size=known.log_size,
        root=log.root(known.connection, known.log_size).hex() if known.log_size else "",
        verifier=log.verifier.text,
        checkpoint=row.note if row else "",
        checkpoint_size=row.size if row else 0,
        signed_at=iso(row.signed_at) if row else None,
        verified=None if checked is None else checked.ok,
        problems=[] if checked is None else list(checked.problems),
    )
