"""Source `webhooks`: records that other systems send to the runner.

There is nothing to ask for: deliveries are kept as they come (`page`), people, consents and removals at once. A pull
only makes part of the lake what was kept beside it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import ValidationError, model_validator

from passerelle.connectors.contract.declared import RecordSettings
from passerelle.connectors.contract.paging import HEADER
from passerelle.connectors.contract.reading import Reader, fault
from passerelle.connectors.contract.records import Record, loose_record
from passerelle.connectors.contract.source import Context, Page, Resource, SourceSettings, State, quarantined
from passerelle.connectors.errors import DefinitionError
from passerelle.connectors.sources.webhooks.receiving import BODY, Delivery, InboxSettings, Receiver

if TYPE_CHECKING:
    from passerelle.connectors.contract.destination import Check

RECORDS = "records"


class WebhooksSettings(RecordSettings, InboxSettings):
    """`kind: webhooks`. A column may also be `header:NAME`, or `body:PLACE` from the top of the body."""

    kind: Literal["webhooks"]

    @model_validator(mode="after")
    def _replays(self) -> Self:
        shape = self.shape()
        if shape.grain == "person" and shape.cursor is None and not self.signature.made().timed:
            raise DefinitionError(
                "This signature has no time, so an old delivery that is sent again would put back what was.",
                advice="Mark the field that grows with each change, `cursor: timestamp`; what is older is left.",
                path=("fields",),
            )
        return self


class Webhooks:
    """Deliveries of one kind of record."""

    Settings: ClassVar[type[SourceSettings]] = WebhooksSettings

    def __init__(self, name: str, settings: WebhooksSettings, *, folder: Path) -> None:
        self.name = name
        self.receiver = Receiver(name, settings, folder)
        self._timezone = settings.timezone
        self._shape = settings.nested()
        self._record: type[Record] = loose_record(self._shape)
        self._reader = Reader(RECORDS, self._record, self._shape)

    @property
    def resources(self) -> Sequence[Resource]:
        """One: the records."""
        return (Resource(RECORDS, self._shape, timezone=self._timezone),)

    def pull(self, _resource: Resource, state: State | None, _context: Context) -> Iterator[Page]:
        """Nothing to ask for. Who says nothing may have nothing to say, so it is known until its last delivery."""
        newest: Any = (state or {}).get("newest", 0)
        yield Page(self._reader.columns(()), dict(state or {}), watermark=newest)

    def check(self) -> "list[Check]":
        """The secrets are there."""
        return self.receiver.check()

    def page(self, deliveries: Sequence[Delivery], now: int) -> Page:
        """What they hold; `now` in microseconds. What is no record goes to quarantine, without its value."""
        records: list[Record] = []
        lost: list[tuple[str, str, str]] = []
        outer = [one.asked for one in self._shape.fields if one.asked.startswith((HEADER, BODY))]
        for each in self.receiver.received(deliveries, lost):
            try:
                records.append(
                    self._record.model_validate({**each.plain, **{name: each.value(name) for name in outer}})
                )
            except ValidationError as problem:
                lost.append((each.place, *fault(problem)))
        return Page(self._reader.columns(records), {"newest": now}, quarantined=quarantined(lost))
