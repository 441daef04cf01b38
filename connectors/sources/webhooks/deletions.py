"""Source `webhook_deletions`: a vendor tells that records are gone which another source brought from there.

Some vendors list nobody who was deleted, and tell of it by webhook alone. What such a delivery names is gone from the
other source's table as if a pull had seen it: the person leaves, and what that record said of consent has ended.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from passerelle.connectors.contract.records import ARROW, FieldShape, Shape
from passerelle.connectors.contract.roles import Kind, Tombstone
from passerelle.connectors.contract.source import Context, Page, Resource, SourceSettings, State, quarantined
from passerelle.connectors.errors import DefinitionError
from passerelle.connectors.sources.webhooks.receiving import Delivery, InboxSettings, Receiver

if TYPE_CHECKING:
    from passerelle.connectors.contract.destination import Check


class WebhookDeletions(InboxSettings):
    """`kind: webhook_deletions`."""

    kind: Literal["webhook_deletions"]
    of: str = Field(
        pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$",
        description="Whose records are gone: a source, or one of its tables, such as shopify.customers.",
    )
    key: str = Field(min_length=1, description="Where in the record its key stands, such as customer.id.")


class Deletions:
    """Deliveries that name what is gone."""

    Settings: ClassVar[type[SourceSettings]] = WebhookDeletions

    def __init__(self, name: str, settings: WebhookDeletions, *, folder: Path) -> None:
        self.name = name
        self.of = settings.of
        self.receiver = Receiver(name, settings, folder)
        self._key = settings.key

    @property
    def resources(self) -> Sequence[Resource]:
        """None: it brings no records of its own."""
        return ()

    def pull(self, _resource: Resource, _state: State | None, _context: Context) -> Iterator[Page]:
        """Nothing."""
        yield from ()

    def check(self) -> "list[Check]":
        """The secrets are there."""
        return self.receiver.check()

    def page(self, resource: Resource, deliveries: Sequence[Delivery], state: State, now: int) -> Page:
        """Records of `resource` of which nothing is told but that they are gone; `state` and `now` (µs) stay its own.

        Raises `DefinitionError` where its records cannot be said to be gone.
        """
        shape = resource.shape
        tombstone = shape.one(Tombstone)
        if shape.grain != "person" or len(shape.keys) != 1 or tombstone is None:
            raise DefinitionError(
                f"{self.of} cannot be told by {self.name} that records are gone.",
                advice="It takes people with one key, and a field that says that they are deleted.",
            )
        lost: list[tuple[str, str, str]] = []
        keys: list[str] = []
        for each in self.receiver.received(deliveries, lost):
            key = each.value(self._key)
            if isinstance(key, str | int) and not isinstance(key, bool):
                keys.append(str(key))
            else:
                lost.append((each.place, self._key, "missing"))
        rows = pa.table({one.name: _column(shape, one, keys, now) for one in shape.fields})
        return Page(rows, state, quarantined=quarantined(lost))


def _column(shape: Shape, one: FieldShape, keys: Sequence[str], now: int) -> pa.Array:
    tombstone = one.role(Tombstone)
    if one.name == shape.keys[0]:
        return pa.array(keys, pa.string())
    if tombstone is not None:
        gone = pa.scalar(tombstone.values[0]) if tombstone.values else pa.scalar(value=True)
        return pa.repeat(gone, len(keys))
    if shape.cursor is one and one.kind is Kind.TIMESTAMP:
        return pa.repeat(pa.scalar(now, ARROW[Kind.TIMESTAMP]), len(keys))
    return pa.nulls(len(keys), pa.string())
