"""Klaviyo, revision 2026-07-15: profiles with their subscriptions, and events by metric.

Facts: Klaviyo's OpenAPI description of that revision, which is supported for two years.

- JSON:API: pages of at most 100 profiles or 1,000 events, led on by `links.next`. Only named fields are asked for.
- `updated` knows `greater-than` alone, so a window begins a second earlier.
- `can_receive_email_marketing` is true of whoever never objected: it is not read. `consent` is what somebody said,
  `consent_timestamp` when. A suppression refuses everything by e-mail, whatever `consent` says.
- A profile that is deleted, or merged into another, is in no list any more, and nothing tells of it.
- An event has the number of its metric, not its name: so each metric is a resource, named in the settings.
"""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field as Setting
from pydantic import create_model

from passerelle.connectors.authentication import StaticHeader
from passerelle.connectors.contract.access import ApiSettings
from passerelle.connectors.contract.asking import Window, iso
from passerelle.connectors.contract.own_fields import with_attributes
from passerelle.connectors.contract.paging import LinkPage
from passerelle.connectors.contract.records import Record, at, shape_of
from passerelle.connectors.contract.rest import RestResource, RestSource
from passerelle.connectors.contract.roles import (
    Attribute,
    Consent,
    Cursor,
    Detail,
    EventTime,
    Identifier,
    Key,
    Kind,
    mailing,
    states,
)
from passerelle.connectors.contract.source import SourceSettings
from passerelle.connectors.exchange import Clock
from passerelle.connectors.http import Session
from passerelle.connectors.quota import Pace
from passerelle.privacy.vocabulary import Channel, EvidenceGrade, Field, Purpose

URL = "https://a.klaviyo.com/api"
REVISION = "2026-07-15"

_SAID = states(given=("SUBSCRIBED",), withdrawn=("UNSUBSCRIBED",))
_NEVER = ("never_subscribed",)
_SUPPRESSED = states(withdrawn=("HARD_BOUNCE", "INVALID_EMAIL", "SPAM_COMPLAINT", "UNSUBSCRIBE", "USER_SUPPRESSED"))


def _said(purpose: Purpose, field: str) -> Consent:
    return Consent(purpose, _SAID, grade=EvidenceGrade.B, at=f"{field}_at", silent=_NEVER)


class KlaviyoSettings(ApiSettings):
    """`kind: klaviyo`."""

    kind: Literal["klaviyo"]
    properties: dict[str, Kind] = Setting(
        default_factory=dict, description="Custom properties of profiles for segments, by their names in Klaviyo."
    )
    events: dict[Annotated[str, Setting(pattern=r"^[a-z][a-z0-9_]{0,63}$")], str] = Setting(
        default_factory=dict, description="Events to pull: the name for segments, and the id of Klaviyo's metric."
    )


class Profile(Record, grain="person"):
    """A profile."""

    id: Annotated[str, Key(), Identifier(Field.EXTERNAL_ID, own=True)]
    external_id: Annotated[str | None, Identifier(Field.EXTERNAL_ID)] = at("attributes", "external_id")
    email: Annotated[str | None, Identifier(Field.EMAIL)] = at("attributes", "email")
    phone: Annotated[str | None, Identifier(Field.PHONE)] = at("attributes", "phone_number")
    first_name: Annotated[str | None, Identifier(Field.FIRST_NAME)] = at("attributes", "first_name")
    last_name: Annotated[str | None, Identifier(Field.LAST_NAME)] = at("attributes", "last_name")
    city: Annotated[str | None, Identifier(Field.CITY)] = at("attributes", "location", "city")
    region: Annotated[str | None, Identifier(Field.STATE)] = at("attributes", "location", "region")
    postal_code: Annotated[str | None, Identifier(Field.POSTAL_CODE)] = at("attributes", "location", "zip")
    country: Annotated[str | None, Identifier(Field.COUNTRY)] = at("attributes", "location", "country")
    created: Annotated[str | None, Attribute(Kind.TIMESTAMP)] = at("attributes", "created")
    last_event: Annotated[str | None, Attribute(Kind.TIMESTAMP)] = at("attributes", "last_event_date")
    updated: Annotated[str | None, Cursor()] = at("attributes", "updated")
    by_email: Annotated[str | None, *mailing(_said(Purpose.EMAIL_MARKETING, "by_email"), Channel.EMAIL)] = at(
        "attributes", "subscriptions", "email", "marketing", "consent"
    )
    by_email_at: Annotated[str | None, Detail(Kind.TIMESTAMP)] = at(
        "attributes", "subscriptions", "email", "marketing", "consent_timestamp"
    )
    suppressed: Annotated[
        str | None,
        *mailing(
            Consent(Purpose.EMAIL_MARKETING, _SUPPRESSED, grade=EvidenceGrade.B, at="suppressed_at"), Channel.EMAIL
        ),
    ] = at("attributes", "subscriptions", "email", "marketing", "suppression", 0, "reason")
    suppressed_at: Annotated[str | None, Detail(Kind.TIMESTAMP)] = at(
        "attributes", "subscriptions", "email", "marketing", "suppression", 0, "timestamp"
    )
    by_sms: Annotated[str | None, *mailing(_said(Purpose.SMS_MARKETING, "by_sms"), Channel.SMS)] = at(
        "attributes", "subscriptions", "sms", "marketing", "consent"
    )
    by_sms_at: Annotated[str | None, Detail(Kind.TIMESTAMP)] = at(
        "attributes", "subscriptions", "sms", "marketing", "consent_timestamp"
    )


