"""What is noted of a resource between pulls: where the last one ended, and what could not be taken."""

import hashlib
import json
from typing import TYPE_CHECKING

import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, func, select

from passerelle.connectors.contract.source import Page, State
from passerelle.privacy.store import tables as t

if TYPE_CHECKING:
    from passerelle.workflows.workspace import Workspace

_MOST_QUARANTINED = 10_000
"""Lines kept for each resource and pull; all are counted."""


class Notes:
    """Of one resource. `meaning` is a fingerprint of how its records are read: another one begins everything again."""

    def __init__(self, workspace: "Workspace", source: str, resource: str, meaning: str, now: int) -> None:
        self._store = workspace.store()
        self._source, self._resource = source, resource
        self._meaning = meaning
        self._now = now
        self._lines = 0

    @property
    def mine(self) -> tuple[ColumnElement[bool], ...]:
        """Rows in quarantine that are of the resource."""
        return (t.quarantine.c.source == self._source, t.quarantine.c.resource == self._resource)

    def state(self) -> State | None:
        """Where the last pull ended; None where there was none, or where its records were read in another way."""
        where = (t.cursor.c.source == self._source, t.cursor.c.resource == self._resource)
        with self._store.read() as connection:
            found = connection.execute(select(t.cursor.c.state).where(*where)).scalar()
        kept = json.loads(found) if found else {}
        return kept["state"] if kept.get("shape") == self._meaning else None

    def people(self) -> int:
        """How many people are known, to whatever source."""
        with self._store.read() as connection:
            return int(connection.execute(select(func.count()).select_from(t.subject)).scalar_one())

    def keep_state(self, page: Page) -> None:
        """The state after a page, and up to when the source is known."""
        kept = json.dumps({"shape": self._meaning, "state": dict(page.state)}, sort_keys=True)
        with self._store.write() as connection:
            where = (t.cursor.c.source == self._source, t.cursor.c.resource == self._resource)
            known = connection.execute(select(t.cursor.c.watermark).where(*where)).scalar()
            mark = page.watermark if page.watermark is not None else known
            row: dict[str, list[object]] = {
                "source": [self._source],
                "resource": [self._resource],
                "state": [kept],
                "watermark": [mark],
                "updated_at": [self._now],
            }
            self._store.insert(connection, t.cursor, row, on_conflict="replace")

    def begin_again(self) -> None:
        """Forget what was quarantined before everything is read again."""
        with self._store.write() as connection:
            self._store.delete(connection, t.quarantine, *self.mine)

    def begin(self, connection: Connection, page: Page) -> None:
        """Forget what was quarantined at places that the page begins anew."""
        if page.begins is not None:
            inside = t.quarantine.c.place.startswith(page.begins, autoescape=True)
            self._store.delete(connection, t.quarantine, *self.mine, inside)

    def quarantine(self, connection: Connection, lines: pa.Table, page: Page) -> None:
        """Note what the page's source could not read, and `lines` besides, in the same columns."""
        lines = pa.concat_tables([page.quarantined, lines]).slice(0, max(0, _MOST_QUARANTINED - self._lines))
        self._lines += lines.num_rows
        if not lines.num_rows:
            return
        same = {"source": [self._source] * lines.num_rows, "resource": [self._resource] * lines.num_rows}
        seen: list[object] = [self._now] * lines.num_rows
        columns = {name: lines[name].to_pylist() for name in lines.column_names}
        self._store.insert(connection, t.quarantine, {**same, **columns, "seen_at": seen}, on_conflict="replace")


def fingerprint(*meaning: object) -> str:
    """Of what says how records are read."""
    return hashlib.sha256(repr(meaning).encode()).hexdigest()[:16]
