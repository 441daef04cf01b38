"""What is kept of a consent platform's records: what they say, the removals that follow, and what could not be taken.

Nothing of them goes into the lake. Otherwise the order is that of every page: one transaction for what is said, then
one for the state after it.
"""

import json
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from passerelle.connectors.contract.source import Hears, Page, Resource, Source, State, quarantined, table_name
from passerelle.workflows.intake.heard import record_heard, told
from passerelle.workflows.intake.tally import LEFT_OUT
from passerelle.workflows.pull.notes import Notes, fingerprint
from passerelle.workflows.pull.report import SourceReport

if TYPE_CHECKING:
    from passerelle.workflows.workspace import Workspace


class Hearer:
    """Keeps one resource's pages."""

    def __init__(
        self,
        workspace: "Workspace",
        source: Source,
        resource: Resource,
        hears: Hears,
        *,
        now: int,
        fault: Callable[[str], None],
    ) -> None:
        self._workspace = workspace
        self._source = source.name
        self._hears = hears
        self._now = now
        self._fault = fault
        self._left_out: Counter[str] = Counter()
        self.table = table_name(source, resource)
        self._notes = Notes(workspace, source.name, resource.name, fingerprint(hears.adapter), now)

    def state(self) -> State | None:
        """Where the last pull ended; None where there was none, or where the records were read in another way."""
        return self._notes.state()

    def begin_again(self) -> None:
        """Forget what was quarantined before everything is read again."""
        self._notes.begin_again()

    def people(self) -> int:
        """How many people are known."""
        return self._notes.people()

    def keep(self, page: Page, report: SourceReport) -> None:
        """Keep one page and the state after it."""
        if page.rows.num_rows or page.quarantined.num_rows or page.begins is not None:
            self._keep_said(page, report)
            self._fault("people kept")
        if page.watermark is not None:
            report.warnings += [f"{count} records: {LEFT_OUT[why]}." for why, count in sorted(self._left_out.items())]
        self._notes.keep_state(page)
        self._fault("state kept")
        report.warnings.extend(page.warnings)

    def _keep_said(self, page: Page, report: SourceReport) -> None:
        given, places = [], []
        for raw, place in zip(page.rows["record"].to_pylist(), page.rows["place"].to_pylist(), strict=True):
            for heard in self._hears.signal.read(json.loads(raw)):
                if heard.left_out is None:
                    given.append((heard, raw))
                    places.append(place)
                else:
                    self._left_out[heard.left_out] += 1
        with self._workspace.store().write() as connection:
            self._notes.begin(connection, page)
            recorded = record_heard(
                self._workspace,
                connection,
                told(given),
                source=self._source,
                adapter=self._hears.adapter,
                actor=f"pull/{self._source}",
                now=self._now,
            )
            lost = [(places[row], "", reason) for row, reason in recorded.refused]
            self._notes.quarantine(connection, quarantined(lost), page)
        report.rows += page.rows.num_rows
        report.consents += recorded.new
        report.removals += recorded.queued
        report.quarantined.update(page.quarantined["reason"].to_pylist())
        report.quarantined.update(reason for _, _, reason in lost)
