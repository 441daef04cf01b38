"""A pulled shop, made once and copied for each test, with twins of the test's own."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from passerelle.connectors.twins.handle import Twins, in_process
from passerelle.connectors.twins.running import Addresses
from passerelle.workflows.cli.main import main
from tests.end_to_end.rooms import Clock, Rooms, copied, lowered
from tests.end_to_end.shop import ShopWorkspace, made, only_audience, pointed_at

EVERYBODY = "{any: [{trait: orders_365d, at_least: 0}, {trait: loyalty, missing: true}]}"

Cli = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command line in this process: its exit code, and the object it printed."""

    def run(shop: ShopWorkspace, *words: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        code = main([*words, "-w", str(shop.folder), "--json", "--quiet"])
        printed = capsys.readouterr().out
        return code, json.loads(printed)

    return run


@pytest.fixture(scope="session")
def pulled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of 600 people that has pulled; one audience of everybody, small enough for a small shop."""
    nowhere = Twins(Addresses("http://127.0.0.1:8701", "127.0.0.1:8702", "127.0.0.1:8703"))
    shop = made(tmp_path_factory.mktemp("pulled") / "shop", nowhere, people=600)
    only_audience(shop, "everybody", EVERYBODY)
    shop.ok("pull")
    return shop.folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of 60 people that has pulled, whose policy has no minimum size: see `rooms`."""
    nowhere = Twins(Addresses("http://127.0.0.1:8701", "127.0.0.1:8702", "127.0.0.1:8703"))
    shop = made(tmp_path_factory.mktemp("tiny") / "shop", nowhere, people=60)
    only_audience(shop, "everybody", EVERYBODY)
    lowered(shop).ok("pull")
    return shop.folder


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
