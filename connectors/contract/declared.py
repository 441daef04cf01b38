"""A record's shape as a workspace writes it: `grain`, `event` and `fields` of a source in YAML.

grain: person
fields:
  customer_id: {key: true, identifier: external_id}
  updated_at: {cursor: timestamp}
  ads_consent: {consent: {purpose: ad_list_matching, given: ["oui"], withdrawn: ["retiré"], at: ads_consent_at}}
  ads_consent_at: {detail: timestamp}
"""

import re
from dataclasses import replace
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from passerelle.connectors.contract.records import FieldShape, Shape, checked, field_shape
from passerelle.connectors.contract.roles import (
    Attribute,
    Consent,
    Cursor,
    Detail,
    EventName,
    EventTime,
    Identifier,
    Key,
    Kind,
    MergedInto,
    Role,
    Signal,
    Tombstone,
    states,
)
from passerelle.connectors.contract.source import SourceSettings
from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.vocabulary import Channel, Destination, EvidenceGrade, Purpose
from passerelle.privacy.vocabulary import Field as IdentifierField

RESERVED = frozenset({"subject_id", "event", "at"})
"""Columns that the lake writes itself."""


_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def one_or_several(value: object) -> str:
    """Which of the two a setting is that may be a word or a list of them."""
    return "several" if isinstance(value, list | tuple) else "one"


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ConsentRole(_Closed):
    """What a column says about one purpose. Values are compared without case and outer blanks."""

    purpose: Purpose = Field(description="What the person was asked about.")
    given: tuple[str, ...] = Field((), description="Values that mean yes. They grant only with enough evidence.")
    refused: tuple[str, ...] = Field((), description="Values that mean no.")
    withdrawn: tuple[str, ...] = Field((), description="Values that mean: yes once, no now.")
    silent: tuple[str, ...] = Field((), description="Values that say nothing, such as: did not opt out.")
    channel: Channel | None = Field(
        None, description="What the field is really about, where that is not the purpose: then it can only veto."
    )
    grade: EvidenceGrade = Field(
        EvidenceGrade.C,
        description="A: notice, time and mechanism are known. B: the time is. C: a bare flag, can only veto.",
    )
    at: str | None = Field(None, description="The field that says when.")
    refused_at: str | None = Field(None, description="The field that says when, of values that mean no.")
    recorded_at: str | None = Field(None, description="The field that says when the source wrote it down.")
    valid_until: str | None = Field(None, description="The field that says until when.")
    notice: str | None = Field(None, description="The field that names the notice as id@version, or that text itself.")
    recipients: tuple[Destination, ...] = Field((), description="Platforms named to the person; none: see the notice.")
    method: str | None = Field(None, max_length=80, description="How it was collected, such as `web_form`.")
    blank: Literal["ends", "says_nothing"] = Field(
        "ends", description="What it means that a field is blank where the same record said yes before."
    )

    def role(self) -> Consent:
        """As a role."""
        said = [value.strip().casefold() for value in (*self.given, *self.refused, *self.withdrawn, *self.silent)]
        if twice := sorted({value for value in said if said.count(value) > 1}):
            raise DefinitionError(f"The value {twice[0]!r} means two things.", path=("consent",))
        return Consent(
            purpose=self.purpose,
            states=states(self.given, self.refused, self.withdrawn),
            grade=self.grade,
            at=self.at,
            refused_at=self.refused_at,
            recorded_at=self.recorded_at,
            valid_until=self.valid_until,
            notice=self.notice,
            recipients=tuple(platform.value for platform in self.recipients),
            method=self.method,
            blank=self.blank,
            silent=_plain(self.silent),
            channel=self.channel,
        )


class SignalRole(_Closed):
    """A column that holds a signal of a browser or an app as text. It vetoes; what it grants, the policy must admit."""

    kind: Literal["tcf", "gpp", "gpc", "consent_mode"] = Field(description="Which signal it is.")
    at: str | None = Field(None, description="The field that says when it was seen.")
    blank: Literal["ends", "says_nothing"] = Field(
        "ends", description="What it means that a field is blank where the same record said yes before."
    )

    def role(self) -> Signal:
        """As a role."""
        return Signal(self.kind, self.at, self.blank)


_Identifiers = Annotated[
    Annotated[IdentifierField, Tag("one")] | Annotated[tuple[IdentifierField, ...], Tag("several")],
    Discriminator(one_or_several),
]
_Consents = Annotated[
    Annotated[ConsentRole, Tag("one")] | Annotated[tuple[ConsentRole, ...], Tag("several")],
    Discriminator(one_or_several),
]


