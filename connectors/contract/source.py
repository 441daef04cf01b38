"""What a source promises, and what it may know.

The engine (`workflows.pull`) asks each resource for its pages, and after each page keeps, in this order, what the
page says of people and consent, its rows in the lake, and the state after it. So a pull that dies goes on after the
last page that was kept, and a page that comes twice changes nothing.

A source never casts, hashes or normalises: it hands over the columns that the shape asks for, as they stand.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Protocol

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, JsonValue

from passerelle.connectors.contract.records import Shape

if TYPE_CHECKING:
    from passerelle.connectors.contract.destination import Check
    from passerelle.privacy.consent.signals.contract import RecordSignal

SAID = Shape("person", ())
"""The shape of records that have no fields of their own."""

State = Mapping[str, JsonValue]
"""Where a resource stands, as JSON: cursor values, file names and digests, page tokens. Never an identifier."""

QUARANTINE = pa.schema([("place", pa.string()), ("field", pa.string()), ("reason", pa.string())])
"""Records that could not be read: where they stand (file and line), in which field, why. Never a value."""


def quarantined(lines: Iterable[tuple[str, str, str]]) -> pa.Table:
    """A table of `QUARANTINE` out of (place, field, reason)."""
    columns = list(zip(*lines, strict=True)) or [(), (), ()]
    return pa.table([pa.array(column, pa.string()) for column in columns], schema=QUARANTINE)


RECORDS = pa.schema([("record", pa.binary()), ("place", pa.string())])
"""A page of a resource that is heard: each record's JSON as it stood, and where."""


@dataclass(frozen=True, slots=True)
class Hears:
    """Records of a consent platform, of which only what they say of consent is kept: read by `signal`, as a whole.

    `adapter` stands beside each event that comes of them.
    """

    signal: "RecordSignal"
    adapter: str


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of record of a source."""

    name: str
    shape: Shape
    timezone: str | None = None
    """Of its times that say none; None: the workspace's."""
    by_job: bool = False
    """The vendor prepares it as a file on request, which costs."""
    hears: Hears | None = None
    """Its records are consent and nothing else; then its shape is `SAID`, and its pages' rows are `RECORDS`."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a pull may know of its surroundings."""

    now: int
    """Microseconds since 1970 UTC: when this pull began. Cursor values after it are not believed."""
    timezone: str = "UTC"
    """Of times that say none."""
    page_rows: int = 131_072
    """About how many rows a page may have."""
    sample: bool = False
    """Only a look: where there are several ways, the one that costs the vendor least."""


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """Some records, and the state once they are kept.

    `rows` has a column for each field of the shape, named by the field, as text or in the source's own type.
    `places` gives, for row numbers of this page, where these records stand (`contacts.csv:17`), for quarantine; None
    where the key's digest must do. `begins` voids what was quarantined before at places that begin with it.
    `watermark` is set on the last page: up to when (µs) the source is now known completely.
    `warnings` are for people: new columns, files that vanished; they quote no value.
    """

    rows: pa.Table
    state: State
    places: Callable[[pa.Array], pa.Array] | None = None
    begins: str | None = None
    quarantined: pa.Table = field(default_factory=QUARANTINE.empty_table)
    watermark: int | None = None
    total: int | None = None
    warnings: tuple[str, ...] = ()


class SourceSettings(BaseModel):
    """Base of each source's settings, as they stand under `sources:` in `passerelle.yaml`. Closed and strict."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
    kind: str


class Source(Protocol):
    """A system that people, events and consents come from. Errors raised are those of `connectors.errors`.

    The class itself is the entry point (`passerelle.sources`): `Settings` is its part of `passerelle.yaml`, and it is
    made by `cls(name, settings, folder=folder)`, which reads no secret and reaches nothing yet; relative paths are
    taken from `folder`.

    A source that waits for a vendor's answers says so by `side_by_side`: how many of its resources may be pulled at the
    same time, each in a thread of its own. One that says nothing is pulled alone. `limits`, where there is one, tells
    what is left of each quota.
    """

    Settings: ClassVar[type[SourceSettings]]

    @property
    def name(self) -> str:
        """Its name in `passerelle.yaml`."""
        ...

    @property
    def resources(self) -> Sequence[Resource]:
        """Its kinds of record, in the order they are pulled."""
        ...

    def pull(self, resource: Resource, state: State | None, context: Context) -> Iterator[Page]:
        """Everything new or changed since `state` (None: everything), in pages.

        A record may come again (overlap, resumption); none may be missed. Raises `DefinitionError` where a named
        column is not there, `TryLater` where the source is down, `Refused` where it will not.
        """
        ...

    def check(self) -> "list[Check]":
        """What `doctor` shows: is it there, may we read it, are the named columns there? Reads no record."""
        ...


def table_name(source: Source, resource: Resource) -> str:
    """The lake's name for a resource: its source's, followed by its own where there are several."""
    return source.name if len(source.resources) == 1 else f"{source.name}.{resource.name}"