class Event(Record, grain="event", event="event"):
    """Something that a profile did; its name is that of the resource."""

    id: Annotated[str, Key()]
    profile: Annotated[str | None, Identifier(Field.EXTERNAL_ID, own=True)] = at(
        "relationships", "profile", "data", "id"
    )
    happened: Annotated[str | None, EventTime(), Cursor()] = at("attributes", "datetime")
    value: Annotated[Decimal | None, Attribute(Kind.MONEY)] = at("attributes", "event_properties", "$value")


class Klaviyo(RestSource):
    """Profiles, and an event resource for each metric that is named."""

    Settings: ClassVar[type[SourceSettings]] = KlaviyoSettings

    def __init__(self, name: str, settings: KlaviyoSettings, *, folder: Path, clock: Clock | None = None) -> None:
        login = StaticHeader("authorization", settings.secret(folder), prefix="Klaviyo-API-Key ")
        headers = {"accept": "application/vnd.api+json", "revision": REVISION}
        profile = with_attributes(
            Profile, settings.properties, under=("attributes", "properties"), setting="properties"
        )
        super().__init__(
            name,
            [_profiles(profile), *(_events(event, metric) for event, metric in settings.events.items())],
            lambda: Session(settings.at(URL), authentication=login, headers=headers, clock=clock),
            quotas={"": Pace(700, 60), "events": Pace(3300, 60)},
        )


def _profiles(record: type[Record]) -> RestResource:
    asked = ",".join(dict.fromkeys(_field(one.path) for one in shape_of(record).fields if len(one.path) > 1))
    fixed = {"additional-fields[profile]": "subscriptions", "fields[profile]": asked, "sort": "updated"}

    def query(window: Window) -> Mapping[str, str]:
        since = {} if window.since is None else {"filter": f"greater-than(updated,{iso(window.since - 1_000_000)})"}
        return {**fixed, "page[size]": "100", **since}

    return RestResource(
        "profiles", record, path="profiles", records="data", pages=LinkPage("links.next"), query=query, sparse=True
    )


def _field(path: tuple[str | int, ...]) -> str:
    """A field's name for Klaviyo: dotted, up to where a list begins; custom properties come all or not at all."""
    names = [str(part) for part in path[1:]]
    if names[0] == "properties":
        return "properties"
    cut = next((place for place, part in enumerate(path[1:]) if isinstance(part, int)), len(names))
    return ".".join(names[:cut])


def _events(event: str, metric: str) -> RestResource:
    made: Any = create_model("Event", __base__=Event, __cls_kwargs__={"grain": "event", "event": event})

    def query(window: Window) -> Mapping[str, str]:
        since = "" if window.since is None else f",greater-or-equal(datetime,{window.since_iso})"
        asked = {"fields[event]": "datetime,event_properties", "sort": "datetime", "page[size]": "1000"}
        return {**asked, "filter": f'equals(metric_id,"{metric}"){since}'}

    return RestResource(
        event,
        made,
        path="events",
        records="data",
        pages=LinkPage("links.next"),
        query=query,
        overlap="1d",
        quota="events",
        sparse=True,
    )
