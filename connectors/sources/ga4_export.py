"""Google Analytics 4, BigQuery export: what known users did, event by event, from the tables of finished days.

Google's own description of the export says:

- `events_YYYYMMDD` holds a day, and changes for up to three days after it: those are read again by each pull.
- `events_intraday_YYYYMMDD` is unfinished and deleted when the day is: it is never read.
- `users_YYYYMMDD` may hold people who did not consent: it is not read. `privacy_info` stands with each event; it
  vetoes, and grants nothing.

A statement reads one day's table, so what it bills is known, and a pull that was cut goes on at its day.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

import pyarrow as pa
from pydantic import Field as Setting

from passerelle.connectors.contract.own_fields import with_attributes
from passerelle.connectors.contract.records import FieldShape, Record, shape_of
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
from passerelle.connectors.contract.source import Context, Page, Resource, SourceSettings, State
from passerelle.connectors.errors import DefinitionError
from passerelle.connectors.sources.sql.bigquery import BigQuery
from passerelle.connectors.sources.sql.settings import SIZE, bytes_of
from passerelle.connectors.sources.sql.source import in_pages
from passerelle.connectors.sources.sql.warehouse import folders
from passerelle.privacy.errors import PasserelleError
from passerelle.privacy.vocabulary import ADS, EvidenceGrade, Field

if TYPE_CHECKING:
    from passerelle.connectors.contract.destination import Check

EVENTS = "events"
_DAY = re.compile(r"events_(\d{8})")
_LATE = timedelta(days=3)
_FIRST = timedelta(days=90)
_MAY_LACK = ("batch_event_index", "privacy_info", "ecommerce")
"""Columns that tables of older days do not have."""

_ADS = tuple(
    Consent(
        purpose,
        states(refused=("no",)),
        grade=EvidenceGrade.C,
        at="happened",
        silent=("yes",),
        blank="says_nothing",
    )
    for purpose in ADS
)


class Ga4ExportSettings(SourceSettings):
    """`kind: ga4_export`."""

    kind: Literal["ga4_export"]
    url: str = Setting(description="bigquery://project/analytics_123456?location=EU: where Google exports to.")
    key_file: Path | None = Setting(None, description="A service account's key (JSON), mode 0600.")
    most_billed: str = Setting("10GB", pattern=SIZE, description="A day that would bill more bytes is not read.")
    events: tuple[str, ...] = Setting((), description="Which events, by name; none: all.")
    parameters: dict[str, Kind] = Setting(
        default_factory=dict, description="Parameters of events that segments use, by name, each with its type."
    )
    start: date | None = Setting(None, description="The first day to read; by default 90 days ago.")


class Happened(Record, grain="event"):
    """Something that a signed-in user did. What users without a User-ID did is nobody's, and not read."""

    person: Annotated[str, Key(), Identifier(Field.EXTERNAL_ID)]
    name: Annotated[str, EventName()]
    which: Annotated[str, Key()]
    happened: Annotated[datetime, Key(), EventTime(), Cursor()]
    bundle: Annotated[int | None, Key()]
    place: Annotated[int | None, Key()]
    revenue: Annotated[Decimal | None, Attribute(Kind.MONEY)]
    ads: Annotated[str | None, *_ADS]


_COLUMNS = {
    "person": "user_id",
    "name": "event_name",
    "which": "event_name",
    "happened": "TIMESTAMP_MICROS(event_timestamp)",
    "bundle": "event_bundle_sequence_id",
    "place": "batch_event_index",
    "revenue": "ecommerce.purchase_revenue",
    "ads": "privacy_info.ads_storage",
}
_PARAMETER = (
    "(SELECT MAX(COALESCE(one.value.string_value, CAST(one.value.int_value AS STRING), "
    "CAST(one.value.double_value AS STRING), CAST(one.value.float_value AS STRING))) "
    "FROM UNNEST(event_params) AS one WHERE one.key = ?)"
)


