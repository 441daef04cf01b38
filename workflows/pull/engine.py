"""One pull: every source that is asked for, each on its own, so that the failure of one hides no other."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from passerelle.connectors.contract.source import Context, Page, Resource, Source
from passerelle.privacy.errors import IntegrityError, PasserelleError
from passerelle.workflows.pull.keeping import Keeper
from passerelle.workflows.pull.report import PullReport, SourceReport

if TYPE_CHECKING:
    from passerelle.workflows.verbs.contract import Progress
    from passerelle.workflows.workspace import Workspace


def _no_fault(_step: str) -> None:
    """Nothing goes wrong."""


@dataclass(frozen=True, slots=True)
class Seams:
    """What a test may set: the stopwatch, and a callback that is given the name of each step as it is done."""

    timer: Callable[[], float] = time.monotonic
    fault: Callable[[str], None] = _no_fault
    page_rows: int = 131_072


def pull(
    workspace: "Workspace",
    names: Sequence[str] = (),
    *,
    now: int,
    progress: "Progress",
    full: bool = False,
    seams: Seams | None = None,
) -> PullReport:
    """Pull `names`, or every source. Errors of a source stand in its report; only `IntegrityError` ends the pull.

    `full` reads everything again, whatever was read before.
    """
    run = _Run(workspace, now, progress, full, seams or Seams())
    report = PullReport()
    for name in names or list(workspace.sources):
        source: Source = workspace.source(name)
        report.sources.extend(run.resource(source, resource) for resource in source.resources)
    return report


@dataclass(frozen=True, slots=True)
class _Run:
    """What every resource's pull shares."""

    workspace: "Workspace"
    now: int
    progress: "Progress"
    full: bool
    seams: Seams

    def resource(self, source: Source, resource: Resource) -> SourceReport:
        """Pull one resource; what goes wrong with it stands in its report."""
        keeper = Keeper(self.workspace, source, resource, now=self.now, fault=self.seams.fault)
        report = SourceReport(source.name, resource.name, keeper.table)
        began = self.seams.timer()
        try:
            with self.workspace.store().exclusive(f"pull {keeper.table}"):
                before = keeper.people()
                try:
                    self._pages(keeper, source, resource, report)
                finally:
                    report.new_people = keeper.people() - before
        except IntegrityError:
            raise
        except PasserelleError as error:
            report.error = error
        report.seconds = self.seams.timer() - began
        return report

    def _pages(self, keeper: Keeper, source: Source, resource: Resource, report: SourceReport) -> None:
        state = None if self.full else keeper.state()
        if state is None:
            keeper.begin_again()
        context = Context(now=self.now, timezone=self.workspace.settings.timezone, page_rows=self.seams.page_rows)
        pages = source.pull(resource, state, context)
        first = next(pages, None)
        with self.progress.step(f"pull {keeper.table}", total=first.total if first is not None else None) as step:
            for page in _again(first, pages):
                keeper.keep(page, report)
                step.advance(page.rows.num_rows)


def _again(first: Page | None, rest: Iterator[Page]) -> Iterator[Page]:
    if first is not None:
        yield first
        yield from rest
