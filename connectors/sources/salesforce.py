"""Salesforce, Bulk API 2.0 of version 67.0 (Summer '26): contacts, leads, deals as events; individuals and consents.

`docs/sources/salesforce.md` says where each fact comes from, and what is not known for sure.

- Everything comes by query jobs over `queryAll`, which has deleted rows while they are in the recycle bin. Results come
  in parts by locators, which stay good while the job exists: a pull that was cut goes on at its part.
- A merge deletes the loser, whose `MasterRecordId` names the winner. Converted leads stay leads.
- Changes are those of `SystemModstamp`. Formula fields change without it, so none is read.
- Requests of the day are shared with everybody: no more is asked once nine tenths are used.
- Tokens may say nothing of their end; then they are renewed after half an hour. Too many requests is a 403.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AliasPath, create_model, model_validator
from pydantic import Field as Setting

from passerelle.connectors.contract.access import Reached
from passerelle.connectors.contract.asking import Window
from passerelle.connectors.contract.bulk import dotted
from passerelle.connectors.contract.jobs import Failed, JobResource, Ready
from passerelle.connectors.contract.records import Record, at, shape_of
from passerelle.connectors.contract.rest import RestSource
from passerelle.connectors.contract.roles import (
    Attribute,
    Consent,
    Cursor,
    Detail,
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
from passerelle.connectors.errors import DefinitionError, Refused, TryLater
from passerelle.connectors.exchange import Ask, ByCode, Clock, Reply, Verdict
from passerelle.connectors.http import Endpoint, Session
from passerelle.connectors.oauth import ClientCredentials, Grant, JwtBearer, OAuth
from passerelle.connectors.quota import ShareQuota
from passerelle.privacy.vocabulary import ADS, Channel, EvidenceGrade, Field, Purpose

VERSION = "v67.0"
URL = "https://{domain}.my.salesforce.com"
_JOBS = f"services/data/{VERSION}/jobs/query"
_PART_ROWS = 50_000
_UNDER_WAY = frozenset({"UploadComplete", "InProgress"})
_USED = r"api-usage=([0-9]+)/([0-9]+)"
_CODES = {
    "REQUEST_LIMIT_EXCEEDED": Verdict.THROTTLED,
    "INVALID_SESSION_ID": Verdict.DENIED,
    "INVALID_FIELD": Verdict.DENIED,  # so a field is called that the user may not see
    "INVALID_TYPE": Verdict.DENIED,
}

Own = Annotated[str | None, Identifier(Field.EXTERNAL_ID, own=True)]
Flag = states(refused=("true",))


def _against(*purposes: Purpose, channel: Channel | None = None) -> tuple[Consent, ...]:
    """A flag that refuses these where it is true, and says nothing where it is not."""
    return tuple(
        Consent(purpose, Flag, silent=("false",), blank="says_nothing", channel=channel) for purpose in purposes
    )


_BY_EMAIL = Consent(Purpose.EMAIL_MARKETING, states(withdrawn=("true",)), silent=("false",))


class SalesforceSettings(Reached, SourceSettings):
    """`kind: salesforce`. One of `client_file` and `jwt_file` says how we are let in."""

    kind: Literal["salesforce"]
    domain: str = Setting(
        pattern=r"^[a-z0-9][a-z0-9-]*(\.[a-z0-9-]+)*$",
        description="My Domain: what stands before `.my.salesforce.com`.",
    )
    client_file: Path | None = Setting(
        None, description="A JSON file of mode 0600 with `client_id` and `client_secret` of an External Client App."
    )
    jwt_file: Path | None = Setting(
        None, description="A JSON file of mode 0600 with `client_id`, `username` and `private_key` (PEM)."
    )
    sandbox: bool = Setting(False, description="A sandbox: statements are signed for test.salesforce.com.")
    deals: bool = Setting(True, description="Read opportunities of contacts, by their contact roles.")
    individuals: bool = Setting(False, description="Read Individual, which needs Data Protection and Privacy.")
    purposes: dict[str, Purpose] = Setting(
        default_factory=dict,
        description="Read ContactPointTypeConsent for these data use purposes, by name; what each is a consent to.",
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.client_file is None) == (self.jwt_file is None):
            raise DefinitionError("Give either `client_file` or `jwt_file`.", path=("client_file",))
        return self

    def grant(self, folder: Path) -> Grant:
        """What a token is asked for with."""
        if self.client_file is not None:
            return ClientCredentials(folder / self.client_file)
        audience = f"https://{'test' if self.sandbox else 'login'}.salesforce.com"
        return JwtBearer(folder / (self.jwt_file or ""), audience)


class Kept(Record):
    """What every row has."""

    id: Annotated[str, Key(), Identifier(Field.EXTERNAL_ID, own=True)] = Setting(validation_alias=AliasPath("Id"))
    changed: Annotated[str | None, Cursor()] = at("SystemModstamp")
    deleted: Annotated[bool, Tombstone()] = at("IsDeleted", default=False)


class Person(Kept):
    """What contacts and leads have in common."""

    email: Annotated[str | None, Identifier(Field.EMAIL)] = at("Email")
    phone: Annotated[str | None, Identifier(Field.PHONE)] = at("Phone")
    mobile: Annotated[str | None, Identifier(Field.PHONE)] = at("MobilePhone")
    first_name: Annotated[str | None, Identifier(Field.FIRST_NAME)] = at("FirstName")
    last_name: Annotated[str | None, Identifier(Field.LAST_NAME)] = at("LastName")
    individual: Own = at("IndividualId")
    merged_into: Annotated[str | None, MergedInto()] = at("MasterRecordId")
    created: Annotated[str | None, Attribute(Kind.TIMESTAMP)] = at("CreatedDate")
    lead_source: Annotated[str | None, Attribute()] = at("LeadSource")
    opted_out: Annotated[bool | None, *mailing(_BY_EMAIL, Channel.EMAIL)] = at("HasOptedOutOfEmail")


class Contact(Person, grain="person"):
    """A contact."""

    city: Annotated[str | None, Identifier(Field.CITY)] = at("MailingCity")
    postal_code: Annotated[str | None, Identifier(Field.POSTAL_CODE)] = at("MailingPostalCode")
    country: Annotated[str | None, Identifier(Field.COUNTRY)] = at("MailingCountry")


class Lead(Person, grain="person"):
    """A lead, converted or not."""

    city: Annotated[str | None, Identifier(Field.CITY)] = at("City")
    postal_code: Annotated[str | None, Identifier(Field.POSTAL_CODE)] = at("PostalCode")
    country: Annotated[str | None, Identifier(Field.COUNTRY)] = at("Country")
    status: Annotated[str | None, Attribute()] = at("Status")
    converted: Annotated[bool | None, Attribute(Kind.BOOLEAN)] = at("IsConverted")


class Deal(Record, grain="event", event="opportunity"):
    """An opportunity as it stands, of each contact that has a role in it."""

    id: Annotated[str, Key()] = Setting(validation_alias=AliasPath("Id"))
    contact: Own = at("ContactId")
    changed: Annotated[str | None, EventTime(), Cursor()] = at("Opportunity", "SystemModstamp")
    stage: Annotated[str | None, Attribute()] = at("Opportunity", "StageName")
    won: Annotated[bool | None, Attribute(Kind.BOOLEAN)] = at("Opportunity", "IsWon")
    closed: Annotated[bool | None, Attribute(Kind.BOOLEAN)] = at("Opportunity", "IsClosed")
    closes: Annotated[str | None, Attribute(Kind.DATE)] = at("Opportunity", "CloseDate")
    amount: Annotated[Decimal | None, Attribute(Kind.MONEY)] = at("Opportunity", "Amount")
    deleted: Annotated[bool, Tombstone()] = at("IsDeleted", default=False)


class Individual(Kept, grain="person"):
    """What a person wants done with their data; tied to contacts and leads by its id. Flags only ever refuse."""

    processing: Annotated[bool | None, *_against(*Purpose)] = at("HasOptedOutProcessing")
    forget: Annotated[bool | None, *_against(*Purpose)] = at("ShouldForget")
    solicit: Annotated[bool | None, *_against(*ADS, Purpose.EMAIL_MARKETING, Purpose.SMS_MARKETING)] = at(
        "HasOptedOutSolicit"
    )
    profiling: Annotated[bool | None, *_against(Purpose.PROFILING_SEGMENTATION)] = at("HasOptedOutProfiling")
    tracking: Annotated[bool | None, *_against(*ADS, channel=Channel.WEB)] = at("HasOptedOutTracking")


class PointConsent(Record, grain="person"):
    """A consent to be contacted in some way for one purpose; each record speaks for itself."""

    id: Annotated[str, Key()] = Setting(validation_alias=AliasPath("Id"))
    changed: Annotated[str | None, Cursor()] = at("SystemModstamp")
    deleted: Annotated[bool, Tombstone()] = at("IsDeleted", default=False)
    party: Own = at("PartyId")
    captured: Annotated[str | None, Detail(Kind.TIMESTAMP)] = at("CaptureDate")
    ends: Annotated[str | None, Detail(Kind.TIMESTAMP)] = at("EffectiveTo")


class Salesforce(RestSource):
    """Contacts, leads, deals; individuals and consents where they are asked for."""

    Settings: ClassVar[type[SourceSettings]] = SalesforceSettings

    def __init__(self, name: str, settings: SalesforceSettings, *, folder: Path, clock: Clock | None = None) -> None:
        clock = clock or Clock()
        endpoint = settings.at(URL.format(domain=settings.domain))
        token = Endpoint(f"{endpoint.url}/services/oauth2/token", allow_private=settings.allow_private)
        login = OAuth(token, settings.grant(folder), clock=clock)
        resources = [_queried("contacts", Contact, "Contact", _changed), _queried("leads", Lead, "Lead", _changed)]
        if settings.deals:
            resources.append(_queried("deals", Deal, "OpportunityContactRole", _changed_deals))
        if settings.individuals:
            resources.append(_queried("individuals", Individual, "Individual", _changed))
        for number, (words, purpose) in enumerate(sorted(settings.purposes.items()), 1):
            of = _in_force(words)
            resources.append(_queried(f"consents_{number}", _consent_to(purpose), "ContactPointTypeConsent", of))
        super().__init__(
            name,
            resources,
            lambda: Session(endpoint, authentication=login, judge=ByCode("0.errorCode", _CODES), clock=clock),
            quotas={"": ShareQuota("sforce-limit-info", _USED)},
        )


def _consent_to(purpose: Purpose) -> type[Record]:
    """A record whose status is a consent to `purpose`. Held against ads it only vetoes: it is about being contacted."""
    role = Consent(
        purpose,
        states(given=("OptIn",), withdrawn=("OptOut",)),
        grade=EvidenceGrade.B,
        at="captured",
        valid_until="ends",
        silent=("notseen", "seen", "optinpending"),
        channel=Channel.EMAIL if purpose in ADS else None,
    )
    field: Any = (Annotated[str | None, role], at("PrivacyConsentStatus"))
    return create_model("PointConsent", __base__=PointConsent, status=field)


def _changed(window: Window) -> list[str]:
    return [] if window.since is None else [f"SystemModstamp >= {window.since_iso}"]


def _changed_deals(window: Window) -> list[str]:
    since = window.since_iso
    both = f"(SystemModstamp >= {since} OR Opportunity.SystemModstamp >= {since})"
    return [] if window.since is None else [both]


def _in_force(purpose: str) -> Callable[[Window], list[str]]:
    """Those of a data use purpose, but for a yes that is yet to begin: it comes once it has begun."""
    words = purpose.replace("\\", "\\\\").replace("'", "\\'")

    def conditions(window: Window) -> list[str]:
        until = window.until_iso
        begun = f"(PrivacyConsentStatus != 'OptIn' OR EffectiveFrom = null OR EffectiveFrom <= {until})"
        since = window.since_iso
        changed = f"(SystemModstamp >= {since} OR (EffectiveFrom >= {since} AND EffectiveFrom <= {until}))"
        return [f"DataUsePurpose.Name = '{words}'", begun, *([] if window.since is None else [changed])]

    return conditions


def _queried(name: str, record: type[Record], kind: str, conditions: Callable[[Window], list[str]]) -> JobResource:
    def submit(window: Window) -> Ask:
        columns = ", ".join(dict.fromkeys(dotted(one) for one in shape_of(record).fields))
        where = " AND ".join(conditions(window))
        soql = f"SELECT {columns} FROM {kind}{f' WHERE {where}' if where else ''}"  # noqa: S608 - SOQL, our own names
        return Ask(_JOBS, method="POST", json={"operation": "queryAll", "query": soql})

    def fetch(job: str, part: str) -> Ask:
        locator: Mapping[str, str] = {"locator": part} if part else {}
        return Ask(f"{_JOBS}/{job}/results", {"maxRecords": str(_PART_ROWS), **locator}, headers={"accept": "text/csv"})

    return JobResource(
        name,
        record,
        submit=submit,
        job=lambda reply: reply.at("id"),
        poll=lambda job: Ask(f"{_JOBS}/{job}"),
        ready=lambda reply: _ready(reply, name),
        fetch=fetch,
        following=lambda headers: headers.get("sforce-locator"),
    )


def _ready(reply: Reply, name: str) -> Ready | Failed | None:
    state, count = reply.at("state"), reply.at("numberRecordsProcessed")
    if state in _UNDER_WAY:
        return None
    if state != "JobComplete":
        said = "was stopped" if state == "Aborted" else "failed"
        return Failed(TryLater(f"Salesforce's job for {name} {said}.", advice="The next pull submits another."))
    if not isinstance(count, int):
        raise Refused(f"Salesforce does not say how many records its job for {name} found.")
    return Ready(rows=count)
