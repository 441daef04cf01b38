"""Fresh stores to test with: a SQLite file, and a schema in the PostgreSQL that PASSERELLE_TEST_POSTGRES names."""

import os
import tempfile
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, make_url, text

from passerelle.privacy.store import Store

KINDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


def fresh_url(kind: str, folder: Path) -> Iterator[str]:
    """The address of a store that nobody has opened yet."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/var/control.db"
        return
    for url in fresh_database():
        yield url.render_as_string(hide_password=False)


def fresh_database(how: str = "") -> Iterator[URL]:
    """A new database in that PostgreSQL, made as `how` says, dropped afterwards."""
    server = os.environ.get("PASSERELLE_TEST_POSTGRES")
    if server is None:
        pytest.skip("PASSERELLE_TEST_POSTGRES names no server")
    url = make_url(server).set(drivername="postgresql+psycopg")
    name = f"passerelle_{uuid.uuid4().hex}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}" {how}'))
    yield url.set(database=name)
    with engine.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    engine.dispose()


def fresh_store(kind: str, folder: Path) -> Iterator[Store]:
    """A new store, closed afterwards."""
    for url in fresh_url(kind, folder):
        store = opened(Path(make_url(url).database or "")) if kind == "sqlite" else Store.open(url)
        yield store
        store.close()


def opened(file: Path) -> Store:
    """What `Store.open` makes of a SQLite file that is not there; its tables are made once in a process."""
    if not file.exists():
        placed(file)
    return Store.open(f"sqlite:///{file}")


def placed(file: Path) -> None:
    """Put a store with all tables, and nothing in them, where a workspace will look for its own."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.touch(mode=0o600, exist_ok=False)
    file.write_bytes(_empty())


@cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "control.db"
        Store.open(f"sqlite:///{file}").close()
        return file.read_bytes()
