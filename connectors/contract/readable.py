"""What a source over HTTP is made of."""

from collections.abc import Iterator
from typing import Protocol

from passerelle.connectors.contract.records import Shape
from passerelle.connectors.contract.source import Context, Page, State
from passerelle.connectors.http import Session
from passerelle.connectors.quota import Quota


class Readable(Protocol):
    """A kind of record and how it is read: `RestResource`, `JobResource`, or what is made of them (`FirstByJob`)."""

    @property
    def name(self) -> str:
        """Its name at the source."""
        ...

    @property
    def shape(self) -> Shape:
        """What its records are."""
        ...

    @property
    def quota(self) -> str:
        """The source's limit that it counts against."""
        ...

    @property
    def timezone(self) -> str | None:
        """Of its times that say none."""
        ...

    @property
    def by_job(self) -> bool:
        """It comes by job alone."""
        ...

    def probe(self, session: Session, quota: Quota | None) -> None:
        """Ask for as little as shows whether we are let in."""
        ...

    def walk(self, session: Session, quota: Quota | None, state: State | None, context: Context) -> Iterator[Page]:
        """Its pages; each one's state leads to the next."""
        ...
