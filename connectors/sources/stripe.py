"""Stripe, API 2026-10-28: customers, and payments (charges) as events.

Facts: Stripe's own Python client of that version and its pages; `docs/sources/stripe.md` says what is not known.

- Lists have no filter by change: how all customers stand is read at first, and after that Stripe's own events, which it
  keeps for 30 days. An event holds the object as it was then, in the version of the API that the account had then.
- Events come newest first. They have whole seconds: of two within one second the first in the list counts.
- Deleted customers are in no list; an event says so.
- Amounts are in the currency's smallest unit, which is not a hundredth everywhere. Moments are seconds since 1970.
- A key is for live or for test data, as it begins; one of the wrong kind is refused before anything is asked.
"""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AliasPath, BeforeValidator, ValidationInfo
from pydantic import Field as Setting

from passerelle.connectors.authentication import Secret, StaticHeader
from passerelle.connectors.contract.access import ApiSettings
from passerelle.connectors.contract.asking import AskFor, Step, Window
from passerelle.connectors.contract.keyset import AfterKey
from passerelle.connectors.contract.own_fields import with_attributes
from passerelle.connectors.contract.records import Record, at
from passerelle.connectors.contract.rest import RestResource, RestSource
from passerelle.connectors.contract.roles import (
    Attribute,
    Cursor,
    EventTime,
    Identifier,
    Key,
    Kind,
    Tombstone,
)
from passerelle.connectors.contract.source import SourceSettings
from passerelle.connectors.contract.standing import Standing, nested
from passerelle.connectors.errors import DefinitionError
from passerelle.connectors.exchange import Ask, Clock
from passerelle.connectors.http import Session
from passerelle.connectors.quota import Pace
from passerelle.privacy.vocabulary import Field

URL = "https://api.stripe.com/v1"
VERSION = "2026-10-28.endive"
KEPT = "30d"
_WITHOUT_CENTS = re.compile("BIF|CLP|DJF|GNF|JPY|KMF|KRW|MGA|PYG|RWF|UGX|VND|VUV|XAF|XOF|XPF", re.IGNORECASE)
_THOUSANDTHS = re.compile("BHD|JOD|KWD|OMR|TND", re.IGNORECASE)
_CUSTOMER_EVENTS = ("customer.created", "customer.updated", "customer.deleted")
_STAGES = ("succeeded", "failed", "pending", "captured", "expired", "updated", "refunded")
_CHARGE_EVENTS = tuple(f"charge.{stage}" for stage in _STAGES)


def _amount(units: object, info: ValidationInfo) -> object:
    """Smallest units as an amount of the currency, which is read before."""
    if not isinstance(units, int):
        return units
    currency = str(info.data.get("currency"))
    if _WITHOUT_CENTS.fullmatch(currency):
        return Decimal(units)
    return Decimal(units) / (1000 if _THOUSANDTHS.fullmatch(currency) else 100)


class StripeSettings(ApiSettings):
    """`kind: stripe`."""

    kind: Literal["stripe"]
    test_mode: bool = Setting(False, description="The key is one for test data, and is meant to be.")
    metadata: dict[str, Kind] = Setting(
        default_factory=dict, description="Metadata of customers for segments, by their keys at Stripe."
    )


class Customer(Record, grain="person"):
    """A customer. `listed` is what a list goes on from."""

    listed: str = Setting(default="", validation_alias=AliasPath("id"))
    id: Annotated[str, Key(), Identifier(Field.EXTERNAL_ID, own=True)]
    email: Annotated[str | None, Identifier(Field.EMAIL)] = None
    phone: Annotated[str | None, Identifier(Field.PHONE)] = None
    postal_code: Annotated[str | None, Identifier(Field.POSTAL_CODE)] = at("address", "postal_code")
    city: Annotated[str | None, Identifier(Field.CITY)] = at("address", "city")
    country: Annotated[str | None, Identifier(Field.COUNTRY), Attribute()] = at("address", "country")
    created: Annotated[datetime | None, Attribute(Kind.TIMESTAMP)] = None
    owes: Annotated[bool | None, Attribute(Kind.BOOLEAN)] = at("delinquent")
    changed: Annotated[datetime | None, Cursor()] = None
    happened: Annotated[str | None, Tombstone(("customer.deleted",))] = None


class Charge(Record, grain="event", event="payment"):
    """A payment as it stands: `succeeded`, `pending` or `failed`, and what was paid back."""

    listed: str = Setting(default="", validation_alias=AliasPath("id"))
    id: Annotated[str, Key()]
    customer: Annotated[str | None, Identifier(Field.EXTERNAL_ID, own=True)] = None
    email: Annotated[str | None, Identifier(Field.EMAIL)] = at("billing_details", "email")
    created: Annotated[datetime, EventTime()]
    stage: Annotated[str | None, Attribute()] = at("status")
    currency: Annotated[str | None, Attribute()] = None
    amount: Annotated[Decimal | None, BeforeValidator(_amount), Attribute(Kind.MONEY)] = None
    refunded: Annotated[Decimal | None, BeforeValidator(_amount), Attribute(Kind.MONEY)] = at("amount_refunded")
    changed: Annotated[datetime | None, Cursor()] = None


class Stripe(RestSource):
    """Customers and payments."""

    Settings: ClassVar[type[SourceSettings]] = StripeSettings

    def __init__(self, name: str, settings: StripeSettings, *, folder: Path, clock: Clock | None = None) -> None:
        secret = _of_mode(settings.secret(folder), test=settings.test_mode)
        login = StaticHeader("authorization", secret, prefix="Bearer ")
        customer = with_attributes(Customer, settings.metadata, under=("metadata",), setting="metadata")
        super().__init__(
            name,
            [_standing("customers", customer, _CUSTOMER_EVENTS), _standing("charges", Charge, _CHARGE_EVENTS)],
            lambda: Session(settings.at(URL), authentication=login, headers={"stripe-version": VERSION}, clock=clock),
            quotas={"": Pace(20, 1)},
        )


def _standing(name: str, record: type[Record], types: tuple[str, ...]) -> Standing:
    elsewhere: dict[str, tuple[str | int, ...]] = {"listed": ("id",), "changed": ("created",), "happened": ("type",)}
    event = nested(record, ("data", "object"), **elsewhere)
    pages = AfterKey("listed", "has_more")
    named = {f"types[{place}]": one for place, one in enumerate(types)}
    return Standing(
        RestResource(name, record, records="data", pages=pages, ask=_asking(name, lambda _window: {}), sparse=True),
        RestResource(
            name,
            event,
            records="data",
            pages=pages,
            ask=_asking("events", lambda window: {**named, "created[gte]": str((window.since or 0) // 1_000_000)}),
            newest_first=True,
        ),
        kept=KEPT,
    )


def _asking(path: str, more: Callable[[Window], dict[str, str]]) -> AskFor:
    def ask(window: Window, step: Step) -> Ask:
        after = {"starting_after": step["listed"]} if "listed" in step else {}
        return Ask(path, {"limit": "100", **more(window), **after})

    return ask


def _of_mode(read: Secret, *, test: bool) -> Secret:
    """The key, where it is of the kind that is meant."""

    def key() -> str:
        found = read()
        if ("_test_" in found[:10]) != test:
            raise DefinitionError(
                f"Stripe's key is one for {'live' if test else 'test'} data.",
                advice="Take one of the other kind, or set `test_mode` to what is meant.",
                path=("test_mode",),
            )
        return found

    return key
