"""A workspace with one CRM file and a shop's database, to pull from."""

import csv
import os
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml
from sqlalchemy import select

from passerelle.connectors.exchange import Clock
from passerelle.privacy.keys import Keyring
from passerelle.privacy.store import tables as t
from passerelle.workflows.cli.progress import Silent
from passerelle.workflows.pull import PullReport, Seams, pull
from passerelle.workflows.scaffold.write import scaffold
from passerelle.workflows.workspace import Workspace
from tests.privacy.store.stores import placed

NOW = 1_795_219_200_000_000
"""2026-11-21T00:00:00Z."""

HURRIED = Clock(sleep=lambda _seconds: None)
"""For sources of vendors that are asked again and again until they are done."""

CRM: dict[str, Any] = {
    "kind": "files",
    "path": "data/contacts*.csv",
    "grain": "person",
    "fields": {
        "id": {"key": True, "identifier": "external_id"},
        "email": {"identifier": "email"},
        "pays": {"identifier": "country"},
        "tier": {"attribute": "string"},
        "spent": {"attribute": "money"},
        "ads": {
            "consent": {
                "purpose": "ad_list_matching",
                "given": ["oui"],
                "refused": ["non"],
                "withdrawn": ["retiré"],
                "at": "ads_at",
                "notice": "ads_notice",
                "grade": "A",
            }
        },
        "ads_at": {"detail": "timestamp"},
        "ads_notice": {"detail": "string"},
        "updated_at": {"cursor": "timestamp"},
        "gone": {"tombstone": ["1"]},
        "merged_into": {"merged_into": True},
    },
}
SHOP: dict[str, Any] = {
    "kind": "sql",
    "url": "sqlite:///data/shop.db",
    "table": "orders",
    "grain": "event",
    "event": "purchase",
    "fields": {
        "order_id": {"key": True},
        "customer": {"identifier": "external_id"},
        "ordered_at": {"event_time": True, "cursor": "timestamp"},
        "amount": {"attribute": "money"},
    },
}
COLUMNS = tuple(CRM["fields"])


def contact(number: int, **more: str) -> dict[str, str]:
    """One line of the CRM's file."""
    plain = {
        "id": f"C{number}",
        "email": f"person.{number}@example.org",
        "pays": "France",
        "tier": "or",
        "spent": "12,50",
        "ads": "oui",
        "ads_at": "2026-02-03T10:12:00Z",
        "ads_notice": "ads-2026@1",
        "updated_at": f"2026-11-01T08:00:{number % 60:02d}Z",
        "gone": "0",
        "merged_into": "",
    }
    return {**plain, **more}


class Shop:
    """The workspace, its systems, and what a pull left behind."""

    def __init__(self, folder: Path, sources: Mapping[str, Any] | None = None, *, clock: Clock | None = None) -> None:
        self._clock = clock
        self.folder = folder / "workspace"
        made = self.folder.exists()
        if not made:
            scaffold(self.folder, empty=True)
            placed(self.folder / "var/control.db")
            (self.folder / "data").mkdir(exist_ok=True)
        if not (self.folder / "keys/master.key").exists():
            Keyring.create(self.folder / "keys/master.key")
        self._time = 1_790_000_000
        self._workspace: Workspace | None = None
        if not made:
            self.configure(sources or {"crm": CRM, "shop": SHOP})
        with sqlite3.connect(self.folder / "data/shop.db") as db:
            db.execute("CREATE TABLE IF NOT EXISTS orders (order_id INTEGER PRIMARY KEY, customer, ordered_at, amount)")
        db.close()

    def configure(self, sources: Mapping[str, Any]) -> None:
        self.close()
        path = self.folder / "passerelle.yaml"
        project = yaml.safe_load(path.read_text(encoding="utf-8"))
        project["sources"] = dict(sources)
        path.write_text(yaml.safe_dump(project, allow_unicode=True), encoding="utf-8")

    def close(self) -> None:
        if self._workspace is not None:
            self._workspace.close()
        self._workspace = None

    def contacts(self, lines: Sequence[Mapping[str, str]], name: str = "contacts.csv") -> None:
        path = self.folder / "data" / name
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, COLUMNS, delimiter=";")
            writer.writeheader()
            writer.writerows(lines)
        self._time += 60
        os.utime(path, (self._time, self._time))

    def orders(self, *orders: tuple[int, str, str, str]) -> None:
        with sqlite3.connect(self.folder / "data/shop.db") as db:
            db.executemany("INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?)", orders)
        db.close()

    def pull(self, *names: str, full: bool = False, now: int = NOW, seams: Seams | None = None) -> PullReport:
        return pull(self.open(), names, now=now, progress=Silent(), full=full, seams=seams)

    def open(self) -> Workspace:
        """The workspace, opened once until it is configured anew."""
        if self._workspace is None:
            self._workspace = Workspace.open(self.folder)
            if self._clock is not None:
                sources = self._workspace.sources
                for name, plugged in list(sources.items()):
                    sources[name] = replace(plugged, cls=partial(plugged.cls, clock=self._clock))
        return self._workspace

    def lake(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """Columns of the table's rows (subject_id where none are named), sorted; times as microseconds."""
        known = self.open().lake().tables()
        names = columns or ("subject_id",)
        tables = [pq.read_table(path, columns=list(names)) for path in known[table].files] if table in known else []
        found = [tuple(row[name] for name in names) for one in tables for row in one.to_pylist()]
        return sorted((tuple(_plain(value) for value in row) for row in found), key=repr)

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """Rows of the control store, sorted."""
        wanted = [t.metadata.tables[table].c[name] for name in columns]
        with self.open().store().read() as connection:
            return sorted((tuple(row) for row in connection.execute(select(*wanted))), key=repr)

    def end_state(self) -> dict[str, Any]:
        """Everything that two pulls must agree on, whatever happened on the way."""
        return {
            "crm": self.lake("crm", "subject_id", "tier", "spent"),
            "shop": self.lake("shop", "subject_id", "event", "at", "amount"),
            "people": self.rows("subject", "subject_id", "country", "merged_into"),
            "consents": self.rows("consent_event", "subject_id", "purpose", "state", "event_time", "notice"),
            "quarantine": self.rows("quarantine", "source", "place", "field", "reason"),
            "cursor": self.rows("cursor", "source", "resource", "watermark"),
        }


def _plain(value: Any) -> Any:  # noqa: ANN401 - any cell
    return int(value.timestamp() * 1e6) if isinstance(value, datetime) else value
