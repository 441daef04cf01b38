"""PrestaShop, webservice: customers, and orders as events.

Facts: PrestaShop's own code and its pages for developers; `docs/sources/prestashop.md` says what is not known.

- Fields are named one by one: `display=full` would bring passwords' hashes and tokens to reset them.
- Lists are read in the order of numbers, each page after the last one, until a page is empty; that one is `[]`, without
  the key that a page has.
- Orders are asked for by `date_upd`, which needs `date=1`. Customers are read whole, each time: whoever leaves the
  newsletter by its module keeps the old `date_upd`.
- Moments are in the shop's zone and do not say so; one that never was is `0000-00-00 00:00:00`. Where clocks go back an
  hour comes twice, so windows overlap by more than that.
- The privacy module gives the orders of people whom it deletes to one anonymous customer, whose address is nobody's.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, field_validator
from pydantic import Field as Setting

from passerelle.connectors.authentication import Basic
from passerelle.connectors.contract.access import ApiSettings
from passerelle.connectors.contract.asking import AskFor, Step, Window
from passerelle.connectors.contract.keyset import PAST, AfterKey
from passerelle.connectors.contract.records import Record, at, shape_of
from passerelle.connectors.contract.rest import RestResource, RestSource
from passerelle.connectors.contract.roles import (
    Attribute,
    Consent,
    Cursor,
    EventTime,
    Identifier,
    Key,
    Kind,
    Tombstone,
    states,
)
from passerelle.connectors.contract.source import SourceSettings
from passerelle.connectors.contract.walk import Look
from passerelle.connectors.errors import DefinitionError
from passerelle.connectors.exchange import Ask, Clock, Reply
from passerelle.connectors.http import Session
from passerelle.connectors.quota import AdaptivePace
from passerelle.privacy.vocabulary import ADS, Field, Purpose
from passerelle.privacy.zones import time_zones

ANONYMOUS = frozenset({"anonymous@psgdpr.com", "anonymous@anonymous.com"})
"""Addresses of the customer that stands for all who were erased."""

_SIZE = 500
_NEVER = "0000-00-00"


def _moment(said: object) -> object:
    return None if isinstance(said, str) and said.startswith(_NEVER) else said


def _reachable(email: object) -> object:
    return None if email in ANONYMOUS else email


def _somebody(number: object) -> object:
    return None if number in {0, "0"} else number


_NEWSLETTER = Consent(Purpose.EMAIL_MARKETING, states(given=("1",), refused=("0",)))
_PARTNERS = tuple(Consent(purpose, states(given=("1",), refused=("0",))) for purpose in ADS)
"""Offers of partners are as near as PrestaShop comes to advertising: without that tick there is none."""


class PrestaShopSettings(ApiSettings):
    """`kind: prestashop`."""

    kind: Literal["prestashop"]
    shop: str = Setting(pattern=r"^https://[^\s@?#]+$", description="The shop's address, such as https://example.org.")
    timezone: str = Setting("Europe/Paris", description="The shop's zone, as its settings have it.")

    @field_validator("timezone")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in time_zones():
            raise DefinitionError(f"{value!r} is no time zone.", advice="Write it like Europe/Paris.")
        return value


class Customer(Record, grain="person"):
    """A customer, or a guest of the shop, who is a customer without a password."""

    id: Annotated[int, Key(), Identifier(Field.EXTERNAL_ID, own=True)]
    email: Annotated[str | None, BeforeValidator(_reachable), Identifier(Field.EMAIL)] = None
    first_name: Annotated[str | None, Identifier(Field.FIRST_NAME)] = at("firstname")
    last_name: Annotated[str | None, Identifier(Field.LAST_NAME)] = at("lastname")
    created: Annotated[str | None, BeforeValidator(_moment), Attribute(Kind.TIMESTAMP)] = at("date_add")
    changed: Annotated[str | None, BeforeValidator(_moment), Cursor()] = at("date_upd")
    guest: Annotated[bool | None, Attribute(Kind.BOOLEAN)] = at("is_guest")
    newsletter: Annotated[str | None, _NEWSLETTER] = None
    partners: Annotated[str | None, *_PARTNERS] = at("optin")
    deleted: Annotated[bool, Tombstone()] = False


class Order(Record, grain="event", event="order"):
    """An order as it stands. `valid`: it counts as paid."""

    id: Annotated[int, Key()]
    customer: Annotated[int | None, BeforeValidator(_somebody), Identifier(Field.EXTERNAL_ID, own=True)] = at(
        "id_customer"
    )
    ordered: Annotated[str | None, BeforeValidator(_moment), EventTime()] = at("date_add")
    changed: Annotated[str | None, BeforeValidator(_moment), Cursor()] = at("date_upd")
    stage: Annotated[int | None, Attribute(Kind.INTEGER)] = at("current_state")
    paid: Annotated[bool | None, Attribute(Kind.BOOLEAN)] = at("valid")
    total: Annotated[Decimal | None, Attribute(Kind.MONEY)] = at("total_paid")
    currency: Annotated[int | None, Attribute(Kind.INTEGER)] = at("id_currency")


class PrestaShop(RestSource):
    """Customers and orders."""

    Settings: ClassVar[type[SourceSettings]] = PrestaShopSettings
    side_by_side = 2

    def __init__(self, name: str, settings: PrestaShopSettings, *, folder: Path, clock: Clock | None = None) -> None:
        endpoint = settings.at(f"{settings.shop.rstrip('/')}/api")
        login = Basic(settings.secret(folder))
        zone = ZoneInfo(settings.timezone)

        def changed(window: Window) -> dict[str, str]:
            if window.since is None:
                return {}
            since = datetime.fromtimestamp(window.since // 1_000_000, UTC).astimezone(zone)
            return {"date": "1", "filter[date_upd]": f">[{since:%Y-%m-%d %H:%M:%S}]"}

        super().__init__(
            name,
            [
                _listed("customers", Customer, lambda _window: {}, settings.timezone),
                _listed("orders", Order, changed, settings.timezone),
            ],
            lambda: Session(endpoint, authentication=login, clock=clock),
            quotas={"": AdaptivePace(start=2, most=5)},
        )


def _listed(
    name: str, record: type[Record], changed: Callable[[Window], dict[str, str]], timezone: str
) -> RestResource:
    return RestResource(
        name,
        record,
        records=name,
        pages=AfterKey("id"),
        ask=_asking(name, record, changed),
        overlap="2h",
        timezone=timezone,
        look=_looked,
    )


def _asking(name: str, record: type[Record], changed: Callable[[Window], dict[str, str]]) -> AskFor:
    fields = ",".join(dict.fromkeys(one.asked for one in shape_of(record).fields))

    def ask(window: Window, step: Step) -> Ask:
        after = {"filter[id]": f">[{step['id']}]"} if "id" in step else {}
        page = {"sort": "[id_ASC]", "limit": f"{step.get(PAST, '0')},{_SIZE}"}
        return Ask(name, {"output_format": "JSON", "display": f"[{fields}]", **page, **changed(window), **after})

    return ask


def _looked(reply: Reply) -> Look:
    return Look(nothing=reply.body.strip() == b"[]")
