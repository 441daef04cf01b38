"""Matomo, Reporting API of Matomo 5: what known visitors did, visit by visit.

Facts: Matomo's own code (5.2); `docs/sources/matomo.md` says what is not known.

- Visits are known people's only where the site tells Matomo who is signed in (User ID): of others none is asked for.
- Offsets are not to be relied on: a visit that goes on moves to the end and pulls others past us, and Matomo skips too
  much itself where a period is longer than a day. So each page is asked for by the time of the one before, and oldest
  first; that time is of whole seconds, and is compared by `>`.
- The moments of a visit are seconds since 1970. The one that changes is that of its last action.
- A refusal may come as HTTP 200 with `{"result": "error"}`.
- The token goes out in the body of a POST: tokens may be refused in an address, and would stand in logs.
- Measurement that is exempt from consent (CNIL) may serve nothing but measurement: it is not read.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field as Setting
from pydantic import model_validator

from passerelle.connectors.authentication import FormToken
from passerelle.connectors.contract.access import ApiSettings
from passerelle.connectors.contract.asking import Step, Window
from passerelle.connectors.contract.keyset import LATER, PAST, LaterThan
from passerelle.connectors.contract.records import Record, at
from passerelle.connectors.contract.rest import RestResource, RestSource
from passerelle.connectors.contract.roles import Attribute, Cursor, EventTime, Identifier, Key, Kind
from passerelle.connectors.contract.source import SourceSettings
from passerelle.connectors.contract.walk import Look
from passerelle.connectors.errors import DefinitionError, Refused
from passerelle.connectors.exchange import Ask, Clock, Reply
from passerelle.connectors.http import Session
from passerelle.connectors.quota import AdaptivePace
from passerelle.privacy.vocabulary import Field

_AT_FIRST = 90 * 86_400


class MatomoSettings(ApiSettings):
    """`kind: matomo`."""

    kind: Literal["matomo"]
    server: str = Setting(pattern=r"^https://[^\s@?#]+$", description="Where Matomo stands: https://stats.example.org.")
    site: int = Setting(ge=1, description="The site's number at Matomo.")
    user_id: Literal["external_id", "email"] = Setting(
        description="What the site gives as User ID: the number that other sources know people by, or their address."
    )
    consent_asked: bool = Setting(
        False,
        description="Visitors are asked before they are measured, and told that it serves advertising too.",
    )
    visits_a_request: int = Setting(
        500, ge=2, le=10_000, description="How many visits to ask for at once; fewer where Matomo runs out of time."
    )
    start: date | None = Setting(None, description="The first day (UTC) to read; by default 90 days ago.")

    @model_validator(mode="after")
    def _not_exempt(self) -> Self:
        if not self.consent_asked:
            raise DefinitionError(
                "Matomo's visits are not read: nothing says that visitors were asked before they were measured.",
                advice="Measurement without consent (CNIL's exemption) may serve nothing but measurement. Where "
                "visitors are asked, and told that it serves advertising too, set `consent_asked: true`.",
                path=("consent_asked",),
            )
        return self


class Visit(Record, grain="event", event="visit"):
    """A visit of somebody who was signed in, as it stands: it may go on."""

    id: Annotated[int, Key()] = at("idVisit", default=...)
    user: Annotated[str | None, Identifier(Field.EXTERNAL_ID)] = at("userId")
    began: Annotated[datetime | None, EventTime()] = at("firstActionTimestamp")
    changed: Annotated[datetime | None, Cursor()] = at("lastActionTimestamp")
    seconds: Annotated[int | None, Attribute(Kind.INTEGER)] = at("visitDuration")
    actions: Annotated[int | None, Attribute(Kind.INTEGER)] = None
    searches: Annotated[int | None, Attribute(Kind.INTEGER)] = None
    goals: Annotated[int | None, Attribute(Kind.INTEGER)] = at("goalConversions")
    shopping: Annotated[str | None, Attribute()] = at("visitEcommerceStatus")
    came_by: Annotated[str | None, Attribute()] = at("referrerType")
    device: Annotated[str | None, Attribute()] = at("deviceType")


class VisitByAddress(Visit, grain="event", event="visit"):
    """The same, where the User ID is an address."""

    user: Annotated[str | None, Identifier(Field.EMAIL)] = at("userId")


class Matomo(RestSource):
    """One site's visits."""

    Settings: ClassVar[type[SourceSettings]] = MatomoSettings

    def __init__(self, name: str, settings: MatomoSettings, *, folder: Path, clock: Clock | None = None) -> None:
        endpoint = settings.at(settings.server.rstrip("/"))
        token = FormToken("token_auth", settings.secret(folder))
        visits = RestResource(
            "visits",
            VisitByAddress if settings.user_id == "email" else Visit,
            pages=LaterThan("changed", settings.visits_a_request),
            ask=lambda window, step: Ask("index.php", method="POST", form=_visits(settings, window, step)),
            look=_look,
        )
        super().__init__(
            name,
            [visits],
            lambda: Session(endpoint, authentication=token, clock=clock),
            quotas={"": AdaptivePace(start=2, most=5)},
        )


def _visits(settings: MatomoSettings, window: Window, step: Step) -> Mapping[str, str]:
    return {
        "module": "API",
        "method": "Live.getLastVisitsDetails",
        "format": "json",
        "idSite": str(settings.site),
        "segment": "userId!=",
        "minTimestamp": step.get(LATER, str(_first(settings, window) - 1)),
        "filter_sort_order": "asc",
        "filter_limit": str(settings.visits_a_request),
        "filter_offset": step.get(PAST, "0"),
        "doNotFetchActions": "1",
        "showColumns": ",".join(window.asked),
    }


def _first(settings: MatomoSettings, window: Window) -> int:
    """The first second to read."""
    if window.since is not None:
        return window.since // 1_000_000
    if settings.start is not None:
        return int(datetime(settings.start.year, settings.start.month, settings.start.day, tzinfo=UTC).timestamp())
    return window.until // 1_000_000 - _AT_FIRST


def _look(reply: Reply) -> Look:
    """Matomo says what it refuses as if all were well."""
    if b'"result"' in reply.body and reply.at("result") == "error":
        raise Refused(
            "Matomo refuses to list the site's visits.",
            advice="Is `site:` right? In Matomo, the visits log and visitors' profiles must be enabled for it.",
        )
    return Look()
