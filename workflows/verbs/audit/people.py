"""`audit person · why`: what is held of one person, and what justified or blocked them."""

from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.verbs.audit.asof import AsOfRequest
from passerelle.workflows.verbs.audit.question import Asked, Card, Columns, Question
from passerelle.workflows.verbs.contract import AnyVerb
from passerelle.workflows.verbs.person import PersonRequest, known

if TYPE_CHECKING:
    from passerelle.privacy.audit.answer import Answer, Line
    from passerelle.privacy.audit.why import Place
    from passerelle.workflows.workspace import Workspace

_WHERE = ("audience", "destination")


class PersonAudit(PersonRequest, AsOfRequest):
    """Whose file."""


class WhyRequest(PersonRequest, AsOfRequest):
    """Who, and where."""

    audience: str = Field(description="The audience.")
    destination: str = Field(description="The destination, by its name in passerelle.yaml.")
    at: str | None = Field(None, max_length=40, description="The same as --as-of.")

    @model_validator(mode="after")
    def _one_time(self) -> "WhyRequest":
        if self.at is not None and self.as_of is not None:
            raise ValueError("`at` and `as_of` mean the same: give one of them")
        return self

    def point(self) -> str | None:
        """The point in time or in the log that is asked about."""
        return self.as_of or self.at


def _person(asked: Asked[PersonAudit]) -> "Answer":
    from passerelle.privacy.audit.person import dossier

    subject_id = known(asked.workspace, asked.connection, asked.environment, asked.request)
    answer = dossier(asked.known(), asked.workspace.subjects(), subject_id)
    answer.tables["segments"] = _segments(asked, subject_id)
    return answer


def _segments(asked: Asked[PersonAudit], subject_id: int) -> "list[Line]":
    """Runs of segments that the person was in, as far as snapshots are kept and were made by then."""
    import numpy as np

    from passerelle.privacy.audit.consents import family
    from passerelle.workflows.snapshots.taking import shelf_of

    point = asked.known()
    ids = np.array(family(point.store, point.connection, subject_id), np.int64)
    found = shelf_of(asked.workspace).holding(ids)
    kept = {segment: [each.id for each in runs if each.made_at <= point.at] for segment, runs in found.items()}
    return [
        {"segment": segment, "runs": len(runs), "first": runs[0], "last": runs[-1]}
        for segment, runs in sorted(kept.items())
        if runs
    ]


def _why(asked: Asked[WhyRequest]) -> "Answer":
    from passerelle.privacy.audit.why import why

    place = _place(asked.workspace, asked.request)
    subject_id = known(asked.workspace, asked.connection, asked.environment, asked.request)
    return why(asked.known(), subject_id, place)


def _place(workspace: "Workspace", request: WhyRequest) -> "Place":
    from passerelle.privacy.audit.why import Place
    from passerelle.privacy.vocabulary import Destination
    from passerelle.workflows.settings.names import did_you_mean, listed

    audience = workspace.audiences.get(request.audience)
    plugged = workspace.destinations.get(request.destination)
    if audience is None or plugged is None:
        what, word, every = (
            ("audience", request.audience, list(workspace.audiences))
            if audience is None
            else ("destination", request.destination, list(workspace.destinations))
        )
        raise DefinitionError(
            f"There is no such {what}.{did_you_mean(word, every) or f' Known: {listed(sorted(every))}.'}"
        )
    return Place(request.audience, request.destination, Destination(plugged.kind), audience.purpose)


QUESTIONS = (
    Question(
        "person",
        "Show everything held, decided and sent of one person, with recipients and dates.",
        "an audience that the person is in and may not be",
        _person,
        (
            Columns("identifiers", "Held in the vault", ("field",), ("values",)),
            Columns(
                "events", "Consent events", ("event_id", "purpose", "state", "at"), (), ("stream", "notice", "heard_at")
            ),
            Columns("stops", "Hard stops", ("event_id", "purpose", "stop", "state", "heard_at")),
            Columns("standing", "How they stand", ("purpose", "destination", "allowed", "reason")),
            Columns("decisions", "Decisions, as last recorded", (*_WHERE, "decided_at", "allowed"), (), ("reason",)),
            Columns("sent", "Sent", (*_WHERE, "intended_at", "action", "state"), (), ("rejected",)),
            Columns("memberships", "Where they are", (*_WHERE, "state", "since")),
            Columns("owed", "Removals owed", (*_WHERE, "cause", "queued_at"), ("tries",), ("refusal",)),
            Columns("held_out", "Kept out by holdouts", ("audience", "since")),
            Columns("segments", "In segments, as far as snapshots are kept", ("segment", "first", "last"), ("runs",)),
            Columns("erasures", "Erasures", ("erasure_id", "cause", "state", "requested_at", "done_at")),
            Columns("probably_also", "Probably the same as others", ("source", "found_at", "let_go_at"), ("score",)),
        ),
        PersonAudit,
    ),
    Question(
        "why",
        "Show which consent, text and policy justified or blocked one person in one audience.",
        "a person who is there and may not be",
        _why,
        (
            Card("event", "Event"),
            Card("notice", "Notice"),
            Card("policy", "Policy"),
            Card("recorded", "Recorded decision"),
            Card("last_upload", "Last upload"),
        ),
        WhyRequest,
    ),
)

VERBS: list[AnyVerb] = [question.verb() for question in QUESTIONS]