class FieldRole(_Closed):
    """What one column is for. Several roles may stand together where they do not contradict each other."""

    key: Literal[True] | None = Field(None, description="The record's key at its source.")
    identifier: _Identifiers | None = Field(
        None, description="Tells who the person is; kept encrypted. A date of birth may name its three parts in a list."
    )
    consent: _Consents | None = Field(
        None, description="What the person agreed to or refused; a list where it speaks of several purposes."
    )
    signal: SignalRole | None = Field(None, description="Holds a TC string, a GPP string, a GPC flag or Consent Mode.")
    tombstone: Annotated[tuple[str, ...], Field(min_length=1)] | Literal[True] | None = Field(
        None, description="The record is deleted where this is true, or one of these values."
    )
    merged_into: Literal[True] | None = Field(None, description="Key of the record that this one was merged into.")
    cursor: Literal["timestamp", "date", "integer", "string"] | None = Field(
        None, description="Grows when the record changes; the next pull goes on from it."
    )
    attribute: Kind | None = Field(None, description="Used in segments, with this type.")
    event_name: Literal[True] | None = Field(None, description="Names what happened.")
    event_time: Literal[True] | None = Field(None, description="When it happened.")
    detail: Kind | None = Field(None, description="Read only because another field rests on it.")
    column: str | None = Field(None, min_length=1, description="The column's name at the source, where it differs.")

    def roles(self) -> tuple[Role, ...]:
        """As roles."""
        values = self.tombstone if isinstance(self.tombstone, tuple) else ()
        found: tuple[Role | None, ...] = (
            Key() if self.key else None,
            *(Identifier(field) for field in self._identifiers()),
            *(consent.role() for consent in self._consents()),
            None if self.signal is None else self.signal.role(),
            None if self.tombstone is None else Tombstone(_plain(values)),
            MergedInto() if self.merged_into else None,
            None if self.cursor is None else Cursor(Kind(self.cursor)),
            None if self.attribute is None else Attribute(self.attribute),
            EventName() if self.event_name else None,
            EventTime() if self.event_time else None,
            None if self.detail is None else Detail(self.detail),
        )
        return tuple(role for role in found if role is not None)

    def _identifiers(self) -> tuple[IdentifierField, ...]:
        if self.identifier is None:
            return ()
        return self.identifier if isinstance(self.identifier, tuple) else (self.identifier,)

    def _consents(self) -> tuple[ConsentRole, ...]:
        if self.consent is None:
            return ()
        return (self.consent,) if isinstance(self.consent, ConsentRole) else self.consent


class RecordSettings(SourceSettings):
    """Base of sources whose records are described in YAML."""

    grain: Literal["person", "event"] = Field(description="What one record is: a person, or something that happened.")
    event: str | None = Field(
        None,
        pattern=r"^[a-z0-9_]{1,64}$",
        description="The event's name, where every record is the same kind of event.",
    )
    fields: dict[str, FieldRole] = Field(min_length=1, description="Column to role. Only named columns are read.")
    timezone: str | None = Field(None, description="Zone of times that say none; by default the workspace's.")

    @model_validator(mode="after")
    def _means_something(self) -> Self:
        self.shape()
        return self

    def shape(self) -> Shape:
        """The shape of its records. Raises `DefinitionError` with the path of the field at fault."""
        return checked(Shape(self.grain, tuple(_field(name, role) for name, role in self.fields.items()), self.event))

    def nested(self) -> Shape:
        """The shape, where a column such as emails.0.value stands within another."""
        shape = self.shape()
        return Shape(shape.grain, tuple(map(_nested, shape.fields)), shape.event)


def _field(name: str, settings: FieldRole) -> FieldShape:
    roles = settings.roles()
    if not roles:
        raise DefinitionError(
            f"{name} has no role.", advice="Give it one, or leave it out: it is then not read.", path=("fields", name)
        )
    if settings.attribute is not None and not _NAME.fullmatch(name):
        raise DefinitionError(
            f"An attribute cannot be called {name}: segments know names of a-z, 0-9 and _ only.",
            advice=f"Choose such a name and say where it stands: `column: {name}`.",
            path=("fields", name),
        )
    if settings.attribute is not None and name in RESERVED:
        raise DefinitionError(
            f"An attribute cannot be called {name}: the lake writes that column itself.",
            advice=f"Choose another name and say where it stands: `column: {name}`.",
            path=("fields", name),
        )
    return field_shape(name, roles, asked=settings.column)


def _nested(field: FieldShape) -> FieldShape:
    parts = tuple(int(part) if part.isdigit() else part for part in field.asked.split("."))
    return replace(field, asked=str(parts[0]), path=parts if len(parts) > 1 else ())


def _plain(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({value.strip().casefold() for value in values}))
