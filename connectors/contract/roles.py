"""What a field of a record is for. A field without a role is not read at all.

Roles are values: `Annotated[str | None, Identifier(Field.EMAIL)]` in a typed record, `identifier: email` in YAML.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from passerelle.privacy.vocabulary import ADS, Channel, ConsentState, EvidenceGrade, Field, Purpose


class Kind(StrEnum):
    """The type of a value once it is cast. `money` is int64 minor units (cents); `timestamp` is UTC microseconds."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    MONEY = "money"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"


Grain = Literal["person", "event"]
"""What one record is: the state of a person, or something that happened to one."""


@dataclass(frozen=True, slots=True)
class Key:
    """The record's key at its source. Several fields make a compound key."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """Tells who the person is. Goes to the vault, never to the lake.

    `own`: a number that the source gave by itself and that means nothing elsewhere, so that another source's 42 is
    somebody else. The person is then known by it together with the source's name.
    """

    field: Field
    own: bool = False


@dataclass(frozen=True, slots=True)
class Consent:
    """What the person said about one purpose. Values are compared without case and outer blanks.

    `states` maps values to states; a value that is not there means `ConsentUnknown`, which never permits. A blank that
    is not there says nothing, but that a yes of the same record is over, where `blank` is `ends`; so does each value
    of `silent`: that somebody did not opt out, for one, says nothing.

    `at`, `recorded_at`, `valid_until` name fields of this record; `refused_at` is of what does not permit, where that
    has a time of its own; `notice` names a field, or is `id@version` itself.
    `recipients` are destinations' platforms; none means those of the notice. `channel` is what the field is really
    about, where that is not the purpose: then it only vetoes, and a later dated yes ends the veto and grants nothing.
    """

    purpose: Purpose
    states: Mapping[str, ConsentState]
    grade: EvidenceGrade = EvidenceGrade.C
    at: str | None = None
    recorded_at: str | None = None
    valid_until: str | None = None
    notice: str | None = None
    recipients: tuple[str, ...] = ()
    method: str | None = None
    blank: Literal["ends", "says_nothing"] = "ends"
    silent: tuple[str, ...] = ()
    channel: Channel | None = None
    refused_at: str | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """Other fields of the record that this one rests on."""
        named = [self.at, self.refused_at, self.recorded_at, self.valid_until]
        if self.notice is not None and "@" not in self.notice:
            named.append(self.notice)
        return tuple(name for name in named if name is not None)


@dataclass(frozen=True, slots=True)
class Signal:
    """Holds a signal about the person's browser or app, as text: a TC or GPP string, a GPC flag, a Consent Mode state.

    `kind` is its name in the registry of signals; `at` names the field that says when it was seen.
    """

    kind: str
    at: str | None = None
    blank: Literal["ends", "says_nothing"] = "ends"

    @property
    def needs(self) -> tuple[str, ...]:
        """Other fields of the record that this one rests on."""
        return () if self.at is None else (self.at,)


@dataclass(frozen=True, slots=True)
class Tombstone:
    """Says that the record is deleted at its source: a true boolean, or one of `values`."""

    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MergedInto:
    """Holds the key of the record that this one was merged into; blank for a record that stands.

    Where the vendor says it the other way round, `listed` is what stands between the keys of all the records that were
    merged into this one: a reader of pages makes a row of each of them (`merges.py`).
    """

    listed: str = ""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Grows when the record changes: where the next pull goes on, and which of two versions is newer."""

    kind: Kind = Kind.TIMESTAMP


@dataclass(frozen=True, slots=True)
class Attribute:
    """Goes to the lake under the person's surrogate, for segments to use."""

    kind: Kind = Kind.STRING


@dataclass(frozen=True, slots=True)
class EventName:
    """Names what happened."""


@dataclass(frozen=True, slots=True)
class EventTime:
    """When it happened."""


@dataclass(frozen=True, slots=True)
class Detail:
    """Read only because another field rests on it."""

    kind: Kind = Kind.STRING


Role = (
    Key | Identifier | Consent | Signal | Tombstone | MergedInto | Cursor | Attribute | EventName | EventTime | Detail
)
ROLES = (Key, Identifier, Consent, Signal, Tombstone, MergedInto, Cursor, Attribute, EventName, EventTime, Detail)

COARSE: frozenset[Field] = frozenset({Field.COUNTRY, Field.STATE, Field.CITY, Field.GENDER, Field.BIRTH_YEAR})
"""Identifiers that many people share: these alone may be named as an attribute too."""


def states(
    given: tuple[str, ...] = (), refused: tuple[str, ...] = (), withdrawn: tuple[str, ...] = ()
) -> Mapping[str, ConsentState]:
    """The mapping of a `Consent`, from lists of values."""
    pairs = [
        *((value, ConsentState.GIVEN) for value in given),
        *((value, ConsentState.REFUSED) for value in refused),
        *((value, ConsentState.WITHDRAWN) for value in withdrawn),
    ]
    return MappingProxyType({value.strip().casefold(): state for value, state in pairs})


def mailing(consent: Consent, channel: Channel) -> tuple[Consent, ...]:
    """What a field says of all of a mailing channel: of its own purpose, and held against the ads purposes.

    email: Annotated[str | None, *mailing(Consent(Purpose.EMAIL_MARKETING, states(withdrawn=("true",))), Channel.EMAIL)]
    """
    return (consent, *(replace(consent, purpose=purpose, channel=channel) for purpose in ADS))
