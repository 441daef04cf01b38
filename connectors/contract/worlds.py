"""A vendor's fake in the hands of the conformance suite: records made from the model, in the vendor's own form."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from passerelle.connectors.contract.casting import TRUE
from passerelle.connectors.contract.fake_vendor import FakeVendor
from passerelle.connectors.contract.fakes import fakes
from passerelle.connectors.contract.records import FieldShape, Shape
from passerelle.connectors.contract.roles import Key, Kind
from passerelle.connectors.contract.source import Resource, Source

BAD = 999_999
"""Number of the record that cannot be read."""


class VendorWorld:
    """A connector and its vendor's fake. `source` reaches the fake, which runs until `close`.

    `lacks` says which promises the vendor cannot keep, and why: nothing is left out silently.
    """

    def __init__(
        self,
        vendor: FakeVendor,
        *,
        resource: str = "",
        lacks: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.vendor = vendor
        self.lacks = lacks
        self._wanted = resource
        self._lost: set[str] = set()
        vendor.start()

    source: Source

    @property
    def resource(self) -> Resource:
        """The resource in question: the one named, or the first."""
        return next(one for one in self.source.resources if self._wanted in {"", one.name})

    def close(self) -> None:
        """Stop the fake. Raises `AssertionError` where something broke the vendor's contract."""
        self.vendor.stop()
        if self.vendor.broken:
            raise AssertionError(f"the vendor's contract is broken: {self.vendor.broken[0][:2000]}")

    def put(self, rows: pa.Table) -> None:
        """Have the vendor hold these records."""
        shape = self.resource.shape
        for row in rows.to_pylist():
            self._hold(str(row[shape.keys[0]]), wire(shape, row))

    def spoil(self, canary: str) -> None:
        """Have it hold one whose number, date or truth value is none."""
        shape = self.resource.shape
        record = wire(shape, fakes(shape, [BAD]).to_pylist()[0])
        found = [one for one in shape.fields if one.native is not Kind.STRING and not one.role(Key)]
        field = next((one for one in found if one.kind is not Kind.STRING), found[0])
        _set(record, field.path or (field.asked,), canary)
        self._hold(str(BAD), record)

    def lose(self, column: str) -> None:
        """From now on no record has this key."""
        self._lost.add(column)
        for record in self.vendor.held.get(self.resource.name, {}).values():
            record.pop(column, None)

    def _hold(self, key: str, record: dict[str, Any]) -> None:
        kept = {name: value for name, value in self.dressed(record).items() if name not in self._lost}
        self.vendor.put(self.resource.name, key, kept)

    def dressed(self, record: dict[str, Any]) -> dict[str, Any]:
        """The record with what else the vendor always sends; by default as it is."""
        return record


def wire(shape: Shape, row: Mapping[str, str]) -> dict[str, Any]:
    """A record of text as JSON of the vendor's form: values where the model looks for them, of the model's types."""
    record: dict[str, Any] = {}
    for one in shape.fields:
        _set(record, one.path or (one.asked,), _value(one, row[one.name]))
    return record


def _value(field: FieldShape, text: str) -> Any:  # noqa: ANN401 - any JSON
    if text == "":
        return False if field.native is Kind.BOOLEAN else None
    match field.native:
        case Kind.INTEGER:
            return int(text)
        case Kind.NUMBER:
            return float(text)
        case Kind.MONEY:
            return float(text.replace(",", "."))
        case Kind.BOOLEAN:
            return text.casefold() in TRUE
        case _:
            return text


def _set(record: dict[str, Any], path: Sequence[str | int], value: object) -> None:
    place: Any = record
    for part, following in zip(path, [*path[1:], None], strict=True):
        inner: Any = value if following is None else [] if isinstance(following, int) else {}
        if isinstance(part, int):
            while len(place) <= part:
                place.append({})
            place[part] = inner if following is None or not place[part] else place[part]
        elif following is None:
            place[part] = value
        else:
            place.setdefault(part, inner)
        place = place[part]
