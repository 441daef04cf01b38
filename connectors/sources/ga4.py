"""Google Analytics 4, Data API v1beta: what known users did, by day and event.

The facts come from Google's own messages (google-analytics-data 0.23.3); `docs/sources/ga4.md` says what is not known.

- A report knows no people, unless a user-scoped custom dimension holds the number by which the shop knows them.
- Figures change for days after: each pull reads the last four days again, by the property's own calendar.
- Where thresholds were applied, events sampled, or rows rolled into "(other)" or cut, what is missing is not said: such
  a report is refused, or read with a warning where the settings accept it.
- Fewer rows than `rowCount` says are a failure. An empty report has neither.
- An audience export is who is in an audience now, with the User-ID of the site; of those without one, it is nobody's.
- Tokens by the hour and by the day are the property's: where none are left, nothing is asked for an hour.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator
from pydantic import Field as Setting

from passerelle.connectors.body_quota import BodyQuota
from passerelle.connectors.contract.access import Reached
from passerelle.connectors.contract.asking import Step, Window
from passerelle.connectors.contract.bulk_json import JsonParts
from passerelle.connectors.contract.jobs import Failed, JobResource, Ready
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
    states,
)
from passerelle.connectors.contract.source import SourceSettings
from passerelle.connectors.contract.walk import Look
from passerelle.connectors.errors import DefinitionError, Refused, TryLater
from passerelle.connectors.exchange import Ask, Clock, Reply, inside
from passerelle.connectors.http import Endpoint, Session
from passerelle.connectors.oauth import JwtBearer, OAuth
from passerelle.privacy.vocabulary import ADS, EvidenceGrade, Field

URL = "https://analyticsdata.googleapis.com/v1beta"
TOKENS = "https://oauth2.googleapis.com/token"
SCOPE = "https://www.googleapis.com/auth/analytics.readonly"
_MOST_ROWS = 10_000
_DAY = 8
_KIND = "analyticsData#runReport"


def _iso(day: object) -> object:
    """Google's 20261121 as 2026-11-21."""
    plain = str(day)
    if len(plain) != _DAY or not plain.isdigit():
        raise ValueError("no day")
    return f"{plain[:4]}-{plain[4:6]}-{plain[6:]}"


_ADS = tuple(
    Consent(purpose, states(refused=("false", "(not set)")), grade=EvidenceGrade.C, at="taken", silent=("true",))
    for purpose in ADS
)
"""Of a browser on one site: a no vetoes, a yes says nothing. Google says to take "(not set)" for a no."""


class Ga4Settings(Reached, SourceSettings):
    """`kind: ga4`."""

    kind: Literal["ga4"]
    property: str = Setting(pattern=r"^[0-9]+$", description="The property's number.")
    service_account_file: Path = Setting(description="A service account's key file, mode 0600, as it is downloaded.")
    person: str = Setting(
        pattern=r"^[A-Za-z][A-Za-z0-9_]{0,39}$",
        description="The user-scoped custom dimension that holds the number by which the shop knows its customers.",
    )
    audiences: dict[str, str] = Setting(
        default_factory=dict, description="Audiences to export, by a name of yours: their numbers. Needs User-ID."
    )
    events: tuple[str, ...] = Setting((), description="Which events, by name; none: all.")
    start: date | None = Setting(None, description="The first day to read; by default 90 days ago.")
    timezone: str = Setting("UTC", description="The property's time zone, by which it counts days.")
    incomplete: Literal["refuse", "warn"] = Setting(
        "refuse", description="What to do with a report that is sampled, thresholded, rolled up or cut."
    )


class Activity(Record, grain="event"):
    """How often a known user did something on a day, and what it was worth in the property's currency."""

    person: Annotated[str, Key(), Identifier(Field.EXTERNAL_ID)] = at("dimensionValues", 1, "value")
    which: Annotated[str, Key()] = at("dimensionValues", 2, "value")
    name: Annotated[str, EventName()] = at("dimensionValues", 2, "value")
    day: Annotated[str, BeforeValidator(_iso), Key(), EventTime(), Cursor()] = at("dimensionValues", 0, "value")
    count: Annotated[int | None, Attribute(Kind.INTEGER)] = at("metricValues", 0, "value")
    value: Annotated[Decimal | None, Attribute(Kind.MONEY)] = at("metricValues", 1, "value")


class InAudience(Record, grain="event", event="in_audience"):
    """A known user was in an audience of Analytics when it was exported. Who is not in the next export left it."""

    person: Annotated[str, Key(), Identifier(Field.EXTERNAL_ID)] = at("dimensionValues", 0, "value")
    taken: Annotated[str, Key(), EventTime(), Cursor()]
    ads: Annotated[str | None, *_ADS] = at("dimensionValues", 1, "value")


