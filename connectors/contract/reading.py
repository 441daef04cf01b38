"""From a page's bytes to Arrow columns: validated straight from the bytes, converted page by page.

Where one record of a page is not what its model says, the page is gone through record by record, and that one goes to
quarantine, without its value.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Any

import pyarrow as pa
from pydantic import AliasPath, ConfigDict, TypeAdapter, ValidationError, create_model
from pydantic import Field as ModelField

from passerelle.connectors.contract.records import ARROW, FieldShape, Record, Shape
from passerelle.connectors.contract.roles import Kind
from passerelle.connectors.contract.source import QUARANTINE, quarantined
from passerelle.connectors.errors import Refused

_TEXT = {str, type(None)}


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """A page: its records, `rows` of the shape's fields, what was lost, what leads on, and how many were announced."""

    records: Sequence[Record]
    rows: pa.Table
    quarantined: pa.Table
    next: str | int | None = None
    announced: int | None = None

    @property
    def count(self) -> int:
        """How many records came, good or bad."""
        return int(self.rows.num_rows + self.quarantined.num_rows)


@dataclass(frozen=True)
class Reader:
    """Reads pages of one resource. `records`, `found`, `count` are dotted places in the body; empty: none."""

    name: str
    record: type[Record]
    shape: Shape
    records: str = ""
    found: tuple[str, ...] = ()
    count: str = ""

    def read(self, body: bytes, number: int) -> Read:
        """Page `number`. Raises `Refused` where it has not the form that was agreed."""
        try:
            page = self._strict.validate_json(body)
            quarantined = QUARANTINE.empty_table()
        except ValidationError:
            page, quarantined = self._one_by_one(body, number)
        records = page if isinstance(page, list) else page.records
        rows = self.columns(records)
        if isinstance(page, list):
            return Read(records, rows, quarantined)
        return Read(records, rows, quarantined, page.next, page.count)

    def plain(self, body: bytes) -> list[Any]:
        """A page's records as they were sent."""
        try:
            page = self._loose.validate_json(body)
        except ValidationError:
            page = None
        if page is None:
            raise Refused(f"The answer about {self.name} has not the form that was agreed.")
        found: list[Any] = page if isinstance(page, list) else page.records
        return found

    def nothing(self) -> Read:
        """A page without records."""
        return Read((), self.columns(()), QUARANTINE.empty_table())

    def columns(self, records: Sequence[Record]) -> pa.Table:
        """Records as columns."""
        return pa.table({one.name: _column(list(map(attrgetter(one.name), records)), one) for one in self.shape.fields})

    @cached_property
    def _strict(self) -> TypeAdapter[Any]:
        return TypeAdapter(self._page_of(self.record))

    @cached_property
    def _loose(self) -> TypeAdapter[Any]:
        return TypeAdapter(self._page_of(dict))

    def _page_of(self, record: type[Any]) -> Any:  # noqa: ANN401 - a model made here
        if not self.records:
            return list[record]  # type: ignore[valid-type]  # a type made at run time
        fields: dict[str, Any] = {
            "records": (list[record], ModelField(validation_alias=AliasPath(*_parts(self.records)))),  # type: ignore[valid-type]
            "next": (str | int | None, _optional(self.found)),
            "count": (int | None, _optional(_parts(self.count))),
        }
        config = ConfigDict(extra="ignore", hide_input_in_errors=True)
        return create_model("Page", __base__=None, __config__=config, **fields)

    def _one_by_one(self, body: bytes, number: int) -> tuple[Any, pa.Table]:
        good, bad = list[Record](), []
        for place, plain in enumerate(self.plain(body)):
            try:
                good.append(self.record.model_validate_json(json.dumps(plain)))
            except ValidationError as problem:
                bad.append((f"{self.name} page {number} record {place + 1}", *fault(problem)))
        lost = quarantined(bad)
        page = self._loose.validate_json(body)
        return (good, lost) if isinstance(page, list) else (page.model_copy(update={"records": good}), lost)


def fault(problem: ValidationError) -> tuple[str, str]:
    """What is wrong with a record, first of all: the field and the reason, without its value."""
    first = problem.errors(include_url=False, include_context=False, include_input=False)[0]
    return str(first["loc"][0]), str(first["type"])


def _parts(path: str) -> tuple[str, ...]:
    return tuple(path.split(".")) if path else ()


def _optional(path: tuple[str, ...]) -> Any:  # noqa: ANN401 - stands where any field's default does
    return ModelField(default=None, validation_alias=AliasPath(*path) if path else None)


def _column(values: list[Any], one: FieldShape) -> pa.Array:
    """In the type that the vendor sends, as the record says it; text where the field is to be text."""
    if one.native is Kind.MONEY or (one.native is Kind.STRING and any(type(value) not in _TEXT for value in values)):
        return pa.array([None if value is None else str(value) for value in values], pa.string())
    found = pa.array(values, ARROW[one.native])
    return found.cast(pa.string()) if one.kind is Kind.STRING else found
