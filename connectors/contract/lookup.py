"""Resources that a vendor tells only of records that are named: those of another resource's pages are asked about.

    opt_outs = Lookup("opt_outs", OptOut, by=contacts, named="email", ask=about, records="results")

The window, the pages and the state are those of `by`; what it brings itself is not handed over here.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from passerelle.connectors.contract.reading import Reader
from passerelle.connectors.contract.records import Record, Shape, shape_of
from passerelle.connectors.contract.rest import RestResource
from passerelle.connectors.contract.source import Context, Page, State
from passerelle.connectors.exchange import Ask
from passerelle.connectors.http import Session
from passerelle.connectors.quota import Quota


@dataclass(frozen=True)
class Lookup:
    """One kind of record, asked for by what stands in the field `named` of `by`'s records, `most` at a time.

    `records` is where the answer has them. Requests of `by` count against its own limit, those made here against
    `pace`. A name that the vendor says nothing about is no record.
    """

    name: str
    record: type[Record]
    by: RestResource
    named: str
    ask: Callable[[Sequence[str]], Ask]
    records: str = ""
    most: int = 100
    pace: Quota | None = None
    timezone: str | None = None
    by_job: ClassVar[bool] = False

    @cached_property
    def shape(self) -> Shape:
        """What its records are."""
        return shape_of(self.record)

    @property
    def quota(self) -> str:
        """The limit of the pages that name what is asked about."""
        return self.by.quota

    def probe(self, session: Session, quota: Quota | None) -> None:  # noqa: ARG002 - of the protocol
        """A question about nobody. Raises what keeps us from it."""
        session.send(self.ask(()), quota=self.pace)

    def walk(self, session: Session, quota: Quota | None, state: State | None, context: Context) -> Iterator[Page]:
        """A page for each page of `by`, with the state after it."""
        reader = Reader(self.name, self.record, self.shape, self.records)
        for number, page in enumerate(self.by.walk(session, quota, state, context), start=1):
            names = pc.unique(page.rows.column(self.named).combine_chunks().cast(pa.string()).drop_null()).to_pylist()
            read = [reader.nothing()]
            for start in range(0, len(names), self.most):
                asked = self.ask(names[start : start + self.most])
                read.append(reader.read(session.send(asked, quota=self.pace).body, number))
            yield replace(
                page,
                rows=pa.concat_tables([one.rows for one in read]),
                quarantined=pa.concat_tables([page.quarantined, *(one.quarantined for one in read)]),
                total=None,
            )
