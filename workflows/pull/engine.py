"""One pull: every source that is asked for, each on its own, so that the failure of one hides no other.

Sources that wait for a vendor's answers are read side by side, in threads of their own; everything that is kept is kept
here, one page after the other, so that writes to store and lake never meet. Other sources keep this machine busy, and
are read here, in order; pages that arrive meanwhile are kept in between.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from passerelle.connectors.contract.source import Context, Page, Resource, Source
from passerelle.privacy.errors import DefinitionError, IntegrityError, PasserelleError
from passerelle.workflows.pull.hearing import Hearer
from passerelle.workflows.pull.keeping import Keeper
from passerelle.workflows.pull.readers import Arrived, Readers
from passerelle.workflows.pull.report import PullReport, SourceReport
from passerelle.workflows.quality.gate import check_tables
from passerelle.workflows.quality.spellings import tie_known_slips

if TYPE_CHECKING:
    from passerelle.workflows.verbs.contract import Progress, Step
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

    At the end the tables of quality.yaml are checked: segments see them only as far as that lets them through.
    `full` reads everything again, whatever was read before.
    """
    run = _Run(workspace, now, progress, full, seams or Seams())
    sources: list[Source] = [workspace.source(name) for name in dict.fromkeys(names or workspace.sources)]
    tasks = [run.task(source, resource) for source in sources for resource in source.resources]
    run.all(tasks)
    report = PullReport([task.report for task in tasks])
    try:
        with progress.step("check quality"):
            tie_known_slips(workspace, now=now)
            report.checked = check_tables(workspace, now=now)
    except IntegrityError:
        raise
    except PasserelleError as error:
        report.unchecked = workspace.located(error) if isinstance(error, DefinitionError) else error
    return report


@dataclass(slots=True, eq=False)
class _Task:
    """One resource being pulled."""

    source: Source
    resource: Resource
    keeper: Keeper | Hearer
    report: SourceReport
    began: float = 0.0
    held: ExitStack = field(default_factory=ExitStack)
    step: "Step | None" = None

    @property
    def at_once(self) -> int:
        """How many resources of its source may be read at the same time; 0: it keeps this machine busy, not another."""
        return int(getattr(self.source, "side_by_side", 0))


@dataclass(frozen=True, slots=True)
class _Run:
    """What every resource's pull shares."""

    workspace: "Workspace"
    now: int
    progress: "Progress"
    full: bool
    seams: Seams

    def task(self, source: Source, resource: Resource) -> _Task:
        """A resource that waits for its turn."""
        same = (self.workspace, source, resource)
        keeper = (
            Keeper(*same, now=self.now, fault=self.seams.fault)
            if resource.hears is None
            else Hearer(*same, resource.hears, now=self.now, fault=self.seams.fault)
        )
        return _Task(source, resource, keeper, SourceReport(source.name, resource.name, keeper.table))

    def all(self, tasks: Sequence[_Task]) -> None:
        """Pull them; what goes wrong with one stands in its report."""
        here = [task for task in tasks if not task.at_once]
        away = [task for task in tasks if task.at_once]
        readers = Readers(away, self._begun, source=lambda task: task.source.name, at_once=lambda task: task.at_once)
        try:
            readers.start()
            for task in here:
                self._here(task, readers)
            for arrived in readers.rest():
                self._take(arrived, readers)
        finally:
            readers.stop()
            for task in tasks:
                task.held.close()

    def _here(self, task: _Task, readers: "Readers[_Task]") -> None:
        try:
            for page in self._begun(task) or ():
                self._keep(task, page)
                for arrived in readers.arrived():
                    self._take(arrived, readers)
        except IntegrityError:
            raise
        except PasserelleError as error:
            task.report.error = error
        self._end(task)

    def _take(self, arrived: "Arrived[_Task]", readers: "Readers[_Task]") -> None:
        """Keep a page that arrived, or note how its resource ended."""
        task = arrived.task
        try:
            if arrived.error is not None:
                raise arrived.error
            if arrived.page is not None:
                self._keep(task, arrived.page)
                return
        except IntegrityError:
            raise
        except PasserelleError as error:
            task.report.error = error
        readers.ended(task)
        self._end(task)

    def _begun(self, task: _Task) -> Iterator[Page] | None:
        """Its pages, now that nobody else pulls it; None, with the reason in its report, where somebody does."""
        task.began = self.seams.timer()
        try:
            task.held.enter_context(self.workspace.store().exclusive(f"pull {task.keeper.table}"))
            state = None if self.full else task.keeper.state()
            if state is None:
                task.keeper.begin_again()
            context = Context(now=self.now, timezone=self.workspace.settings.timezone, page_rows=self.seams.page_rows)
            return task.source.pull(task.resource, state, context)
        except IntegrityError:
            raise
        except PasserelleError as error:
            task.report.error = error
            return None

    def _keep(self, task: _Task, page: Page) -> None:
        if task.step is None:
            task.step = task.held.enter_context(self.progress.step(f"pull {task.keeper.table}", total=page.total))
        before = task.keeper.people()
        try:
            task.keeper.keep(page, task.report)
        finally:
            task.report.new_people += task.keeper.people() - before
        task.step.advance(page.rows.num_rows)

    def _end(self, task: _Task) -> None:
        task.held.close()
        task.report.seconds = self.seams.timer() - task.began


__all__ = ["Seams", "pull"]
