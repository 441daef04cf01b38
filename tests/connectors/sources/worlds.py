"""Worlds for the conformance suite: a source, and the system behind it."""

import csv
import gzip
import io
import json
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from passerelle.connectors.contract.conformance import PROMISES
from passerelle.connectors.contract.promises_http import not_over_http
from passerelle.connectors.sources.files import Files, FilesSettings
from passerelle.connectors.sources.sql import Sql, SqlSettings

FIELDS: dict[str, Any] = {
    "customer_id": {"key": True, "identifier": "external_id"},
    "email": {"identifier": "email"},
    "loyalty": {"attribute": "string"},
    "spent": {"attribute": "money"},
    "ads": {"consent": {"purpose": "ad_list_matching", "given": ["oui"], "withdrawn": ["retiré"], "at": "ads_at"}},
    "ads_at": {"detail": "timestamp"},
    "updated_at": {"cursor": "timestamp"},
    "deleted": {"tombstone": True},
}


NO_MERGES = {"a_merged_record_names_the_one_it_became": "FIELDS has no field for merges; see test_pull.py"}


def files_settings(path: str, **more: object) -> FilesSettings:
    data = {"kind": "files", "path": path, "grain": "person", "fields": FIELDS, **more}
    return FilesSettings.model_validate_json(json.dumps(data), strict=True)


def sql_settings(url: str, **more: object) -> SqlSettings:
    data = {"kind": "sql", "url": url, "table": "people", "grain": "person", "fields": FIELDS, **more}
    return SqlSettings.model_validate_json(json.dumps(data), strict=True)


class FilesWorld:
    """One file, written anew at each change, as an export does."""

    lacks: ClassVar[Mapping[str, str]] = {**NO_MERGES, **not_over_http("files are not asked over HTTP")}

    def __init__(self, folder: Path, *, ending: str = "csv") -> None:
        self.path = folder / f"people.{ending}"
        self.source = Files("crm", files_settings(f"people.{ending}"), folder=folder)
        self._records: dict[str, dict[str, str]] = {}
        self._columns = list(FIELDS)
        self._spoilt: list[str] = []
        self._time = 1_700_000_000

    def put(self, rows: pa.Table) -> None:
        for record in rows.to_pylist():
            self._records[record["customer_id"]] = record
        self._write()

    def spoil(self, canary: str) -> None:
        if self.path.suffix == ".parquet":
            self._records["bad"] = {**next(iter(self._records.values())), "customer_id": "bad", "spent": canary}
        self._spoilt.append(canary)
        self._write()

    def lose(self, column: str) -> None:
        self._columns.remove(column)
        self._write()

    def _write(self) -> None:
        records = [{name: record[name] for name in self._columns} for record in self._records.values()]
        if self.path.suffix == ".parquet":
            pq.write_table(pa.Table.from_pylist(records), self.path)
        else:
            text = self._csv(records) if ".csv" in self.path.name else self._jsonl(records)
            content = text.encode()
            self.path.write_bytes(gzip.compress(content) if self.path.suffix == ".gz" else content)
        self._time += 60
        os.utime(self.path, (self._time, self._time))

    def _csv(self, records: list[dict[str, str]]) -> str:
        out = io.StringIO()
        writer = csv.DictWriter(out, self._columns, delimiter=";", lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
        return out.getvalue() + "".join(f"{canary};too;few\n" for canary in self._spoilt)

    def _jsonl(self, records: list[dict[str, str]]) -> str:
        lines = [json.dumps(record, ensure_ascii=False) for record in records]
        return "".join(f"{line}\n" for line in [*lines, *(f'{{"email": "{canary}",' for canary in self._spoilt)])


class SqlWorld:
    """A table in SQLite."""

    lacks: ClassVar[Mapping[str, str]] = {**NO_MERGES, **not_over_http("databases are not asked over HTTP")}

    def __init__(self, folder: Path) -> None:
        self._path = folder / "shop.db"
        self.source = Sql("crm", sql_settings("sqlite:///shop.db"), folder=folder)
        with self.connect() as db:
            columns = ", ".join(f'"{name}" TEXT' for name in FIELDS)
            db.execute(f"CREATE TABLE people ({columns}, unasked TEXT, PRIMARY KEY (customer_id))")

    def connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path)

    def put(self, rows: pa.Table) -> None:
        names = ", ".join(f'"{name}"' for name in rows.column_names)
        marks = ", ".join("?" * rows.num_columns)
        with self.connect() as db:
            db.executemany(
                f"INSERT OR REPLACE INTO people ({names}) VALUES ({marks})",  # noqa: S608 - our own names
                [tuple(record.values()) for record in rows.to_pylist()],
            )
        db.close()

    def spoil(self, canary: str) -> None:
        with self.connect() as db:
            db.execute("INSERT INTO people (customer_id, spent, deleted) VALUES ('bad', ?, 'non')", (canary,))
        db.close()

    def lose(self, column: str) -> None:
        with self.connect() as db:
            db.execute(f'ALTER TABLE people DROP COLUMN "{column}"')
        db.close()


DATABASE_PROMISES = [promise for promise in PROMISES if promise.__name__ not in SqlWorld.lacks]
"""What every database keeps, where a test brings its own server."""