class Ga4(RestSource):
    """Activity of known users, and the audiences that were named."""

    Settings: ClassVar[type[SourceSettings]] = Ga4Settings

    def __init__(self, name: str, settings: Ga4Settings, *, folder: Path, clock: Clock | None = None) -> None:
        clock = clock or Clock()
        endpoint = settings.at(URL)
        tokens = TOKENS if settings.endpoint is None else f"{endpoint.url}/token"
        grant = JwtBearer(folder / settings.service_account_file, TOKENS, SCOPE)
        login = OAuth(Endpoint(tokens, allow_private=settings.allow_private), grant, clock=clock)
        activity = RestResource(
            "activity",
            Activity,
            records="rows",
            count="rowCount",
            overlap="4d",
            pages=OffsetPage("offset", _MOST_ROWS, "limit", total="rowCount"),
            ask=lambda window, step: Ask(
                f"properties/{settings.property}:runReport", method="POST", json=_report(settings, window, step)
            ),
            look=lambda reply: _look(reply, settings),
            timezone=settings.timezone,
        )
        super().__init__(
            name,
            [activity, *(_export(settings, *one) for one in sorted(settings.audiences.items()))],
            lambda: Session(endpoint, authentication=login, clock=clock),
            quotas={"": BodyQuota("propertyQuota")},
        )


def _report(settings: Ga4Settings, window: Window, step: Step) -> Mapping[str, Any]:
    """Of each day, from a day before the window begins: the property's days are not ours."""
    dimensions = ["date", f"customUser:{settings.person}", "eventName"]
    known = {"filter": {"fieldName": dimensions[1], "inListFilter": {"values": ["(not set)", ""]}}}
    filters: list[Mapping[str, Any]] = [{"notExpression": known}]
    if settings.events:
        filters.append({"filter": {"fieldName": "eventName", "inListFilter": {"values": list(settings.events)}}})
    return {
        "dateRanges": [{"startDate": _first_day(settings, window), "endDate": "today"}],
        "dimensions": [{"name": one} for one in dimensions],
        "metrics": [{"name": "eventCount"}, {"name": "eventValue"}],
        "dimensionFilter": {"andGroup": {"expressions": filters}},
        "orderBys": [{"dimension": {"dimensionName": one}} for one in dimensions],
        "returnPropertyQuota": True,
        **step,
    }


def _export(settings: Ga4Settings, name: str, audience: str) -> JobResource:
    """A list of who is in an audience now; it takes Google some minutes to write."""
    place = f"properties/{settings.property}"
    wanted = {
        "audience": f"{place}/audiences/{audience}",
        "dimensions": [{"dimensionName": one} for one in ("userId", "isAdsPersonalizationAllowed")],
    }
    return JobResource(
        f"audience_{name}",
        InAudience,
        submit=lambda _window: Ask(f"{place}/audienceExports", method="POST", json=wanted),
        job=lambda reply: reply.at("response.name"),
        poll=Ask,
        ready=lambda reply: _ready(reply, name),
        fetch=lambda job, part: Ask(f"{job}:query", method="POST", json={"offset": part, "limit": str(_MOST_ROWS)}),
        counted=True,
        format=JsonParts(
            InAudience,
            "audienceRows",
            same={"taken": "audienceExport.beginCreatingTime"},
            named=lambda one: inside(one, "dimensionValues.0.value") not in {None, "", "(not set)"},
        ),
    )


def _ready(reply: Reply, name: str) -> Ready | Failed | None:
    state, count = reply.at("state"), reply.at("rowCount")
    if state == "CREATING":
        return None
    if state != "ACTIVE":
        advice = "Often the property's tokens are used up; the next pull asks for another."
        return Failed(TryLater(f"Google could not export the audience {name}.", advice=advice))
    return Ready("0", count) if isinstance(count, int) and count else Ready("", 0)


def _first_day(settings: Ga4Settings, window: Window) -> str:
    if window.since is None:
        return "90daysAgo" if settings.start is None else settings.start.isoformat()
    since = datetime.fromtimestamp(window.since // 1_000_000, UTC) - timedelta(days=1)
    return since.date().isoformat()


def _look(reply: Reply, settings: Ga4Settings) -> Look:
    """What the report says of itself. Raises `Refused` where it is not whole and that was not accepted."""
    whole = reply.at("")
    metadata = inside(whole, "metadata") or {}
    zone = inside(metadata, "timeZone")
    if zone is not None and zone != settings.timezone:
        advice = "Set `timezone:` to the one that stands in the property's settings, and pull with --full."
        raise DefinitionError("The property counts its days in another time zone than `timezone:` says.", advice=advice)
    reasons = _reasons(metadata)
    if reasons and settings.incomplete == "refuse":
        advice = "Read fewer days or `events:` at a time, or accept it with `incomplete: warn`."
        raise Refused(f"The report is not whole: {'; '.join(reasons)}.", advice=advice)
    nothing = inside(whole, "kind") == _KIND and inside(whole, "rows") is None and not inside(whole, "rowCount")
    return Look(tuple(f"activity is not whole: {one}" for one in reasons), nothing=nothing)


def _reasons(metadata: Mapping[str, Any]) -> list[str]:
    said = {
        "subjectToThresholding": "small figures were left out (thresholding)",
        "dataLossFromOtherRow": 'rare values were rolled into "(other)"',
        "samplingMetadatas": "only a sample of the events was counted",
        "dataTruncationReasons": "rows were cut",
    }
    return [words for name, words in said.items() if metadata.get(name)]
