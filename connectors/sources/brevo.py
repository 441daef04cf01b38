"""Brevo, API v3: contacts, addresses that are blocked, and custom events.

Facts: Brevo's reference and its own Python client, 5.1; no description that could be trusted is published.

- Contacts are counted through, 1,000 at a time, in the order of their creation, which is the only one. `modifiedSince`
  filters, and `count` follows it. Pages go back a little: a contact that is deleted meanwhile moves all others.
- The blacklists are flags: `modifiedAt` moves with anything and dates none of them. The list of blocked addresses has a
  time; it is asked for by whole days.
- No Retry-After: `x-sib-ratelimit-reset` says in how many seconds there is more.
- Contacts have a limit of their own (10 a second, 36,000 an hour), blocked ones a wide one; events share 100 an hour
  with everything else.
- Deleted contacts are in no list. What a list of orders answers is not documented, so orders are not read.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field as Setting

from passerelle.connectors.authentication import StaticHeader
from passerelle.connectors.contract.access import ApiSettings
from passerelle.connectors.contract.asking import Window
from passerelle.connectors.contract.own_fields import with_attributes
from passerelle.connectors.contract.paging import OffsetPage
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
    mailing,
    states,
)
from passerelle.connectors.contract.source import SourceSettings
from passerelle.connectors.exchange import Clock, WaitHeader
from passerelle.connectors.http import Session
from passerelle.connectors.quota import HeaderQuota, Pace, Quota, Together
from passerelle.privacy.vocabulary import Channel, EvidenceGrade, Field, Purpose

URL = "https://api.brevo.com/v3"
LEFT, RESET = "x-sib-ratelimit-remaining", "x-sib-ratelimit-reset"

_LISTED = states(withdrawn=("true",))
_BLOCKED = Consent(
    Purpose.EMAIL_MARKETING,
    states(
        withdrawn=(
            "unsubscribedViaMA",
            "unsubscribedViaEmail",
            "unsubscribedViaApi",
            "adminBlocked",
            "contactFlaggedAsSpam",
            "hardBounce",
        )
    ),
    grade=EvidenceGrade.B,
    at="blocked_at",
)


def _off(purpose: Purpose) -> Consent:
    return Consent(purpose, _LISTED, silent=("false",))


class BrevoSettings(ApiSettings):
    """`kind: brevo`."""

    kind: Literal["brevo"]
    attributes: dict[str, Kind] = Setting(
        default_factory=dict, description="Attributes of contacts for segments, by their names, such as LOYALTY."
    )
    event_properties: dict[str, Kind] = Setting(
        default_factory=dict, description="Properties of custom events for segments, by their names."
    )


class Contact(Record, grain="person"):
    """A contact. French accounts begin with PRENOM and NOM, others with FIRSTNAME and LASTNAME."""

    id: Annotated[int, Key(), Identifier(Field.EXTERNAL_ID, own=True)]
    email: Annotated[str | None, Identifier(Field.EMAIL)] = None
    phone: Annotated[str | None, Identifier(Field.PHONE)] = at("attributes", "SMS")
    external_id: Annotated[str | None, Identifier(Field.EXTERNAL_ID)] = at("attributes", "EXT_ID")
    first_name: Annotated[str | None, Identifier(Field.FIRST_NAME)] = at("attributes", "FIRSTNAME")
    last_name: Annotated[str | None, Identifier(Field.LAST_NAME)] = at("attributes", "LASTNAME")
    prenom: Annotated[str | None, Identifier(Field.FIRST_NAME)] = at("attributes", "PRENOM")
    nom: Annotated[str | None, Identifier(Field.LAST_NAME)] = at("attributes", "NOM")
    created: Annotated[str | None, Attribute(Kind.TIMESTAMP)] = at("createdAt")
    modified: Annotated[str | None, Cursor()] = at("modifiedAt")
    no_email: Annotated[bool | None, *mailing(_off(Purpose.EMAIL_MARKETING), Channel.EMAIL)] = at("emailBlacklisted")
    no_sms: Annotated[bool | None, *mailing(_off(Purpose.SMS_MARKETING), Channel.SMS)] = at("smsBlacklisted")


class Blocked(Record, grain="person"):
    """An address that is blocked from transactional e-mails, and why."""

    email: Annotated[str, Key(), Identifier(Field.EMAIL)]
    reason: Annotated[str | None, *mailing(_BLOCKED, Channel.EMAIL)] = at("reason", "code")
    blocked_at: Annotated[datetime | None, Cursor()] = at("blockedAt")


class Event(Record, grain="event"):
    """A custom event of a contact. It has no number, and is known by all that it says."""

    contact: Annotated[int | None, Identifier(Field.EXTERNAL_ID, own=True)] = at("contact_id")
    name: Annotated[str | None, EventName()] = at("event_name")
    happened: Annotated[str | None, EventTime(), Cursor()] = at("event_date")


class Brevo(RestSource):
    """Contacts, blocked addresses, custom events."""

    Settings: ClassVar[type[SourceSettings]] = BrevoSettings

    def __init__(self, name: str, settings: BrevoSettings, *, folder: Path, clock: Clock | None = None) -> None:
        login = StaticHeader("api-key", settings.secret(folder))
        contact = with_attributes(Contact, settings.attributes, under=("attributes",), setting="attributes")
        event = with_attributes(
            Event, settings.event_properties, under=("event_properties",), setting="event_properties"
        )
        super().__init__(
            name,
            [
                _counted("contacts", contact, "contacts", _contacts, size=1000),
                _counted("blocked", Blocked, "smtp/blockedContacts", _blocked, size=100),
                _counted("events", event, "events", _events, size=10_000, records="events", quota="events"),
            ],
            lambda: Session(settings.at(URL), authentication=login, wait=WaitHeader(RESET), clock=clock),
            quotas={"": Together(Pace(9, 1), _left()), "events": _left()},
        )


def _left() -> Quota:
    return HeaderQuota(LEFT, RESET)


def _counted(
    name: str,
    record: type[Record],
    path: str,
    query: Callable[[Window], Mapping[str, str]],
    *,
    size: int,
    records: str = "contacts",
    quota: str = "",
) -> RestResource:
    pages = OffsetPage("offset", size, "limit", back=20, total="count")
    overlap = "1d" if record.grain == "event" else "1h"
    return RestResource(
        name, record, path, records, pages, query, overlap=overlap, quota=quota, count="count", sparse=True
    )


def _contacts(window: Window) -> Mapping[str, str]:
    return {"sort": "asc", **({"modifiedSince": window.since_iso} if window.since is not None else {})}


def _blocked(window: Window) -> Mapping[str, str]:
    days = {} if window.since is None else {"startDate": _day(window.since), "endDate": _day(window.until)}
    return {"sort": "asc", **days}


def _events(window: Window) -> Mapping[str, str]:
    """The first pull has the last six months: so Brevo takes it where no date is given."""
    return {} if window.since is None else {"startDate": window.since_iso, "endDate": window.until_iso}


def _day(micros: int) -> str:
    return f"{datetime.fromtimestamp(micros // 1_000_000, UTC):%Y-%m-%d}"
