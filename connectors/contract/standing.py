"""Resources of which a vendor has two lists: how all records stand, and what changed of late.

    customers = Standing(
        RestResource("customers", Customer, "customers", …),
        RestResource("customers", nested(Customer, ("data", "object"), changed=("created",)), "events", …),
        kept="30d",
    )

The list of how things stand has no filter by change. So it is read at first, and changes after that; it is read again
where the last pull is longer ago than the vendor keeps changes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any

import pyarrow as pa
from pydantic import AliasPath, create_model
from pydantic import Field as ModelField

from passerelle.connectors.contract.durations import microseconds
from passerelle.connectors.contract.records import Record
from passerelle.connectors.contract.rest import RestResource
from passerelle.connectors.contract.source import Context, Page, State
from passerelle.connectors.contract.two_ways import TwoWays
from passerelle.connectors.http import Session
from passerelle.connectors.quota import Quota

_WHOLE = "whole"


def nested(record: type[Record], under: tuple[str | int, ...], **elsewhere: tuple[str | int, ...]) -> type[Record]:
    """The same record where a vendor keeps it within another: its fields stand `under` that key, or where said."""
    made: dict[str, Any] = {}
    for name, field in record.model_fields.items():
        alias = field.validation_alias
        path = alias.path if isinstance(alias, AliasPath) else [name]
        there = elsewhere.get(name, (*under, *path))
        default = ... if field.is_required() else field.default
        found = ModelField(default=default, validation_alias=AliasPath(*there))
        made[name] = (Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation, found)
    kept: dict[str, Any] = {"grain": record.grain, "event": record.event}
    return create_model(record.__name__, __base__=record, __cls_kwargs__=kept, **made)


@dataclass(frozen=True)
class Standing(TwoWays):
    """Two lists of the same records. What `whole` says is true of the moment that its pull began, by our clock.

    The vendor keeps `changes` for as long as `kept`. The shape is that of `changes`.
    """

    whole: RestResource
    changes: RestResource
    kept: str

    @property
    def later(self) -> RestResource:
        """What changed."""
        return self.changes

    def probe(self, session: Session, quota: Quota | None) -> None:
        """The first page of each: they may need rights of their own."""
        self.whole.probe(session, quota)
        self.changes.probe(session, quota)

    def walk(self, session: Session, quota: Quota | None, state: State | None, context: Context) -> Iterator[Page]:
        """All records at first, then what changed; all of them again where changes are missing."""
        if state is not None and not state.get(_WHOLE) and not self._lapsed(state, context.now):
            yield from self.changes.walk(session, quota, state, context)
            return
        under_way = state if state is not None and state.get(_WHOLE) else None
        lapse = [] if state is None or under_way is not None else [self._told()]
        for page in self.whole.walk(session, quota, under_way, context):
            ended = page.state["step"] is None
            moved = {name: page.state[name] for name in ("since", "until", "step")}
            yield replace(
                page,
                rows=self._dated(page),
                state=moved if ended else {**page.state, _WHOLE: True},
                warnings=(*lapse, *page.warnings),
            )
            lapse = []

    def _lapsed(self, state: State, now: int) -> bool:
        known: Any = state["until"] if state.get("step") is None else state["since"]
        return known is not None and now - int(known) > microseconds(self.kept) - microseconds(self.changes.overlap)

    def _told(self) -> str:
        return (
            f"{self.name}: the last pull is longer ago than changes are kept, so all records are read again. "
            "Who was deleted in between is not known: erase these people here as well."
        )

    def _dated(self, page: Page) -> pa.Table:
        """The page's rows as of the moment when its list began to be read."""
        cursor = self.shape.cursor
        if cursor is None:
            return page.rows
        place = page.rows.column_names.index(cursor.name)
        moment = pa.scalar(page.state["until"], pa.int64()).cast(page.rows.schema.field(place).type)
        return page.rows.set_column(place, cursor.name, pa.repeat(moment, page.rows.num_rows))


__all__ = ["Standing", "nested"]
