"""Databases: read only, streamed, quoted, and read again only where something changed."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from passerelle.connectors.contract.source import Context, Page, State
from passerelle.connectors.errors import DefinitionError, Refused, TryLater
from passerelle.connectors.sources.sql import Sql, SqlSettings
from passerelle.connectors.sources.sql.adbc import translated
from passerelle.connectors.sources.sql.moments import earlier, not_after

NOW = 1_795_219_200_000_000
FIELDS: dict[str, Any] = {
    "id": {"key": True},
    "who": {"identifier": "external_id"},
    "at_": {"event_time": True, "cursor": "timestamp"},
    "paid": {"attribute": "money"},
}


def settings(**more: object) -> SqlSettings:
    data: dict[str, object] = {
        "kind": "sql",
        "url": "sqlite:///shop.db",
        "grain": "event",
        "event": "buy",
        "fields": FIELDS,
    }
    if "query" not in more:
        data["table"] = "orders"
    return SqlSettings.model_validate_json(json.dumps({**data, **more}), strict=True)


def pull(
    folder: Path, state: State | None = None, *, page_rows: int = 1000, now: int = NOW, **more: object
) -> list[Page]:
    source = Sql("shop", settings(**more), folder=folder)
    return list(source.pull(source.resources[0], state, Context(now=now, timezone="Europe/Paris", page_rows=page_rows)))


def ids(pages: list[Page]) -> list[str]:
    return sorted(str(value) for page in pages for value in page.rows["id"].to_pylist())


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "shop.db", isolation_level=None)
    connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, who, at_, paid, unasked)")
    yield connection
    connection.close()


def test_values_of_any_type_and_nothing_for_the_first_ten_thousand_rows(tmp_path: Path, db: sqlite3.Connection) -> None:
    values = [
        (number, "C1", "2026-01-01", None if number < 9_000 else ("59.90", 5, 1.5, "né")[number % 4])
        for number in range(10_000)
    ]
    db.execute("BEGIN")
    db.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, 'SECRET')", values)
    db.execute("COMMIT")
    pages = pull(tmp_path, page_rows=4000)
    assert [page.rows.num_rows for page in pages] == [4000, 4000, 2000, 0]
    assert pages[0].rows.column_names == list(FIELDS)
    assert pages[2].rows["paid"].to_pylist()[-4:] == ["59.90", "5", "1.5", "né"]


def test_bytes_that_are_no_text_stop_nobody_else(tmp_path: Path, db: sqlite3.Connection) -> None:
    paid = ("CAST(x'61FF62' AS TEXT)", "'né'", "NULL")
    for number, value in enumerate(paid):
        db.execute(f"INSERT INTO orders VALUES ({number}, 'C1', '2026-01-0{number + 1}', {value}, '')")  # noqa: S608
    found = [value for page in pull(tmp_path) for value in page.rows["paid"].to_pylist()]
    assert found == ["a\ufffdb", "né", None]


def test_rows_without_a_cursor_value_always_come(tmp_path: Path, db: sqlite3.Connection) -> None:
    db.execute("INSERT INTO orders VALUES (1, 'C1', '2026-01-01', 1, 0), (2, 'C2', NULL, 1, 0)")
    pages = pull(tmp_path)
    assert ids(pages) == ["1", "2"]
    assert "2" in ids(pull(tmp_path, pages[-1].state))


@pytest.mark.parametrize(
    "form", ["2026-11-01 10:00:00", "2026-11-01T10:00:00Z", "2026-11-01T10:00:00.123+02:00", "2026-11-01"]
)
def test_the_cursor_is_moved_back_in_its_own_form(tmp_path: Path, db: sqlite3.Connection, form: str) -> None:
    db.execute("INSERT INTO orders VALUES (1, 'C1', ?, 1, 0)", (form,))
    state = pull(tmp_path)[-1].state
    assert state["mark"] == form
    db.execute("INSERT INTO orders VALUES (2, 'C1', ?, 1, 0)", (earlier(form, 60_000_000),))
    assert "2" in ids(pull(tmp_path, state))


def test_moments_keep_separators_precision_and_zone() -> None:
    hour = 3_600_000_000
    assert earlier("2026-11-01 00:30:00", hour) == "2026-10-31 23:30:00"
    assert earlier("2026-11-01T00:30:00.500Z", hour) == "2026-10-31T23:30:00.500Z"
    assert earlier("2026-11-01T00:30+02:00", hour) == "2026-10-31T23:30+02:00"
    assert earlier("2026-11-01", hour) == "2026-10-31"
    assert not_after("2999-01-01 00:00:00", NOW, "Europe/Paris") == "2026-11-21 01:00:00"
    assert not_after("2999-01-01T00:00:00Z", NOW, "Europe/Paris") == "2026-11-21T00:00:00Z"
    assert not_after("2026-11-20", NOW, "Europe/Paris") == "2026-11-20"
    with pytest.raises(DefinitionError, match="are not dates"):
        earlier("01/11/2026", hour)


def test_a_whole_number_may_be_the_cursor(tmp_path: Path, db: sqlite3.Connection) -> None:
    fields = {**FIELDS, "id": {"key": True, "cursor": "integer"}, "at_": {"event_time": True}}
    db.execute("INSERT INTO orders VALUES (9, 'C1', '2026-01-01', 1, 0), (10, 'C1', '2026-01-01', 1, 0)")
    state = pull(tmp_path, fields=fields)[-1].state
    db.execute("INSERT INTO orders VALUES (11, 'C1', '2026-01-01', 1, 0)")
    assert ids(pull(tmp_path, state, fields=fields)) == ["10", "11"]


def test_without_a_cursor_a_cut_pull_goes_on_by_key_and_the_next_reads_all(
    tmp_path: Path, db: sqlite3.Connection
) -> None:
    fields = {**FIELDS, "at_": {"event_time": True}}
    db.execute("BEGIN")
    db.executemany("INSERT INTO orders VALUES (?, 'C1', '2026-01-01', 1, 0)", [(number,) for number in range(10)])
    db.execute("COMMIT")
    pages = pull(tmp_path, page_rows=4, fields=fields)
    assert len(ids(pages)) == 10
    assert ids(pull(tmp_path, pages[0].state, fields=fields)) == ["4", "5", "6", "7", "8", "9"]
    assert len(ids(pull(tmp_path, pages[-1].state, fields=fields))) == 10


def test_a_query_is_read_like_a_table_and_cannot_write(tmp_path: Path, db: sqlite3.Connection) -> None:
    db.execute("INSERT INTO orders VALUES (1, 'C1', '2026-01-01', 1, 0), (2, 'C1', '2026-01-02', 2, 0)")
    query = "SELECT id, who, at_, paid * 2 AS paid FROM orders WHERE who LIKE 'C%'"
    pages = pull(tmp_path, query=query)
    assert pages[0].rows["paid"].to_pylist() == ["2", "4"]
    state = pages[-1].state
    assert len(ids(pull(tmp_path, {**state, "mark": "2026-01-02"}, query=query, overlap="0s"))) == 1
    with pytest.raises((DefinitionError, TryLater)):
        pull(tmp_path, query="DELETE FROM orders RETURNING *")
    assert db.execute("SELECT count(*) FROM orders").fetchone() == (2,)


def test_names_are_quoted_and_values_bound(tmp_path: Path, db: sqlite3.Connection) -> None:
    db.execute('CREATE TABLE "or""ders; --" ("i d" INTEGER, who, at_, paid)')
    db.execute("""INSERT INTO "or""ders; --" VALUES (1, 'C1', '2026-01-01', 1)""")
    fields = {**FIELDS, "id": {"key": True, "column": "i d"}}
    pages = pull(tmp_path, table='or"ders; --', fields=fields)
    assert ids(pages) == ["1"]
    hostile = {**pages[-1].state, "mark": "2026-01-01' OR 1=1 --"}
    with pytest.raises(DefinitionError, match="are not dates"):
        pull(tmp_path, hostile, table='or"ders; --', fields=fields)


def test_a_missing_column_or_table_is_named(tmp_path: Path, db: sqlite3.Connection) -> None:
    db.execute("ALTER TABLE orders DROP COLUMN paid")
    with pytest.raises(DefinitionError, match="orders has no column paid"):
        pull(tmp_path)
    with pytest.raises(DefinitionError, match="cannot carry out"):
        pull(tmp_path, table="nowhere")
    with pytest.raises(DefinitionError, match=r"no database file gone\.db"):
        pull(tmp_path, url="sqlite:///gone.db")


def test_new_columns_are_told_of_and_not_read(tmp_path: Path, db: sqlite3.Connection) -> None:
    state = pull(tmp_path)[-1].state
    db.execute("ALTER TABLE orders ADD COLUMN phone")
    last = pull(tmp_path, state)[-1]
    assert last.warnings == ("orders has new columns: phone. They are not read until `fields:` names them.",)


def test_a_password_stands_in_a_file_of_its_own(tmp_path: Path, db: sqlite3.Connection) -> None:
    for url in ("postgresql://shop:SECRET@db/shop", "mysql://db/shop?password=SECRET"):
        with pytest.raises(DefinitionError, match="holds a password") as refused:
            pull(tmp_path, url=url)
        assert "SECRET" not in refused.value.message + refused.value.advice
    secret = tmp_path / "shop.url"
    secret.write_text("sqlite:///shop.db\n", encoding="utf-8")
    secret.chmod(0o644)
    with pytest.raises(DefinitionError, match="read by other users"):
        pull(tmp_path, url=None, url_file="shop.url")
    secret.chmod(0o600)
    db.execute("INSERT INTO orders VALUES (1, 'C1', '2026-01-01', 1, 0)")
    assert ids(pull(tmp_path, url=None, url_file="shop.url")) == ["1"]


@pytest.mark.parametrize(
    "more",
    [{"table": "a", "query": "SELECT 1"}, {"query": "SELECT 1; DROP TABLE orders"}, {"url": None}, {"url_file": "x"}],
)
def test_what_contradicts_itself_is_refused(more: dict[str, object]) -> None:
    with pytest.raises((DefinitionError, ValidationError)):
        settings(**more)


def test_servers_that_do_not_answer_are_for_later_and_unknown_kinds_never(tmp_path: Path) -> None:
    for url in ("postgresql://shop@127.0.0.1:1/shop", "mysql://shop@127.0.0.1:1/shop"):
        with pytest.raises(TryLater):
            pull(tmp_path, url=url)
    with pytest.raises(DefinitionError, match="not known here"):
        pull(tmp_path, url="oracle://shop@db/shop")
    (check,) = Sql("shop", settings(url="postgresql://shop@127.0.0.1:1/shop"), folder=tmp_path).check()
    assert check.state == "failed"


@pytest.mark.parametrize(
    ("state", "error"), [("28P01", Refused), ("42501", Refused), ("42P01", DefinitionError), ("57P03", TryLater)]
)
def test_the_databases_codes_say_what_to_do_next(state: str, error: type[Exception]) -> None:
    assert isinstance(translated(state, wrong=False), error)
