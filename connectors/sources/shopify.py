"""Shopify, Admin GraphQL 2026-10: customers, and orders as events.

The facts come from the introspection schema of that version; `docs/sources/shopify.md` says what is not known for sure.

- The first pull is a bulk operation for each resource: a file of JSON Lines, counted against `rootObjectCount`. One
  that failed brings nothing, whatever its `partialDataUrl` holds: the next pull submits another.
- Changes are read page by page, each page by what comes after the last number: so no list ends at 25,000, and a
  customer who changes meanwhile moves nowhere.
- `updated_at` of customers matches whole days, of the shop's time zone: it is asked for from the day before.
- `Customer.email`, `emailMarketingConsent` and their like are deprecated, and not asked for.
- No list holds deleted or merged customers, webhooks alone tell of them. Erased ones say REDACTED.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, ClassVar, Literal
from urllib.parse import urljoin

from pydantic import AliasPath
from pydantic import Field as Setting

from passerelle.connectors.authentication import Authentication, StaticHeader
from passerelle.connectors.contract.access import ApiSettings
from passerelle.connectors.contract.asking import Step, Window
from passerelle.connectors.contract.bulk import JsonLines
from passerelle.connectors.contract.first import FirstByJob
from passerelle.connectors.contract.graphql import selection
from passerelle.connectors.contract.jobs import Failed, JobResource, Ready
from passerelle.connectors.contract.keyset import AfterKey
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
    Tombstone,
    mailing,
    states,
)
from passerelle.connectors.contract.source import SourceSettings
from passerelle.connectors.errors import DefinitionError, Refused, TryLater
from passerelle.connectors.exchange import Ask, ByErrors, Clock, Reply, inside
from passerelle.connectors.http import Session
from passerelle.connectors.oauth import ClientCredentials, OAuth
from passerelle.connectors.quota import CostQuota
from passerelle.privacy.vocabulary import ADS, Channel, Field, Purpose

URL = "https://{shop}.myshopify.com/admin/api/2026-10"
_TOKEN = "x-shopify-access-token"  # noqa: S105 - a header's name
_PAGE = 250
_LONGEST_WORD = 40
_PATH = "graphql.json"

_SUBMIT = """mutation Submit($query: String!) {
  bulkOperationRunQuery(query: $query, groupObjects: false) { bulkOperation { id } userErrors { code } }
}"""
_POLL = "query Poll($id: ID!) { bulkOperation(id: $id) { status errorCode url rootObjectCount } }"
_UNDER_WAY = ("CREATED", "RUNNING", "CANCELING")
_BUSY = ("OPERATION_IN_PROGRESS", "LIMIT_REACHED")

_SALE = tuple(Consent(purpose, states(refused=("true",)), silent=("false",), blank="says_nothing") for purpose in ADS)
"""Sale and sharing of data is what every ads purpose is about."""

# Where nobody gave a date, Shopify puts the time of sending in its place: the flag alone counts, and only vetoes.
_EMAIL = Consent(
    Purpose.EMAIL_MARKETING,
    states(given=("SUBSCRIBED",), withdrawn=("UNSUBSCRIBED",)),
    at="email_marketing_at",
    silent=("not_subscribed", "pending", "invalid"),
)
_SMS = Consent(
    Purpose.SMS_MARKETING,
    states(given=("SUBSCRIBED",), withdrawn=("UNSUBSCRIBED",)),
    at="sms_marketing_at",
    silent=("never_subscribed", "pending", "redacted"),
)


class ShopifySettings(ApiSettings):
    """`kind: shopify`. One of `client_file`, `token_file`, `token_command` says how we are let in."""

    kind: Literal["shopify"]
    shop: str = Setting(pattern=r"^[a-z0-9][a-z0-9-]*$", description="The shop's name before `.myshopify.com`.")
    client_file: Path | None = Setting(
        None,
        description="A JSON file of mode 0600 with `client_id` and `client_secret` of an app of the Dev Dashboard.",
    )
    bulk: bool = Setting(True, description="Have the first pull prepared as a file by Shopify; false: page by page.")

    def _ways(self) -> dict[str, object]:
        return {**super()._ways(), "client_file": self.client_file}


class Customer(Record, grain="person"):
    """A customer, with or without an account."""

    id: Annotated[int, Key(), Identifier(Field.EXTERNAL_ID, own=True)] = Setting(
        validation_alias=AliasPath("legacyResourceId")
    )
    email: Annotated[str | None, Identifier(Field.EMAIL)] = at("defaultEmailAddress", "emailAddress")
    phone: Annotated[str | None, Identifier(Field.PHONE)] = at("defaultPhoneNumber", "phoneNumber")
    first_name: Annotated[str | None, Identifier(Field.FIRST_NAME)] = at("firstName")
    last_name: Annotated[str | None, Identifier(Field.LAST_NAME)] = at("lastName")
    postal_code: Annotated[str | None, Identifier(Field.POSTAL_CODE)] = at("defaultAddress", "zip")
    city: Annotated[str | None, Identifier(Field.CITY)] = at("defaultAddress", "city")
    country: Annotated[str | None, Identifier(Field.COUNTRY), Attribute()] = at("defaultAddress", "countryCodeV2")
    created_at: Annotated[datetime | None, Attribute(Kind.TIMESTAMP)] = at("createdAt")
    updated_at: Annotated[datetime | None, Cursor()] = at("updatedAt")
    orders: Annotated[int | None, Attribute(Kind.INTEGER)] = at("numberOfOrders")
    spent: Annotated[Decimal | None, Attribute(Kind.MONEY)] = at("amountSpent", "amount")
    spent_currency: Annotated[str | None, Attribute()] = at("amountSpent", "currencyCode")
    data_sale_opt_out: Annotated[bool | None, *_SALE] = at("dataSaleOptOut")
    email_marketing: Annotated[str | None, *mailing(_EMAIL, Channel.EMAIL)] = at(
        "defaultEmailAddress", "marketingState"
    )
    email_marketing_at: Annotated[datetime | None, Detail(Kind.TIMESTAMP)] = at(
        "defaultEmailAddress", "marketingUpdatedAt"
    )
    sms_marketing: Annotated[str | None, *mailing(_SMS, Channel.SMS)] = at(
        "defaultPhoneNumber", "smsMarketingConsent", "state"
    )
    sms_marketing_at: Annotated[datetime | None, Detail(Kind.TIMESTAMP)] = at(
        "defaultPhoneNumber", "smsMarketingConsent", "updatedAt"
    )
    erased: Annotated[str | None, Tombstone(("REDACTED",))] = at("defaultPhoneNumber", "smsMarketingConsent", "state")


class Order(Record, grain="event", event="order"):
    """An order as it stands, also of a guest, who has no customer's number. Test orders are not asked for."""

    id: Annotated[int, Key()] = Setting(validation_alias=AliasPath("legacyResourceId"))
    customer_id: Annotated[int | None, Identifier(Field.EXTERNAL_ID, own=True)] = at("customer", "legacyResourceId")
    email: Annotated[str | None, Identifier(Field.EMAIL)] = None
    processed_at: Annotated[datetime, EventTime()] = Setting(validation_alias=AliasPath("processedAt"))
    updated_at: Annotated[datetime | None, Cursor()] = at("updatedAt")
    cancelled_at: Annotated[datetime | None, Attribute(Kind.TIMESTAMP)] = at("cancelledAt")
    paid: Annotated[str | None, Attribute()] = at("displayFinancialStatus")
    total: Annotated[Decimal | None, Attribute(Kind.MONEY)] = at("currentTotalPriceSet", "shopMoney", "amount")
    currency: Annotated[str | None, Attribute()] = at("currentTotalPriceSet", "shopMoney", "currencyCode")


