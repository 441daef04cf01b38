"""CRM-shaped records over loopback REST to Parquet, and SQL rows to Parquet, against the same without any check.

`rest_records`: our pages, validated and typed, written as Parquet; the yardstick is pyarrow.json with an explicit
schema over the same answers. `sql_rows`: our pages of an SQLite table; the yardstick is bare ADBC. Each runs in a
process of its own, so its memory is its own.
"""

import json
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import adbc_driver_sqlite.dbapi
import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq

from bench.measure import Measure, child
from passerelle.connectors.contract.casting import typed
from passerelle.connectors.contract.fake_vendor import Answer, Asked, FakeVendor
from passerelle.connectors.contract.paging import CursorPage
from passerelle.connectors.contract.records import Record, at
from passerelle.connectors.contract.rest import RestResource, RestSource
from passerelle.connectors.contract.roles import Attribute, Consent, Cursor, Identifier, Key, Kind, Tombstone, states
from passerelle.connectors.contract.source import Context
from passerelle.connectors.http import Endpoint, Session
from passerelle.connectors.sources.sql import Sql, SqlSettings
from passerelle.privacy.vocabulary import Field, Purpose

ROWS = int(os.environ.get("PASSERELLE_BENCH_ROWS", "1000000"))
PAGE = 1000
NOW = 1_795_219_200_000_000
_FIELDS = {
    "id": {"key": True},
    "email": {"identifier": "email"},
    "city": {"identifier": "city"},
    "spent": {"attribute": "integer"},
    "updated": {"cursor": "timestamp"},
}


class Contact(Record):
    id: Annotated[str, Key()]
    email: Annotated[str | None, Identifier(Field.EMAIL)] = at("properties", "email")
    phone: Annotated[str | None, Identifier(Field.PHONE)] = at("properties", "phone")
    first: Annotated[str | None, Identifier(Field.FIRST_NAME)] = at("properties", "firstname")
    last: Annotated[str | None, Identifier(Field.LAST_NAME)] = at("properties", "lastname")
    stage: Annotated[str | None, Attribute()] = at("properties", "lifecyclestage")
    visits: Annotated[str | None, Attribute(Kind.INTEGER)] = at("properties", "visits")
    legal: Annotated[str | None, Consent(Purpose.EMAIL_MARKETING, states(given=("yes",)))] = at("properties", "legal")
    gone: Annotated[bool, Tombstone()] = at("archived", default=False)
    updated: Annotated[str | None, Cursor()] = at("updatedAt")


