"""Resources that are read by job at first, and page by page once only changes are wanted.

    customers = FirstByJob(JobResource("customers", Customer, …), RestResource("customers", Customer, …))

A job is what a vendor has for everything, and too much for the few records of an hour.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from passerelle.connectors.contract.jobs import JobResource
from passerelle.connectors.contract.rest import RestResource
from passerelle.connectors.contract.source import Context, Page, State
from passerelle.connectors.contract.two_ways import TwoWays
from passerelle.connectors.http import Session
from passerelle.connectors.quota import Quota


@dataclass(frozen=True)
class FirstByJob(TwoWays):
    """Two ways to the same records. The pages go on where the job's window ended."""

    job: JobResource
    pages: RestResource

    @property
    def later(self) -> RestResource:
        """Pages."""
        return self.pages

    def probe(self, session: Session, quota: Quota | None) -> None:
        """The first page: no job is begun."""
        self.pages.probe(session, quota)

    def walk(self, session: Session, quota: Quota | None, state: State | None, context: Context) -> Iterator[Page]:
        """By job until one was read to its end, then by pages. A look alone is by pages."""
        by_job = not context.sample and (state is None or bool(state.get("open")))
        yield from (self.job if by_job else self.pages).walk(session, quota, state, context)
