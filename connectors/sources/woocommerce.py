"""WooCommerce, REST API v3: customers, and orders as events, those of guests included.

Facts: WooCommerce's and WordPress' own code; `docs/sources/woocommerce.md` says what is not known for sure.

- Lists are counted through, at most 100 at a time, in the order of numbers; `X-WP-Total` says how many there are. Pages
  go back a little, for records that vanish meanwhile.
- Customers have no filter by time, and are read whole, each time.
- `modified_after` of orders is compared with the shop's local time unless `dates_are_gmt` is set, and a `Z` would be
  turned into local time even then: so a plain moment is sent. The `*_gmt` fields say no zone, and are read as UTC.
- A list of orders leaves out the trash, which is a list of its own. What was deleted for good is in none.
- The order of a guest says that its customer is number 0. That of an erased person has an address that all such orders
  share: neither tells who it is.
"""

from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator
from pydantic import Field as Setting

from passerelle.connectors.authentication import Secret, StaticHeader
from passerelle.connectors.contract.access import ApiSettings
from passerelle.connectors.contract.asking import AskFor, Step, Window
from passerelle.connectors.contract.paging import TURN, InTurn, OffsetPage, Paginator
from passerelle.connectors.contract.records import Record, at, shape_of
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
from passerelle.connectors.errors import DefinitionError
from passerelle.connectors.exchange import Ask, Clock
from passerelle.connectors.http import Session
from passerelle.connectors.quota import AdaptivePace
from passerelle.privacy.vocabulary import Field

ERASED = "deleted@site.invalid"
"""What WordPress writes in place of an address that it erases."""

_SIZE = 100
_TOTAL = "header:x-wp-total"


def _somebody(number: object) -> object:
    return None if number == 0 else number


def _reachable(email: object) -> object:
    return None if email == ERASED else email


class WooCommerceSettings(ApiSettings):
    """`kind: woocommerce`. The token is the consumer key and its secret, with a colon between them."""

    kind: Literal["woocommerce"]
    shop: str = Setting(pattern=r"^https://[^\s@?#]+$", description="The shop's address, such as https://example.org.")
    role: str = Setting(
        "customer",
        pattern=r"^[a-z0-9_-]+$",
        description="The WordPress role of those who are customers; `all`: everybody with an account, staff included.",
    )


class Customer(Record, grain="person"):
    """Somebody with an account in the shop."""

    id: Annotated[int, Key(), Identifier(Field.EXTERNAL_ID, own=True)]
    email: Annotated[str | None, Identifier(Field.EMAIL)] = None
    first_name: Annotated[str | None, Identifier(Field.FIRST_NAME)] = None
    last_name: Annotated[str | None, Identifier(Field.LAST_NAME)] = None
    phone: Annotated[str | None, Identifier(Field.PHONE)] = at("billing", "phone")
    postal_code: Annotated[str | None, Identifier(Field.POSTAL_CODE)] = at("billing", "postcode")
    city: Annotated[str | None, Identifier(Field.CITY)] = at("billing", "city")
    country: Annotated[str | None, Identifier(Field.COUNTRY), Attribute()] = at("billing", "country")
    created: Annotated[datetime | None, Attribute(Kind.TIMESTAMP)] = at("date_created_gmt")
    modified: Annotated[datetime | None, Cursor()] = at("date_modified_gmt")
    has_paid: Annotated[bool | None, Attribute(Kind.BOOLEAN)] = at("is_paying_customer")


class Order(Record, grain="event", event="order"):
    """An order as it stands, of a customer or a guest."""

    id: Annotated[int, Key()]
    customer: Annotated[int | None, BeforeValidator(_somebody), Identifier(Field.EXTERNAL_ID, own=True)] = at(
        "customer_id"
    )
    email: Annotated[str | None, BeforeValidator(_reachable), Identifier(Field.EMAIL)] = at("billing", "email")
    ordered: Annotated[datetime | None, EventTime()] = at("date_created_gmt")
    modified: Annotated[datetime | None, Cursor()] = at("date_modified_gmt")
    paid: Annotated[datetime | None, Attribute(Kind.TIMESTAMP)] = at("date_paid_gmt")
    stage: Annotated[str | None, Attribute()] = at("status")
    total: Annotated[Decimal | None, Attribute(Kind.MONEY)] = None
    currency: Annotated[str | None, Attribute()] = None
    trashed: Annotated[str | None, Tombstone(("trash",))] = at("status")


class WooCommerce(RestSource):
    """Customers and orders."""

    Settings: ClassVar[type[SourceSettings]] = WooCommerceSettings
    side_by_side = 2

    def __init__(self, name: str, settings: WooCommerceSettings, *, folder: Path, clock: Clock | None = None) -> None:
        endpoint = settings.at(f"{settings.shop.rstrip('/')}/wp-json/wc/v3")
        login = StaticHeader("authorization", _pair(settings.secret(folder)), prefix="Basic ")
        pages = OffsetPage("offset", _SIZE, "per_page", back=20, total=_TOTAL)
        super().__init__(
            name,
            [
                _listed("customers", Customer, pages, lambda _window, _step: {"role": settings.role}),
                _listed("orders", Order, InTurn((pages, pages)), _changed),
            ],
            lambda: Session(endpoint, authentication=login, clock=clock),
            quotas={"": AdaptivePace(start=2, most=5)},
        )


def _listed(
    name: str, record: type[Record], pages: Paginator, more: Callable[[Window, Step], dict[str, str]]
) -> RestResource:
    return RestResource(name, record, pages=pages, ask=_asking(name, record, more), count=_TOTAL, timezone="UTC")


def _asking(name: str, record: type[Record], more: Callable[[Window, Step], dict[str, str]]) -> AskFor:
    names = [".".join(map(str, one.path or (one.asked,))) for one in shape_of(record).fields]
    fields = ",".join(dict.fromkeys(names))

    def ask(window: Window, step: Step) -> Ask:
        page = {name: value for name, value in step.items() if not name.startswith("#")}
        return Ask(name, {"_fields": fields, "orderby": "id", "order": "asc", **more(window, step), **page})

    return ask


def _changed(window: Window, step: Step) -> dict[str, str]:
    since = {} if window.since is None else {"modified_after": window.since_iso.rstrip("Z"), "dates_are_gmt": "true"}
    return {"status": "trash" if step[TURN] == "1" else "any", **since}


def _pair(read: Secret) -> Secret:
    """Key and secret as HTTP Basic sends them."""

    def pair() -> str:
        said = read()
        if ":" not in said:
            raise DefinitionError("WooCommerce's token must be the consumer key and its secret: `ck_…:cs_…`.")
        return b64encode(said.encode()).decode()

    return pair