class Crm(FakeVendor):
    """A thousand records a page, the same bytes for every page but for the cursor; so serving costs next to nothing."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self._pages = rows // PAGE
        self._body = json.dumps([_record(number) for number in range(PAGE)]).encode()

    def answer(self, asked: Asked) -> Answer:
        number = int(asked.query.get("after", "0"))
        following = f'"{number + 1}"' if number + 1 < self._pages else "null"
        return Answer(b'{"paging": {"next": {"after": %s}}, "results": %s}' % (following.encode(), self._body))


def _record(number: int) -> dict[str, Any]:
    return {
        "id": str(number),
        "properties": {
            "email": f"person.{number}@example.org",
            "phone": f"+3319900{number % 10_000:04d}",
            "firstname": "Zoé",
            "lastname": f"D'Ambrosio-{number}",
            "lifecyclestage": "customer",
            "visits": str(number % 90),
            "legal": "yes",
            "createdate": "2024-05-02T08:00:00.000Z",
            "hs_object_id": str(number),
        },
        "createdAt": "2024-05-02T08:00:00.000Z",
        "updatedAt": "2026-02-03T10:12:00.000Z",
        "archived": False,
    }


def run() -> dict[str, Measure]:
    """Each in a process of its own; the vendor serves from this one."""
    found = {}
    with TemporaryDirectory() as name, _serving() as url:
        folder = Path(name)
        for label, goal, place in (("rest_records", 2.5, url), ("sql_rows", 1.3, _database(folder))):
            ours, bare = (
                child([sys.executable, "-m", "bench.rest", f"{label}_{who}", place, str(folder / who)], Path.cwd())
                for who in ("ours", "bare")
            )
            if ours.stdout != bare.stdout:
                raise RuntimeError(f"{label}: {ours.stdout!r} rows are not {bare.stdout!r}")
            found[label] = Measure(ours.cpu_seconds / bare.cpu_seconds, goal, ours.peak_mib)
    return found


@contextmanager
def _serving() -> Iterator[str]:
    vendor = Crm(ROWS)
    with vendor.running():
        yield vendor.url


def _database(folder: Path) -> str:
    path = folder / "shop.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE people (id TEXT PRIMARY KEY, email TEXT, city TEXT, spent INTEGER, updated TEXT)")
        rows = ((f"{n:08d}", f"p{n}@example.org", "Évry", n, "2026-02-03T10:12:00Z") for n in range(ROWS))
        db.executemany("INSERT INTO people VALUES (?, ?, ?, ?, ?)", rows)
    db.close()
    return str(path)


def _ours(source: RestSource | Sql, out: str) -> int:
    (resource,) = source.resources
    count = 0
    with pq.ParquetWriter(out, resource.shape.schema, compression="zstd") as writer:
        for page in source.pull(resource, None, Context(now=NOW)):
            table = typed(resource.shape, page.rows, timezone="UTC").table
            count += table.num_rows
            writer.write_table(table)
    return count


def _rest_ours(url: str, out: str) -> int:
    pages = CursorPage("paging.next.after", "after")
    resource = RestResource("contacts", Contact, path="contacts", records="results", pages=pages)
    return _ours(RestSource("crm", [resource], lambda: Session(Endpoint(url, allow_private=True))), out)


def _rest_bare(url: str, out: str) -> int:
    names = ("email", "phone", "firstname", "lastname", "lifecyclestage", "visits", "legal")
    text = pa.string()
    record = pa.struct(
        [
            ("id", text),
            ("properties", pa.struct([(name, text) for name in names])),
            ("archived", pa.bool_()),
            ("updatedAt", text),
        ]
    )
    after = pa.struct([("next", pa.struct([("after", text)]))])
    schema = pa.schema([("paging", after), ("results", pa.list_(record))])
    options = pa.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    flat = [("id", text), *((name, text) for name in names), ("archived", pa.bool_())]
    target = pa.schema([*flat, ("updatedAt", pa.timestamp("us", "UTC"))])
    count, cursor = 0, ""
    with (
        Session(Endpoint(url, allow_private=True)) as session,
        pq.ParquetWriter(out, target, compression="zstd") as writer,
    ):
        while cursor is not None:
            body = session.get("contacts", {"after": cursor} if cursor else {}).body
            read = pa.json.ReadOptions(use_threads=False, block_size=len(body) + 1)
            page = pa.json.read_json(pa.BufferReader(body), read_options=read, parse_options=options)
            cursor = page["paging"][0].as_py()["next"]["after"]
            records = pa.Table.from_struct_array(page["results"].combine_chunks().flatten())
            inner = pa.Table.from_struct_array(records["properties"])
            columns = [records["id"], *(inner[name] for name in names), records["archived"]]
            writer.write_table(pa.table([*columns, records["updatedAt"].cast(target.field("updatedAt").type)], target))
            count += records.num_rows
    return count


def _sql_ours(path: str, out: str) -> int:
    plain = {"kind": "sql", "url": f"sqlite:///{Path(path).name}", "table": "people", "grain": "person"}
    settings = SqlSettings.model_validate_json(json.dumps({**plain, "fields": _FIELDS}), strict=True)
    return _ours(Sql("shop", settings, folder=Path(path).parent), out)


def _sql_bare(path: str, out: str) -> int:
    count = 0
    with adbc_driver_sqlite.dbapi.connect(path) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id, email, city, spent, updated FROM people ORDER BY updated")
        with cursor.fetch_record_batch() as reader, pq.ParquetWriter(out, reader.schema, compression="zstd") as writer:
            for batch in reader:
                writer.write_batch(batch)
                count += batch.num_rows
    return count


if __name__ == "__main__":
    _, wanted, where, into = sys.argv
    work = {"rest_records_ours": _rest_ours, "rest_records_bare": _rest_bare}
    print({**work, "sql_rows_ours": _sql_ours, "sql_rows_bare": _sql_bare}[wanted](where, into))
