"""`audit person · why`: what is held of one person, and what justified or blocked them."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from pydantic import Field

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.verbs.audit.words import Line, asked_moment, shown
from passerelle.workflows.verbs.contract import AnyVerb, Environment, Result, Verb
from passerelle.workflows.verbs.person import PersonRequest, known

if TYPE_CHECKING:
    from passerelle.privacy.audit.why import Place
    from passerelle.workflows.workspace import Workspace


class PersonAudit(PersonRequest):
    """Whose file."""


class PersonResult(Result):
    """Everything held, decided and sent of one person. Holds no identifier: fields are counted."""

    subject: Line = Field(default_factory=dict)
    identifiers: dict[str, int] = Field(default_factory=dict, description="How many values of each field are held.")
    events: list[Line] = Field(default_factory=list, description="Consent events, as they were heard.")
    decisions: list[Line] = Field(default_factory=list, description="The last decision per audience and destination.")
    sent: list[Line] = Field(default_factory=list, description="Every batch they were in, with recipient and dates.")
    memberships: list[Line] = Field(default_factory=list, description="Where they are now, by our receipts.")
    owed: list[Line] = Field(default_factory=list, description="Removals that are owed.")
    held_out: list[Line] = Field(default_factory=list, description="Holdouts they were kept in.")


class WhyRequest(PersonRequest):
    """Who, and where."""

    audience: str = Field(description="The audience.")
    destination: str = Field(description="The destination, by its name in passerelle.yaml.")
    at: str | None = Field(
        None, description="As of then, by what was known then: 2026-03-01T00:00:00Z. By default now."
    )


class WhyResult(Result):
    """What justified or blocked one person in one audience."""

    subject_ref: str = ""
    audience: str = ""
    destination: str = ""
    purpose: str = ""
    answer: Line = Field(default_factory=dict, description="Allowed or not, and why.")
    event: Line | None = Field(None, description="The consent event it rests on.")
    notice: Line | None = Field(None, description="The notice version: digest, text, named recipients.")
    policy: Line = Field(default_factory=dict, description="The policy's version and digest, and the log's size.")
    recorded: Line | None = Field(None, description="The last decision that was kept here.")
    last_upload: Line | None = Field(None, description="The last batch here that the person was in.")


def _person(environment: Environment, request: PersonAudit) -> PersonResult:
    from passerelle.privacy.audit.person import dossier
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace, workspace.store().read() as connection:
        subject_id = known(workspace, connection, environment, request)
        found = dossier(workspace.store(), workspace.subjects(), connection, subject_id)
    return PersonResult(**asdict(found))


def _why(environment: Environment, request: WhyRequest) -> WhyResult:
    import pyarrow as pa

    from passerelle.privacy.audit.why import why
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace, workspace.store().read() as connection:
        place = _place(workspace, request)
        subject_id = known(workspace, connection, environment, request)
        found = why(
            workspace.store(),
            workspace.log(),
            workspace.gate(),
            connection,
            subject_id,
            place,
            at=asked_moment(request.at) if request.at else environment.now(),
            past=request.at is not None,
        )
        ref = workspace.subjects().refs(connection, pa.array([subject_id], pa.int64()))[0].as_py()
    return WhyResult(
        subject_ref=ref,
        audience=place.audience,
        destination=place.destination,
        purpose=place.purpose.value,
        **asdict(found),
    )


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


VERBS: list[AnyVerb] = [
    Verb(
        name="audit person",
        help="Show everything held, decided and sent of one person, with recipients and dates.",
        request=PersonAudit,
        result=PersonResult,
        run=_person,
        render=shown("person"),
    ),
    Verb(
        name="audit why",
        help="Show which consent, text and policy justified or blocked one person in one audience.",
        request=WhyRequest,
        result=WhyResult,
        run=_why,
        render=shown("why"),
    ),
]
