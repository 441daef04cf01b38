"""How a verb is told whom it is about: by a pseudonym, or by an identifier from standard input or a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.verbs.contract import Environment, Request

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from passerelle.workflows.workspace import Workspace

_LONGEST = 1_024


class PersonRequest(Request):
    """Whom it is about. Without `subject_ref`, the identifier is one line of standard input, or of `file`."""

    subject_ref: str | None = Field(None, pattern=r"^[a-z0-9]{1,40}$", description="Our pseudonym of the person.")
    field: Literal["email", "phone", "external_id"] = Field("email", description="What the identifier is.")
    file: Path | None = Field(None, description="File whose first line is the identifier; by default standard input.")
    country: str | None = Field(None, description="Country of a phone number without country code, such as FR.")

    @model_validator(mode="after")
    def _one_way(self) -> "PersonRequest":
        if self.subject_ref is not None and self.file is not None:
            raise ValueError("name the person by `subject_ref` or by `file`, not by both")
        return self


def read_person(environment: Environment, request: PersonRequest) -> dict[str, str | None]:
    """The fields of a statement that name the person."""
    if request.subject_ref is not None:
        return {"subject_ref": request.subject_ref}
    return {request.field: _identifier(environment, request), "country": request.country}


def known(workspace: "Workspace", connection: "Connection", environment: Environment, request: PersonRequest) -> int:
    """The person's id today. Raises `DefinitionError` where nobody is known by that."""
    from passerelle.privacy.vocabulary import Field as Identifier

    subjects = workspace.subjects()
    if request.subject_ref is not None:
        found = subjects.by_ref(connection, request.subject_ref)
    else:
        country = request.country or workspace.settings.default_country
        found = subjects.find(connection, Identifier(request.field), _identifier(environment, request), country)
    if found is None:
        raise DefinitionError("Nobody is known by that.", advice="Check the identifier and --field.")
    return int(found)


def _identifier(environment: Environment, request: PersonRequest) -> str:
    try:
        if request.file is not None:
            with request.file.open("rb") as file:
                raw = file.readline(_LONGEST + 1)
        else:
            raw = environment.stdin.readline(_LONGEST + 1)
        text = raw.decode("utf-8-sig").strip()
    except OSError as problem:
        raise DefinitionError(f"The file with the identifier cannot be read: {problem.strerror}.") from None
    except UnicodeDecodeError:
        raise DefinitionError("The identifier is not UTF-8 text.") from None
    if not text or len(raw) > _LONGEST:
        raise DefinitionError(
            "One line with an identifier is needed.",
            advice="Give it on standard input or with --file, or --subject-ref.",
        )
    return text