class Shopify(RestSource):
    """Customers and orders."""

    Settings: ClassVar[type[SourceSettings]] = ShopifySettings

    def __init__(self, name: str, settings: ShopifySettings, *, folder: Path, clock: Clock | None = None) -> None:
        clock = clock or Clock()
        url, login = settings.at(URL.format(shop=settings.shop)), _login(settings, folder, clock)
        asked = [
            _Asked("customers", Customer, _changed_customers),
            _Asked("orders", Order, _changed_orders, "test:false"),
        ]
        resources = [FirstByJob(one.by_job(), one.paged()) if settings.bulk else one.paged() for one in asked]
        super().__init__(
            name,
            resources,
            lambda: Session(url, authentication=login, judge=ByErrors(), clock=clock),
            quotas={"": CostQuota()},
        )


def _login(settings: ShopifySettings, folder: Path, clock: Clock) -> Authentication:
    if settings.client_file is None:
        return StaticHeader(_TOKEN, settings.secret(folder))
    url = urljoin(settings.at(URL.format(shop=settings.shop)).url, "/admin/oauth/access_token")
    grant = ClientCredentials(folder / settings.client_file)
    return OAuth(replace(settings.at(url), url=url), grant, header=_TOKEN, prefix="", clock=clock)


def _changed_customers(since: datetime) -> str:
    return f"updated_at:>='{since - timedelta(days=1):%Y-%m-%d}'"


