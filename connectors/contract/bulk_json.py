"""Results that come as JSON objects with a list in them, some thousands of rows at a time: read like a page."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from passerelle.connectors.contract.bulk import Block
from passerelle.connectors.contract.reading import Reader
from passerelle.connectors.contract.records import Record, Shape
from passerelle.connectors.errors import Refused
from passerelle.connectors.exchange import inside


@dataclass(frozen=True, slots=True)
class JsonParts:
    """Each part is one object, with its records at `records`, a dotted path.

    `same` puts what stands elsewhere in the object (dotted) into each of its records, by name. Records that `named` is
    false of are nobody's: they count, and are left out.
    """

    record: type[Record]
    records: str
    same: Mapping[str, str] = field(default_factory=dict)
    named: Callable[[Any], bool] = lambda _record: True

    def tables(self, blocks: Iterator[bytes], shape: Shape) -> Iterator[Block]:
        """One block for the part. Raises `Refused` where it has not the form that was agreed."""
        body = b"".join(blocks)
        if not body:
            return
        try:
            whole = json.loads(body)
        except ValueError:
            whole = None
        found = inside(whole, self.records)
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise Refused("A part of the vendor's result has not the form that was agreed.")
        shared = {name: inside(whole, place) for name, place in self.same.items()}
        known = [{**one, **shared} for one in found if self.named(one)]
        read = Reader(self.records, self.record, shape).read(json.dumps(known).encode(), 1)
        yield Block(read.rows, read.quarantined.num_rows, len(found) - len(known))
