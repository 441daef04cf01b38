"""One statement of consent, as a website, a form or a line of a file says it."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from passerelle.privacy.errors import DefinitionError

MOST_NAMED = 20
"""How many wrong lines are named one by one."""


class ConsentStatement(BaseModel):
    """Who said what, when, about which purpose, having read which notice. The columns of `consent import`.

    A person is named by `subject_ref`, or by one or more of `email`, `phone`, `external_id`; somebody unknown becomes
    known. Times are ISO 8601 with their zone (`2026-02-03T10:12:00Z`), or a bare day, which is that UTC day.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    subject_ref: str | None = Field(None, description="Our pseudonym of the person, instead of an identifier.")
    email: str | None = Field(None, repr=False, description="E-mail address of the person.")
    phone: str | None = Field(None, repr=False, description="Phone number, with country code or that of `country`.")
    external_id: str | None = Field(None, repr=False, description="The person's id in your systems.")
    country: str | None = Field(None, description="Where the person is, such as FR; left out, nothing is said of it.")
    purpose: str | None = Field(None, description="What for, such as `ad_list_matching`.")
    state: str | None = Field(
        None, description="`given`, `renewed`, `refused`, `withdrawn`, `expired` …, or the W3C DPV name."
    )
    at: str | None = Field(None, description="When it was said: a time with its zone, or a day.")
    recorded_at: str | None = Field(None, description="When the source recorded it.")
    valid_until: str | None = Field(None, description="When it ends, if that was said.")
    notice: str | None = Field(None, description="The notice that was shown: `id@version`.")
    recipients: str | None = Field(
        None, description="Platforms that the person chose, separated by spaces; left out: all that the notice names."
    )
    grade: str | None = Field(
        None, description="Evidence: A (notice, time, method), B (notice or time), C. Never more than what is given."
    )
    source: str | None = Field(None, description="Where it comes from, such as `website`.")
    scope: str | None = Field(None, description="Part of the source, where one later statement replaces another.")
    method: str | None = Field(None, description="How it was said, such as `web_form`.")
    channel: str | None = Field(
        None, description="`web`, `email`, `sms` …, where it is not about the very purpose: it can only refuse then."
    )
    stop: str | None = Field(
        None, description="A hard stop that a refusal imposes or a yes lifts: `objection`, `opt_out`, `under_age`."
    )
    expression: str | None = Field(None, description="`explicit`, `implicit`, or `two_step`: confirmed once more.")

    @field_validator("recipients", mode="before")
    @classmethod
    def _joined(cls, value: object) -> object:
        return " ".join(value) if isinstance(value, list) and all(isinstance(one, str) for one in value) else value


FIELDS = tuple(ConsentStatement.model_fields)
IDENTIFIERS = ("email", "phone", "external_id")


def statements_of(events: Iterable[Mapping[str, Any]]) -> list[ConsentStatement]:
    """The statements in JSON objects. Raises `DefinitionError` that names places and fields, never a value."""
    found, wrong = [], []
    for place, event in enumerate(events, 1):
        try:
            found.append(ConsentStatement.model_validate(event, strict=True))
        except ValidationError as problem:
            details = problem.errors(include_input=False, include_context=False, include_url=False)
            names = sorted({str(each["loc"][0]) for each in details if each["loc"]} & set(FIELDS))
            wrong.append(f"{place} ({', '.join(names) or 'unknown field'})")
    if wrong:
        raise DefinitionError(
            f"{len(wrong)} events are not shaped as consent statements: number {'; '.join(wrong[:MOST_NAMED])}.",
            advice="`passerelle consent import --help` names the fields; all of them are text.",
        )
    return found