def _changed_orders(since: datetime) -> str:
    return f"updated_at:>='{since:%Y-%m-%dT%H:%M:%SZ}'"


@dataclass(frozen=True)
class _Asked:
    """A list of the shop: its name there, its record, the condition on what changed, and one that always holds."""

    name: str
    record: type[Record]
    changed: Callable[[datetime], str]
    always: str = ""

    def paged(self) -> RestResource:
        """By pages, each after the last number."""
        document = (
            f"query Page($first: Int!, $query: String) {{ {self.name}(first: $first, query: $query, sortKey: ID)"
            f" {{ nodes {{ {selection(shape_of(self.record))} }} pageInfo {{ hasNextPage }} }} }}"
        )

        def ask(window: Window, step: Step) -> Ask:
            conditions = [*self._conditions(window), *([f"id:>={int(step['id']) + 1}"] if "id" in step else [])]
            variables = {"first": _PAGE, "query": " AND ".join(conditions) or None}
            return Ask(_PATH, method="POST", json={"query": document, "variables": variables})

        found = f"data.{self.name}"
        pages = AfterKey("id", f"{found}.pageInfo.hasNextPage")
        return RestResource(self.name, self.record, records=f"{found}.nodes", pages=pages, ask=ask)

    def by_job(self) -> JobResource:
        """Everything, as a file."""

        def submit(window: Window) -> Ask:
            conditions = " AND ".join(self._conditions(window))
            narrowed = f'(query: "{conditions}")' if conditions else ""
            inner = f"{{ {self.name}{narrowed} {{ edges {{ node {{ {selection(shape_of(self.record))} }} }} }} }}"
            return Ask(_PATH, method="POST", json={"query": _SUBMIT, "variables": {"query": inner}})

        def poll(job: str) -> Ask:
            return Ask(_PATH, method="POST", json={"query": _POLL, "variables": {"id": job}})

        return JobResource(
            self.name,
            self.record,
            submit=submit,
            job=_begun,
            poll=poll,
            ready=lambda reply: _ready(reply, self.name),
            format=JsonLines(quoted=True),
            elsewhere=True,
        )

    def _conditions(self, window: Window) -> list[str]:
        since = [] if window.since is None else [self.changed(datetime.fromtimestamp(window.since // 1_000_000, UTC))]
        return [*([self.always] if self.always else []), *since]


def _begun(reply: Reply) -> str:
    """The operation's id. Raises `TryLater` where others run as many as there may be."""
    payload = "data.bulkOperationRunQuery"
    found = reply.at(f"{payload}.bulkOperation.id")
    if isinstance(found, str):
        return found
    if reply.at(f"{payload}.userErrors.0.code") in _BUSY:
        raise TryLater("As many of Shopify's bulk operations are under way as there may be.")
    raise Refused("Shopify takes no bulk operation for this.")


def _ready(reply: Reply, name: str) -> Ready | Failed | None:
    found = reply.at("data.bulkOperation")
    status, code = (str(inside(found, one)) for one in ("status", "errorCode"))
    if status in _UNDER_WAY:
        return None
    if status == "COMPLETED":
        count = str(inside(found, "rootObjectCount"))
        if not count.isdigit():
            raise Refused("Shopify does not say how many records its file has.")
        return Ready(str(inside(found, "url") or ""), int(count))
    said = f"Shopify's bulk operation for {name} brought not everything ({_word(status)}, {_word(code)})."
    if code == "ACCESS_DENIED":
        return Failed(DefinitionError(said, advice="The app needs the scopes, and access to protected customer data."))
    return Failed(TryLater(said, advice="The next pull submits another; if it fails again, set `bulk: false`."))


def _word(said: str) -> str:
    """An enum's value, as a message may repeat it."""
    return said if said.replace("_", "").isalpha() and len(said) < _LONGEST_WORD else "unknown"
