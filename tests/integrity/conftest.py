"""A small shop that has pulled, synced and lost somebody, in which every table has rows; and someone who meddles."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from passerelle.connectors.twins.handle import Twins, in_process
from passerelle.privacy.store import tables as t
from passerelle.workflows.workspace import Workspace
from tests.end_to_end.conftest import cli, everybody_in
from tests.end_to_end.shop import ShopWorkspace, pointed_at, visited
from tests.integrity.meddler import Meddler, filler
from tests.once import once

PEOPLE = 60

__all__ = ["cli"]  # the fixture that runs a command line in this process


def live(folder: Path) -> None:
    """Make a shop that two runs left, as `visited` leaves it."""
    shop = everybody_in(folder / "shop", people=PEOPLE)
    policy = shop.folder / "policy.yaml"
    policy.write_text(policy.read_text().replace("minimum_size: 100 ", "minimum_size: 10 "))
    with visited(folder):
        shop.here("pull")
        shop.here("sync")
    with Workspace.open(shop.folder) as workspace, workspace.store().write() as connection:
        for table in t.metadata.sorted_tables:
            if table is not t.log_witness and connection.execute(table.select().limit(1)).first() is None:
                workspace.store().insert(connection, table, filler(table, 41, 42))
        workspace.log().checkpoint(connection, now=1_795_219_200_000_000)


@pytest.fixture(scope="session")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that two runs left in good order; tables that they left empty hold rows of no meaning."""
    return once(tmp_path_factory, "lived", live) / "shop"


@pytest.fixture(scope="session")
def twins(lived_in: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    """Twins that hold who was sent."""
    state = tmp_path_factory.mktemp("twins") / "twins.json"
    with in_process(state=Path(shutil.copy(lived_in.parent / "twins.json", state))) as running:
        yield running


@pytest.fixture
def shop(lived_in: Path, tmp_path: Path, twins: Twins) -> ShopWorkspace:
    """A copy of it."""
    return pointed_at(ShopWorkspace(Path(shutil.copytree(lived_in, tmp_path / "shop")), twins))


@pytest.fixture(scope="session")
def meddler(lived_in: Path, tmp_path_factory: pytest.TempPathFactory) -> Meddler:
    """Someone with the database file of a copy of it, which they put back after each change."""
    return Meddler(Path(shutil.copytree(lived_in, tmp_path_factory.mktemp("meddled") / "shop")))
