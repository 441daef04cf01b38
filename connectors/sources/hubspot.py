"""HubSpot, API version 2026-09: contacts, and deals as events.

Facts: HubSpot's OpenAPI descriptions of 2026-09 and its guides; `docs/sources/hubspot.md` says what is not known.

- A search ends at 10,000 results, never has archived records, and is behind by its index. So contacts are read within a
  fixed window of `lastmodifieddate`, sorted by number, each page after the last number of the one before: no page has a
  number, and a contact that changes meanwhile is in the next window.
- Archived contacts, which can be restored for 90 days, stand in a list of their own, without a filter; it is read last.
- A merge makes one contact of two, perhaps with a number of its own; the others are in no list any more. The one that
  stands names them in `hs_merged_object_ids`.
- Whether somebody left all e-mail, and when, is told only of addresses that are named, 100 at a time.
- A search has no associations, so deals are listed: all of them, each time.
- Every property is text, and an empty text means the same as none.
- Searches have a limit of their own (about 5 a second), and send no headers about it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field as Setting

from passerelle.connectors.authentication import StaticHeader
from passerelle.connectors.contract.access import OAuthSettings
from passerelle.connectors.contract.asking import Step, Window
from passerelle.connectors.contract.keyset import AfterKey
from passerelle.connectors.contract.lookup import Lookup
from passerelle.connectors.contract.own_fields import with_attributes
from passerelle.connectors.contract.paging import TURN, CursorPage, InTurn
from passerelle.connectors.contract.records import Record, at
from passerelle.connectors.contract.rest import RestResource, RestSource
from passerelle.connectors.contract.roles import (
    Attribute,
    Consent,
    Cursor,
    EventTime,
    Identifier,
    Key,
    Kind,
    MergedInto,
    Tombstone,
    mailing,
    states,
)
from passerelle.connectors.contract.source import SourceSettings
from passerelle.connectors.exchange import Ask, Clock
from passerelle.connectors.http import Session
from passerelle.connectors.quota import HeaderQuota, Pace, Together
from passerelle.privacy.vocabulary import Channel, EvidenceGrade, Field, Purpose

URL = "https://api.hubapi.com"
VERSION = "2026-09"
"""In force since 8 September 2026, and for at least 18 months."""

NEXT = "paging.next.after"
_OPTED_OUT = Consent(Purpose.EMAIL_MARKETING, states(withdrawn=("true",)), silent=("false",))
"""Unsubscribed from all e-mail: a bare flag without a date."""

_LEFT_ALL = Consent(
    Purpose.EMAIL_MARKETING,
    states(given=("SUBSCRIBED",), withdrawn=("UNSUBSCRIBED",)),
    grade=EvidenceGrade.B,
    at="since",
    silent=("not_specified",),
    channel=Channel.EMAIL,
)
"""Of all e-mail. That somebody has come back subscribes them to nothing: it ends the veto and grants nothing."""


class HubSpotSettings(OAuthSettings):
    """`kind: hubspot`."""

    kind: Literal["hubspot"]
    properties: dict[str, Kind] = Setting(
        default_factory=dict, description="More contact properties for segments, by their internal names."
    )
    opt_outs: bool = Setting(
        False, description="Ask when contacts left all e-mail, which needs Marketing Hub Enterprise."
    )
    deal_properties: dict[str, Kind] = Setting(default_factory=dict, description="The same for deals.")


class Contact(Record, grain="person"):
    """A contact."""

    id: Annotated[int, Key(), Identifier(Field.EXTERNAL_ID, own=True)]
    email: Annotated[str | None, Identifier(Field.EMAIL)] = at("properties", "email")
    phone: Annotated[str | None, Identifier(Field.PHONE)] = at("properties", "phone")
    mobile: Annotated[str | None, Identifier(Field.PHONE)] = at("properties", "mobilephone")
    first_name: Annotated[str | None, Identifier(Field.FIRST_NAME)] = at("properties", "firstname")
    last_name: Annotated[str | None, Identifier(Field.LAST_NAME)] = at("properties", "lastname")
    city: Annotated[str | None, Identifier(Field.CITY)] = at("properties", "city")
    state: Annotated[str | None, Identifier(Field.STATE)] = at("properties", "state")
    postal_code: Annotated[str | None, Identifier(Field.POSTAL_CODE)] = at("properties", "zip")
    country: Annotated[str | None, Identifier(Field.COUNTRY)] = at("properties", "country")
    created: Annotated[str | None, Attribute(Kind.TIMESTAMP)] = at("properties", "createdate")
    stage: Annotated[str | None, Attribute()] = at("properties", "lifecyclestage")
    modified: Annotated[str | None, Cursor()] = at("properties", "lastmodifieddate")
    absorbed: Annotated[str | None, MergedInto(listed=";")] = at("properties", "hs_merged_object_ids")
    opted_out: Annotated[str | None, *mailing(_OPTED_OUT, Channel.EMAIL)] = at("properties", "hs_email_optout")
    archived: Annotated[bool, Tombstone()] = False


class OptOut(Record, grain="person"):
    """When somebody left all e-mail, or came back. Of whoever never left, HubSpot says nothing."""

    email: Annotated[str, Key(), Identifier(Field.EMAIL)] = at("subscriberIdString", default=...)
    status: Annotated[str | None, *mailing(_LEFT_ALL, Channel.EMAIL)] = at("wideStatuses", 0, "status")
    since: Annotated[str | None, Cursor()] = at("wideStatuses", 0, "timestamp")


class Deal(Record, grain="event", event="deal"):
    """A deal as it stands, since it last changed, of the first contact that it is associated with."""

    id: Annotated[int, Key()]
    contact: Annotated[int | None, Identifier(Field.EXTERNAL_ID, own=True)] = at(
        "associations", "contacts", "results", 0, "id"
    )
    modified: Annotated[str | None, EventTime(), Cursor()] = at("properties", "hs_lastmodifieddate")
    closed_at: Annotated[str | None, Attribute(Kind.TIMESTAMP)] = at("properties", "closedate")
    won: Annotated[str | None, Attribute(Kind.BOOLEAN)] = at("properties", "hs_is_closed_won")
    closed: Annotated[str | None, Attribute(Kind.BOOLEAN)] = at("properties", "hs_is_closed")
    stage: Annotated[str | None, Attribute()] = at("properties", "dealstage")
    amount: Annotated[str | None, Attribute(Kind.MONEY)] = at("properties", "amount")
    currency: Annotated[str | None, Attribute()] = at("properties", "deal_currency_code")
    archived: Annotated[bool, Tombstone()] = False


class HubSpot(RestSource):
    """Contacts and deals."""

    Settings: ClassVar[type[SourceSettings]] = HubSpotSettings

    def __init__(self, name: str, settings: HubSpotSettings, *, folder: Path, clock: Clock | None = None) -> None:
        endpoint = settings.at(URL)
        login = settings.login(
            folder,
            lambda secret: StaticHeader("authorization", secret, prefix="Bearer "),
            f"{endpoint.url}/oauth/{VERSION}/token",
        )
        listed = CursorPage(NEXT, "after")
        contact = with_attributes(Contact, settings.properties, under=("properties",), setting="properties")
        deal = with_attributes(Deal, settings.deal_properties, under=("properties",), setting="deal_properties")
        pace = Together(Pace(90, 10), HeaderQuota("x-hubspot-ratelimit-remaining", window=10.0, keep=10))
        contacts = RestResource(
            "contacts",
            contact,
            records="results",
            under="properties",
            pages=InTurn((AfterKey("id", NEXT), listed)),
            ask=_contacts,
            quota="search",
            count="total",
            counts="rest",
        )
        asking = Lookup("opt_outs", OptOut, contacts, "email", _opt_outs, "results", pace=pace)
        super().__init__(
            name,
            [
                contacts,
                *([asking] if settings.opt_outs else []),
                RestResource(
                    "deals", deal, records="results", under="properties", pages=InTurn((listed, listed)), ask=_deals
                ),
            ],
            lambda: Session(endpoint, authentication=login, clock=clock),
            quotas={"search": Pace(4, 1), "": pace},
        )


def _contacts(window: Window, step: Step) -> Ask:
    if step[TURN] == "1":
        return _list("contacts", window, step, archived=True)
    filters = [_filter("lastmodifieddate", "LTE", window.until // 1000)]
    if window.since is not None:
        filters.append(_filter("lastmodifieddate", "GTE", window.since // 1000))
    if "id" in step:
        filters.append(_filter("hs_object_id", "GT", step["id"]))
    body = {
        "filterGroups": [{"filters": filters}],
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        "properties": list(window.asked),
        "limit": 200,
        "after": "0",
    }
    return Ask(f"crm/objects/{VERSION}/contacts/search", method="POST", json=body)


def _opt_outs(addresses: Sequence[str]) -> Ask:
    path = f"communication-preferences/{VERSION}/statuses/batch/unsubscribe-all/read"
    return Ask(path, {"channel": "EMAIL"}, "POST", json={"inputs": list(addresses)})


def _deals(window: Window, step: Step) -> Ask:
    return _list("deals", window, step, archived=step[TURN] == "1", more={"associations": "contacts"})


def _list(kind: str, window: Window, step: Step, *, archived: bool, more: Mapping[str, str] | None = None) -> Ask:
    asked = {"limit": "100", "archived": str(archived).lower(), "properties": ",".join(window.asked), **(more or {})}
    return Ask(f"crm/objects/{VERSION}/{kind}", {**asked, **({"after": step["after"]} if "after" in step else {})})


def _filter(name: str, operator: str, value: object) -> dict[str, str]:
    return {"propertyName": name, "operator": operator, "value": str(value)}