class Ga4Export:
    """The events of finished days."""

    Settings: ClassVar[type[SourceSettings]] = Ga4ExportSettings

    def __init__(self, name: str, settings: Ga4ExportSettings, *, folder: Path) -> None:
        self.name = name
        self._settings = settings
        self._where = urlsplit(settings.url)
        if self._where.scheme != "bigquery" or len(folders(self._where)) != 1 or self._where.password is not None:
            raise DefinitionError("The export's address is bigquery://project/analytics_123456.", path=("url",))
        self._dataset = folders(self._where)[0]
        self._key = None if settings.key_file is None else folder / settings.key_file
        record = with_attributes(Happened, settings.parameters, under=("event_params",), setting="parameters")
        self._shape = shape_of(record)
        self._price = ""

    @property
    def resources(self) -> Sequence[Resource]:
        """One: the events."""
        return (Resource(EVENTS, self._shape, "UTC"),)

    @property
    def limits(self) -> dict[str, str]:
        """What the last pull cost."""
        return {"cost": self._price}

    def pull(self, _resource: Resource, state: State | None, context: Context) -> Iterator[Page]:
        """Day by day, the last three of the pull before again; then the state of the whole."""
        said: Any = state or {}
        mark = said.get("mark")
        with self._server() as server:
            days = [day for day in self._days(server) if day >= self._first(said, context)]
            for day in days:
                for rows in in_pages(self._rows(server, day), context.page_rows):
                    self._price = server.price
                    yield Page(rows, {"mark": mark, "next": day.isoformat()})
        last = days[-1].isoformat() if days else mark
        yield Page(self._shape.schema.empty_table(), {"mark": last, "next": None}, watermark=context.now)

    def check(self) -> "list[Check]":
        """The dataset answers, and has days."""
        from passerelle.connectors.contract.destination import Check

        try:
            with self._server() as server:
                days = self._days(server)
        except PasserelleError as problem:
            return [Check(f"source {self.name}", "failed", problem.message, problem.advice)]
        told = f"{len(days)} days of events, the last one {days[-1]}" if days else "no day of events yet"
        return [Check(f"source {self.name}", "ok" if days else "warning", f"{self._dataset} has {told}.")]

    def _server(self) -> BigQuery:
        return BigQuery(self._where, self._key, bytes_of(self._settings.most_billed))

    def _days(self, server: BigQuery) -> list[date]:
        found = (_DAY.fullmatch(name) for name in server.tables(self._dataset))
        return sorted(datetime.strptime(one[1], "%Y%m%d").replace(tzinfo=UTC).date() for one in found if one)

    def _first(self, said: Any, context: Context) -> date:  # noqa: ANN401 - JSON
        if said.get("next"):
            return date.fromisoformat(said["next"])
        if said.get("mark"):
            return date.fromisoformat(said["mark"]) - _LATE
        return self._settings.start or datetime.fromtimestamp(context.now / 1e6, UTC).date() - _FIRST

    def _rows(self, server: BigQuery, day: date) -> Iterator[pa.Table]:
        table = f"`{self._dataset}`.`events_{day:%Y%m%d}`"
        lacks = set(_MAY_LACK) - {column.name for column in server.columns(table)}
        shown = ", ".join(f"{_shown(field, lacks)} AS {field.name}" for field in self._shape.fields)
        names = [field.path[1] for field in self._shape.fields if field.path]
        chosen = (
            f" AND event_name IN ({', '.join('?' for _ in self._settings.events)})" if self._settings.events else ""
        )
        sql = f"SELECT {shown} FROM {table} WHERE user_id != ''{chosen}"  # noqa: S608 - our own names
        return server.rows(sql, (*map(str, names), *self._settings.events))


def _shown(field: FieldShape, lacks: set[str]) -> str:
    if field.path:
        return _PARAMETER
    column = _COLUMNS[field.name]
    return "NULL" if column.partition(".")[0] in lacks else column
