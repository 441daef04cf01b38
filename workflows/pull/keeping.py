"""What is kept of a page, and in which order (see the package's docstring)."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, select

from passerelle.connectors.contract.roles import Attribute, EventName, EventTime
from passerelle.connectors.contract.source import Page, Resource, Source, State, table_name
from passerelle.privacy.consent import CONSENT_EVENTS
from passerelle.privacy.ledger import queue_removals
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import IDENTITY_FIELDS, ConsentState, Purpose
from passerelle.workflows.lake import TableShape
from passerelle.workflows.lake.tables import DELETED, row_schema
from passerelle.workflows.pull.blanks import Blank, over
from passerelle.workflows.pull.consents import Statement, ended, streams
from passerelle.workflows.pull.formats import Formats
from passerelle.workflows.pull.notes import Notes, fingerprint
from passerelle.workflows.pull.people import people
from passerelle.workflows.pull.report import SourceReport
from passerelle.workflows.pull.sorting import Mask, Sorted, fault_rows, mask, places, sort
from passerelle.workflows.pull.strings import Strings
from passerelle.workflows.quality.gate import remember_came

if TYPE_CHECKING:
    from passerelle.workflows.workspace import Workspace

Fault = Callable[[str], None]


class Keeper:
    """Keeps one resource's pages."""

    def __init__(self, workspace: "Workspace", source: Source, resource: Resource, *, now: int, fault: Fault) -> None:
        self._workspace = workspace
        self._source = source.name
        self._shape = resource.shape
        self._now = now
        self._fault = fault
        self._lake = workspace.lake().watched(fault)
        self._timezone = resource.timezone or workspace.settings.timezone
        self.table = table_name(source, resource)
        self._table_shape = TableShape(
            resource.shape.grain, {name: kind.value for name, kind in resource.shape.attributes.items()}
        )
        self._secret = workspace.keys().lasting(f"lake/{self.table}")
        self._notes = Notes(workspace, source.name, resource.name, fingerprint(self._shape, self._timezone), now)
        quality = workspace.loaded.quality
        rules = quality.tables.get(self.table) if quality is not None else None
        self._formats = Formats(rules.identifiers if rules is not None else (), looked=rules is not None)

    # --- state
    def state(self) -> State | None:
        """Where the last pull ended; None where there was none, or where the shape has changed or its table is gone."""
        return self._notes.state() if self._lake.has(self.table) else None

    def begin_again(self) -> None:
        """Forget what was quarantined before everything is read again."""
        self._notes.begin_again()

    def people(self) -> int:
        """How many people are known."""
        return self._notes.people()

    # --- pages
    def keep(self, page: Page, report: SourceReport) -> None:
        """Keep one page and the state after it."""
        if page.rows.num_rows or page.quarantined.num_rows or page.begins is not None:
            found = sort(self._shape, page.rows, now=self._now, timezone=self._timezone, secret=self._secret)
            ids = self._keep_people(page, found, report)
            self._fault("people kept")
            self._keep_rows(found, ids, report)
            self._fault("rows staged")
        if page.watermark is not None:
            self.settle()
            self._fault("lake settled")
        self._notes.keep_state(page)
        self._fault("state kept")
        report.warnings.extend(page.warnings)

    def settle(self) -> None:
        """Make what is staged part of the lake, and follow people who turned out to be one, in every table."""
        self._lake.declare(self.table, self._table_shape)
        with self._workspace.store().read() as connection:
            merges = self._workspace.subjects().merges(connection)
        for name in sorted({self.table, *self._lake.names()}):
            self._lake.settle(name, merges)
        remember_came(self._lake, self.table, self._formats.take(), self._formats.slips())

    def _keep_people(self, page: Page, found: Sorted, report: SourceReport) -> pa.Array:
        """People, consents, removals and quarantine, in one transaction. Returns ids, aligned with the page."""
        with self._workspace.store().write() as connection:
            speaking = places(found.speaking)
            identifiers = people(
                self._shape,
                found.table.take(speaking),
                default_country=self._workspace.settings.default_country,
                source=self._source,
            )
            self._formats.look(identifiers)
            registered = self._workspace.subjects().register(connection, identifiers, now=self._now)
            ids = _scattered(registered, speaking, len(found.key))
            unknown = fault_rows(places(found.speaking & mask(ids.is_null())), "", "nobody_identified")
            gone, ends, silent = self._gone(found)
            ends = pa.concat_tables([ends, self._over(connection, found, ids, silent)])
            refused = self._keep_consents(connection, found, ids, ends, report)
            report.removals += self._leave(connection, gone, None, "deleted_at_source")
            self._quarantine(connection, page, found, pa.concat_tables([found.faults, unknown, refused]), report)
        report.rows += page.rows.num_rows
        report.deleted += int(found.deleted.sum())
        return ids

    def _gone(self, found: Sorted) -> tuple[pa.Array, pa.Table, list[Blank]]:
        """People that the lake knows by a record that is now deleted, the end of what it said, and its signals."""
        if self._shape.grain != "person" or not found.deleted.any():
            return pa.array([], pa.int64()), CONSENT_EVENTS.empty_table(), []
        at = places(found.deleted)
        known = self._lake.people(self.table, found.key.take(at))
        ids = known["subject_id"].combine_chunks()
        where = pc.index_in(known["_key"].combine_chunks(), found.key.take(at))
        cursor = self._shape.cursor
        timed = cursor is not None and cursor.kind.value == "timestamp"
        times = found.version.take(at).take(where) if timed else pa.nulls(len(ids), pa.int64())
        keys = known["_key"].combine_chunks()
        return (
            ids,
            ended(self._shape, self.table, keys, ids, times),
            [(name, keys, ids) for name, _ in self._shape.signals],
        )

    def _keep_consents(
        self,
        connection: Connection,
        found: Sorted,
        ids: pa.Array,
        ends: pa.Table,
        report: SourceReport,
    ) -> pa.Table:
        """Ingest what is said, queue the removals that follow. Returns what the log refused, as faults."""
        said = [self._said(found, ids, statement) for statement in found.said]
        tables = [table for _, table, _ in said] + [ends]
        everything = pa.concat_tables(tables)
        if not everything.num_rows:
            return fault_rows(pa.array([], pa.int64()), "", "")
        heard = self._workspace.consent_log().ingest(
            connection, everything, actor=f"pull/{self._source}", now=self._now
        )
        report.consents += heard.new
        for purpose in heard.vetoed["purpose"].unique().to_pylist():
            people = heard.vetoed.filter(pc.equal(heard.vetoed["purpose"], purpose))["subject_id"].combine_chunks()
            report.removals += self._leave(connection, people, Purpose(purpose), "consent_withdrawn")
        rows = pa.concat_arrays([*(rows for rows, _, _ in said), pa.nulls(len(tables[-1]), pa.int64())])
        fields = pa.array([name for rows, _, name in said for _ in range(len(rows))] + [None] * len(tables[-1]))
        at = heard.refused["row"].combine_chunks().cast(pa.int64())
        return pa.table(
            {
                "row": rows.take(at),
                "field": fields.cast(pa.string()).take(at),
                "reason": heard.refused["reason"].combine_chunks().cast(pa.string()),
            }
        ).cast(found.faults.schema)

    def _said(self, found: Sorted, ids: pa.Array, statement: Statement | Strings) -> tuple[pa.Array, pa.Table, str]:
        """Statements of sound records; of others only what does not permit."""
        heard: Mask = found.speaking & (found.sound | found.merged | mask(statement.vetoes))
        rows = places(heard & mask(statement.speaks) & mask(ids.is_valid()))
        scope = streams(self._shape, self.table, statement.field, found.key.take(rows))
        at, events = statement.events(found.raw, found.table, rows, ids.take(rows), stream=scope)
        place = events.schema.get_field_index("identified_by")
        return at, events.set_column(place, "identified_by", self._known_by(found).take(at)), statement.field

    def _known_by(self, found: Sorted) -> pa.Array:
        """For each row, the identifier by which the person was recognised: the first that it has."""
        known_by = pa.nulls(len(found.key), pa.string())
        for name, field in reversed(self._shape.identifiers):
            if field in IDENTITY_FIELDS:
                known_by = pc.if_else(found.table.column(name).combine_chunks().is_valid(), field.value, known_by)
        return known_by

    def _over(self, connection: Connection, found: Sorted, ids: pa.Array, gone: Sequence[Blank]) -> pa.Table:
        """The end of each yes that nothing says any more: its field is blank now, or its record is deleted."""
        if self._shape.grain != "person":
            return CONSENT_EVENTS.empty_table()
        blanks = []
        for statement in found.said:
            role = statement.signal if isinstance(statement, Strings) else statement.consent
            if role.blank == "ends":
                empty = found.sound & found.speaking & ~found.merged & ~mask(statement.speaks) & mask(ids.is_valid())
                rows = places(empty)
                blanks.append((statement.field, found.key.take(rows), ids.take(rows)))
        store, now = self._workspace.store(), self._now
        same = (store, connection, self._shape, self.table)
        return pa.concat_tables(
            [
                over(*same, blanks, state=ConsentState.UNKNOWN, method="blank_at_source", now=now),
                over(*same, gone, state=ConsentState.TERMINATED, method="deleted_at_source", now=now),
            ]
        )

    def _leave(self, connection: Connection, ids: pa.Array, purpose: Purpose | None, cause: str) -> int:
        if not len(ids):
            return 0
        return queue_removals(connection, ids, cause=cause, now=self._now, purpose=purpose)

    # --- quarantine
    def _quarantine(
        self, connection: Connection, page: Page, found: Sorted, faults: pa.Table, report: SourceReport
    ) -> None:
        self._notes.begin(connection, page)
        faults = faults.filter(faults["row"].is_valid())
        report.quarantined.update(page.quarantined["reason"].to_pylist())
        report.quarantined.update(faults["reason"].to_pylist())
        rows = faults["row"].combine_chunks()
        if page.places is not None:
            where = page.places(rows)
        else:
            self._forgive(connection, found)
            where = pa.array([_place(key) for key in found.key.take(rows).to_pylist()], pa.string())
        self._notes.quarantine(
            connection, pa.table([where, faults["field"], faults["reason"]], schema=page.quarantined.schema), page
        )

    def _forgive(self, connection: Connection, found: Sorted) -> None:
        """Records known by their key that are sound now are not in quarantine any more."""
        by_key = select(t.quarantine.c.place).where(*self._notes.mine, t.quarantine.c.place.startswith("key:"))
        held = [str(place) for place in connection.execute(by_key).scalars()]
        if not held:
            return
        keys = pa.array([bytes.fromhex(place.removeprefix("key:")) for place in held], pa.binary())
        back = pc.is_in(keys, found.key.filter(pa.array(found.sound)))
        sound = [place for place, is_back in zip(held, back.to_pylist(), strict=True) if is_back]
        with self._workspace.store().among(connection, pa.array(sound, pa.string())) as forgiven:
            gone = t.quarantine.c.place.in_(select(forgiven))
            self._workspace.store().delete(connection, t.quarantine, *self._notes.mine, gone)

    # --- the lake
    def _keep_rows(self, found: Sorted, ids: pa.Array, report: SourceReport) -> None:
        kept = found.sound & ~found.merged & mask(ids.is_valid())
        at = places(kept)
        rows = found.table.take(at)
        columns: dict[str, pa.Array | pa.ChunkedArray] = {
            "_key": found.key.take(at),
            "_version": found.version.take(at),
            "subject_id": ids.take(at),
        }
        if self._shape.grain == "event":
            name, when = self._shape.one(EventName), self._shape.one(EventTime)
            fixed = pa.repeat(pa.scalar(self._shape.event or ""), len(at))
            columns["event"] = rows.column(name.name) if name is not None else fixed
            columns["at"] = rows.column(when.name if when is not None else "")
            report.events += len(at)
        columns |= {field.name: rows.column(field.name) for field, _ in self._shape.having(Attribute)}
        out = places(found.deleted | found.merged)
        deleted = pa.table([found.key.take(out), found.version.take(out)], schema=DELETED)
        if len(at) or len(out):
            self._lake.stage(
                self.table, self._table_shape, pa.table(columns, schema=row_schema(self._table_shape)), deleted
            )


def _place(key: bytes | None) -> str:
    return "key:" + key.hex() if key is not None else "no key"


def _scattered(values: pa.Array, at: pa.Array, count: int) -> pa.Array:
    """`values` at their places among `count` nulls."""
    found = np.zeros(count, np.int64)
    there = np.zeros(count, bool)
    where = at.to_numpy()
    found[where] = pc.fill_null(values, 0).to_numpy()
    there[where] = mask(values.is_valid())
    return pa.array(found, mask=~there)
