"""Locks on all hosts: one holder, any number of names, and a holder that knows when it is none any more."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select, text

from passerelle.privacy.errors import TryLater
from passerelle.privacy.store import Store
from passerelle.privacy.store.locks import LockLost
from passerelle.privacy.store.tables import setting
from tests.privacy.store.stores import KINDS, fresh_url


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield from fresh_url(request.param, tmp_path)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = Store.open(url)
    yield store
    store.close()


def take_away(url: str, folder: Path) -> None:
    """As somebody would who deletes lock files, or an administrator who ends sessions."""
    if url.startswith("sqlite"):
        for file in folder.rglob("*.lock"):
            file.unlink()
        return
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        wanted = (
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
        )
        connection.execute(text(wanted))
    engine.dispose()


def test_more_names_are_held_at_once_than_a_pool_has_connections(store: Store) -> None:
    with ExitStack() as locks:
        leases = [locks.enter_context(store.exclusive(f"audience {number}")) for number in range(40)]
        for lease in leases:
            lease()
        with store.write() as connection:
            assert connection.execute(select(setting.c.name).where(setting.c.name == "no such")).first() is None


def test_a_process_does_not_take_a_name_twice(store: Store) -> None:
    with store.exclusive("one"):
        with pytest.raises(TryLater, match="Another run"), store.exclusive("one"):
            pass
        with store.exclusive("two"):
            pass
    with store.exclusive("one") as lease:
        lease()


def test_who_lost_the_lock_is_told_and_another_may_have_it(url: str, store: Store, tmp_path: Path) -> None:
    other = Store.open(url)
    with store.exclusive("one") as lease:
        lease()
        take_away(url, tmp_path)
        with pytest.raises(LockLost, match="was lost"):
            lease()
        with other.exclusive("one") as theirs:
            theirs()
            with pytest.raises(LockLost):
                lease()
    with store.exclusive("one") as again:
        again()
    other.close()


def test_a_lock_file_that_another_took_the_place_of_is_lost(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/control.db")
    with store.exclusive("one") as lease:
        (file,) = tmp_path.rglob("one.lock")
        file.unlink()
        file.touch()
        with pytest.raises(LockLost):
            lease()
    store.close()


def test_a_lost_lock_names_no_connection(url: str, store: Store, tmp_path: Path) -> None:
    with store.exclusive("one") as lease:
        take_away(url, tmp_path)
        with pytest.raises(LockLost) as caught:
            lease()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
