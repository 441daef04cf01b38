"""Pipedrive, API v2: persons, and deals as events.

How a vendor's connector is written: what a record is, how to ask for it, how much may be asked. The facts come from
the vendor's OpenAPI description of v2; `docs/sources/pipedrive.md` says what is not known for sure.

- Lists are paged by `additional_data.next_cursor`, at most 500 at a time, and filtered by `updated_since` (inclusive).
- Deleted deals are listed, for 30 days, only where `status` asks for them. Archived deals stand in a list of their own,
  which is not read.
- A merge deletes the loser and does not say into whom: the winner takes over its addresses, which is what ties them.
- Four requests a second stay below the lowest plan's burst limit of 20 in two seconds, with room for others.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field as Setting

from passerelle.connectors.authentication import StaticHeader
from passerelle.connectors.contract.access import ApiSettings
from passerelle.connectors.contract.asking import Window
from passerelle.connectors.contract.paging import CursorPage
from passerelle.connectors.contract.records import Record, at
from passerelle.connectors.contract.rest import RestResource, RestSource
from passerelle.connectors.contract.roles import (
    Attribute,
    Consent,
    Cursor,
    EventName,
    EventTime,
    Identifier,
    Key,
    Kind,
    Tombstone,
    states,
)
from passerelle.connectors.contract.source import SourceSettings
from passerelle.connectors.exchange import Clock
from passerelle.connectors.http import Session
from passerelle.connectors.quota import Pace
from passerelle.privacy.vocabulary import Field, Purpose

URL = "https://api.pipedrive.com/api/v2"


class PipedriveSettings(ApiSettings):
    """`kind: pipedrive`."""

    kind: Literal["pipedrive"]
    marketing_status: bool = Setting(
        False, description="Ask for the marketing status, which needs Pipedrive's Campaigns app in the account."
    )


class Person(Record, grain="person"):
    """A contact."""

    id: Annotated[int, Key(), Identifier(Field.EXTERNAL_ID, own=True)]
    email: Annotated[str | None, Identifier(Field.EMAIL)] = at("emails", 0, "value")
    phone: Annotated[str | None, Identifier(Field.PHONE)] = at("phones", 0, "value")
    first_name: Annotated[str | None, Identifier(Field.FIRST_NAME)] = None
    last_name: Annotated[str | None, Identifier(Field.LAST_NAME)] = None
    add_time: Annotated[datetime | None, Attribute(Kind.TIMESTAMP)] = None
    update_time: Annotated[datetime | None, Cursor()] = None
    is_deleted: Annotated[bool, Tombstone()] = False
    marketing_status: Annotated[
        str | None,
        Consent(
            Purpose.EMAIL_MARKETING,  # of Pipedrive's own e-mails, never of advertising
            states(given=("subscribed",), refused=("no_consent",), withdrawn=("unsubscribed",)),
        ),
    ] = None


class Deal(Record, grain="event"):
    """A deal as it stands: `open`, `won` or `lost`, since it last changed."""

    id: Annotated[int, Key()]
    person_id: Annotated[int | None, Identifier(Field.EXTERNAL_ID, own=True)] = None
    status: Annotated[str, EventName()]
    update_time: Annotated[datetime, EventTime(), Cursor()]
    won_time: Annotated[datetime | None, Attribute(Kind.TIMESTAMP)] = None
    value: Annotated[Decimal | None, Attribute(Kind.MONEY)] = None
    currency: Annotated[str | None, Attribute()] = None
    is_deleted: Annotated[bool, Tombstone()] = False


class Pipedrive(RestSource):
    """Persons and deals."""

    Settings: ClassVar[type[SourceSettings]] = PipedriveSettings

    def __init__(self, name: str, settings: PipedriveSettings, *, folder: Path, clock: Clock | None = None) -> None:
        login = StaticHeader("x-api-token", settings.secret(folder))
        more = {"include_fields": "marketing_status"} if settings.marketing_status else {}
        super().__init__(
            name,
            [_listed("persons", Person, more), _listed("deals", Deal, {"status": "open,won,lost,deleted"})],
            lambda: Session(settings.at(URL), authentication=login, clock=clock),
            quotas={"": Pace(8, 2)},
        )


def _listed(name: str, record: type[Record], more: Mapping[str, str] | None = None) -> RestResource:
    def query(window: Window) -> Mapping[str, str]:
        since = {"updated_since": window.since_iso} if window.since is not None else {}
        return {"limit": "500", "sort_by": "update_time", "sort_direction": "asc", **(more or {}), **since}

    pages = CursorPage("additional_data.next_cursor", "cursor")
    return RestResource(name, record, path=name, records="data", pages=pages, query=query)
