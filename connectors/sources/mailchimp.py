"""Mailchimp, Marketing API 3.0: the members of each audience that is named.

Facts: Mailchimp's own description (3.0.55).

- Members are counted through, at most 1,000 at a time, those that changed last at the front. One that changes meanwhile
  moves there and pushes others back, so that some come twice and none is missed; pages go back a little, for those that
  vanish.
- Archived members are a list of their own, which follows. Members that were deleted for good are in none.
- Numbers differ between audiences: the same person is two members, tied by the address.
- A bare 403 means that too much was asked; no header says how much may be. Ten connections at a time, 120 s an answer.
- `timestamp_opt` dates an opt-in. Nothing dates an opt-out but the last change, which is not earlier.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field as Setting

from passerelle.connectors.authentication import Basic
from passerelle.connectors.contract.access import ApiSettings
from passerelle.connectors.contract.asking import Step, Window
from passerelle.connectors.contract.own_fields import with_attributes
from passerelle.connectors.contract.paging import TURN, InTurn, OffsetPage
from passerelle.connectors.contract.records import Record, at, shape_of
from passerelle.connectors.contract.rest import RestResource, RestSource
from passerelle.connectors.contract.roles import (
    Attribute,
    Consent,
    Cursor,
    Detail,
    Identifier,
    Key,
    Kind,
    Tombstone,
    mailing,
    states,
)
from passerelle.connectors.contract.source import SourceSettings
from passerelle.connectors.exchange import Ask, Bare, Clock, Verdict
from passerelle.connectors.http import Session
from passerelle.connectors.quota import AdaptivePace
from passerelle.privacy.vocabulary import Channel, EvidenceGrade, Field, Purpose

SECONDS = 125.0
_EMAIL = Consent(
    Purpose.EMAIL_MARKETING,
    states(given=("subscribed",), withdrawn=("unsubscribed", "cleaned")),
    grade=EvidenceGrade.B,
    at="opted_at",
    refused_at="changed",
    silent=("pending", "transactional", "archived"),
)
_SMS = Consent(
    Purpose.SMS_MARKETING,
    states(given=("subscribed",), withdrawn=("unsubscribed",)),
    grade=EvidenceGrade.B,
    at="by_sms_at",
    silent=("pending", "nonsubscribed"),
)


class MailchimpSettings(ApiSettings):
    """`kind: mailchimp`."""

    kind: Literal["mailchimp"]
    server: str = Setting(
        pattern=r"^[a-z]{2}[0-9]{1,3}$", description="The data centre: what stands last in the API key, such as us21."
    )
    audiences: dict[Annotated[str, Setting(pattern=r"^[a-z][a-z0-9_]{0,63}$")], str] = Setting(
        min_length=1, description="Audiences to pull: a name for tables, and the audience's id at Mailchimp."
    )
    merge_fields: dict[str, Kind] = Setting(
        default_factory=dict, description="Merge fields for segments, by their tags, such as LOYALTY."
    )


class Member(Record, grain="person"):
    """A member of one audience."""

    id: Annotated[str, Key(), Identifier(Field.EXTERNAL_ID, own=True)] = at("contact_id", default=...)
    email: Annotated[str | None, Identifier(Field.EMAIL)] = at("email_address")
    sms_phone: Annotated[str | None, Identifier(Field.PHONE)] = at("sms_phone_number")
    phone: Annotated[str | None, Identifier(Field.PHONE)] = at("merge_fields", "PHONE")
    first_name: Annotated[str | None, Identifier(Field.FIRST_NAME)] = at("merge_fields", "FNAME")
    last_name: Annotated[str | None, Identifier(Field.LAST_NAME)] = at("merge_fields", "LNAME")
    country: Annotated[str | None, Identifier(Field.COUNTRY)] = at("location", "country_code")
    signed_up: Annotated[str | None, Attribute(Kind.TIMESTAMP)] = at("timestamp_signup")
    rating: Annotated[int | None, Attribute(Kind.INTEGER)] = at("member_rating")
    opens: Annotated[float | None, Attribute(Kind.NUMBER)] = at("stats", "avg_open_rate")
    clicks: Annotated[float | None, Attribute(Kind.NUMBER)] = at("stats", "avg_click_rate")
    revenue: Annotated[Decimal | None, Attribute(Kind.MONEY)] = at("stats", "ecommerce_data", "total_revenue")
    orders: Annotated[int | None, Attribute(Kind.INTEGER)] = at("stats", "ecommerce_data", "number_of_orders")
    changed: Annotated[str | None, Cursor()] = at("last_changed")
    by_email: Annotated[str | None, *mailing(_EMAIL, Channel.EMAIL)] = at("status")
    opted_at: Annotated[str | None, Detail(Kind.TIMESTAMP)] = at("timestamp_opt")
    by_sms: Annotated[str | None, *mailing(_SMS, Channel.SMS)] = at("sms_subscription_status")
    by_sms_at: Annotated[str | None, Detail(Kind.TIMESTAMP)] = at("sms_subscription_last_updated")
    archived: Annotated[str | None, Tombstone(("archived",))] = at("status")


class Mailchimp(RestSource):
    """A resource for each audience."""

    Settings: ClassVar[type[SourceSettings]] = MailchimpSettings
    side_by_side = 2

    def __init__(self, name: str, settings: MailchimpSettings, *, folder: Path, clock: Clock | None = None) -> None:
        login = Basic(lambda: "passerelle", settings.secret(folder))
        endpoint = replace(settings.at(f"https://{settings.server}.api.mailchimp.com/3.0"), timeout=SECONDS)
        member = with_attributes(Member, settings.merge_fields, under=("merge_fields",), setting="merge_fields")
        super().__init__(
            name,
            [_members(audience, of, member) for audience, of in settings.audiences.items()],
            lambda: Session(endpoint, authentication=login, judge=Bare(403, Verdict.THROTTLED), clock=clock),
            quotas={"": AdaptivePace(start=4, most=8)},
        )


def _members(audience: str, of: str, record: type[Record]) -> RestResource:
    pages = OffsetPage("offset", 1000, "count", back=50, total="total_items")
    return RestResource(
        audience,
        record,
        records="members",
        pages=InTurn((pages, pages)),
        ask=_asking(of, record),
        count="total_items",
        sparse=True,
    )


def _asking(of: str, record: type[Record]) -> Callable[[Window, Step], Ask]:
    names = ["members." + ".".join(map(str, one.path or (one.asked,))) for one in shape_of(record).fields]
    fields = ",".join(dict.fromkeys([*names, "total_items"]))

    def ask(window: Window, step: Step) -> Ask:
        query = {"fields": fields, "sort_field": "last_changed", "sort_dir": "DESC"}
        query |= {name: value for name, value in step.items() if name in {"offset", "count"}}
        if window.since is not None:
            query["since_last_changed"] = window.since_iso
        return Ask(f"lists/{of}/members", {**query, **({"status": "archived"} if step[TURN] == "1" else {})})

    return ask
