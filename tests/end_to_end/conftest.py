"""A pulled shop, made once in a run and copied for each test, with twins of the test's own."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from passerelle.connectors.twins.handle import in_process
from tests.command import told
from tests.end_to_end.rooms import Clock, Rooms, copied, lowered
from tests.end_to_end.shop import NOWHERE, ShopWorkspace, made, only_audience, pointed_at, revisited, visited
from tests.once import once

EVERYBODY = "{any: [{trait: orders_365d, at_least: 0}, {trait: loyalty, missing: true}]}"

Cli = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def cli() -> Cli:
    """Runs a command line in this process: its exit code, and the object it printed."""

    def run(shop: ShopWorkspace, *words: str) -> tuple[int, dict[str, Any]]:
        return told(shop.folder, *words)

    return run


@pytest.fixture(scope="session")
def pulled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of 600 people that has pulled; one audience of everybody, small enough for a small shop."""
    return once(tmp_path_factory, "pulled", lambda folder: everybody_in(folder, people=600).here("pull"))


def everybody_in(folder: Path, *, people: int) -> ShopWorkspace:
    """A new shop at no twins in particular, with one audience of everybody."""
    shop = made(folder, NOWHERE, people=people)
    only_audience(shop, "everybody", EVERYBODY)
    return shop


@pytest.fixture(scope="session")
def first_sync(pulled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pulled shop after its first sync, which sent everybody there is to send, as `visited` leaves it."""

    def make(folder: Path) -> None:
        shutil.copytree(pulled, folder / "shop")
        with visited(folder) as shop:
            assert shop.here("sync")["outcome"] == "done"

    return once(tmp_path_factory, "first-sync", make)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of 60 people that has pulled, whose policy has no minimum size: see `rooms`."""
    return once(tmp_path_factory, "tiny", lambda folder: lowered(everybody_in(folder, people=60)).here("pull"))


@pytest.fixture
def rooms(tiny: Path, tmp_path: Path) -> Iterator[Rooms]:
    """A copy of the tiny shop, with twins and a clock of its own."""
    with in_process() as twins:
        yield copied(tiny, tmp_path / "shop", twins, Clock())


@pytest.fixture
def small(pulled: Path, tmp_path: Path) -> Iterator[ShopWorkspace]:
    """A copy of the pulled shop, with twins of its own."""
    folder = tmp_path / "shop"
    shutil.copytree(pulled, folder)
    with in_process() as twins:
        yield pointed_at(ShopWorkspace(folder, twins))


@pytest.fixture
def synced(first_sync: Path, tmp_path: Path) -> Iterator[ShopWorkspace]:
    """A copy of the pulled shop after its first sync, with twins that hold who was sent; nothing was asked of them."""
    with revisited(first_sync, tmp_path) as shop:
        yield shop
