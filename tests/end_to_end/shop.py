"""A workspace with the French shop on running twins, driven through the real command line."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from passerelle.connectors.twins.handle import Twins, in_process
from passerelle.connectors.twins.running import Addresses
from passerelle.workflows.workspace import Workspace
from tests.command import told

NOWHERE = Twins(Addresses("http://127.0.0.1:8701", "127.0.0.1:8702", "127.0.0.1:8703"))
"""The addresses that a new shop has in its settings; nobody is there."""


@dataclass(frozen=True)
class Ran:
    """One command that ended."""

    code: int
    result: dict[str, Any]
    stderr: str


@dataclass(frozen=True)
class ShopWorkspace:
    folder: Path
    twins: Twins

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "passerelle.workflows.cli.main", *words, "-w", str(self.folder), "--json"]

    def run(self, *words: str, stdin: str = "") -> Ran:
        done = subprocess.run(self.command(*words), input=stdin.encode(), capture_output=True, check=False, timeout=280)
        told = json.loads(done.stdout) if done.stdout.strip() else {}
        return Ran(done.returncode, told, done.stderr.decode())

    def ok(self, *words: str, stdin: str = "") -> dict[str, Any]:
        ran = self.run(*words, stdin=stdin)
        assert ran.code == 0, (words, ran.result, ran.stderr[-2000:])
        return ran.result

    def here(self, *words: str) -> dict[str, Any]:
        """What `ok` does, in this process."""
        code, result = told(self.folder, *words)
        assert code == 0, (words, result)
        return result

    def at_twins(self) -> dict[tuple[str, str], int]:
        """(audience's display name, platform) -> people there."""
        return {(one["name"], one["platform"]): one["count"] for one in self.twins.state()["audiences"]}


def made(folder: Path, twins: Twins, *, people: int) -> ShopWorkspace:
    """Scaffold the shop into `folder` and point it at `twins`."""
    shop = ShopWorkspace(folder, twins)
    shop.here("init", str(folder), "--people", str(people))
    return pointed_at(shop)


def pointed_at(shop: ShopWorkspace) -> ShopWorkspace:
    """Write the addresses of the shop's twins into its settings."""
    settings = shop.folder / "passerelle.yaml"
    text = settings.read_text().replace("http://127.0.0.1:8701", shop.twins.meta)
    text = text.replace("127.0.0.1:8702", shop.twins.google["data_manager"])
    settings.write_text(text.replace("127.0.0.1:8703", shop.twins.google["google_ads"]))
    return shop


@contextmanager
def visited(folder: Path) -> Iterator[ShopWorkspace]:
    """The shop in `folder / "shop"` at twins of its own, for the block.

    Afterwards it is at no twins in particular, and `folder / "twins.json"` has what they held: see `revisited`.
    """
    settings = folder / "shop" / "passerelle.yaml"
    nowhere = settings.read_text()
    with in_process(state=folder / "twins.json") as twins:
        yield pointed_at(ShopWorkspace(folder / "shop", twins))
    settings.write_text(nowhere)


@contextmanager
def revisited(base: Path, folder: Path) -> Iterator[ShopWorkspace]:
    """A copy of what `visited` left in `base`, at twins that hold what those held."""
    shutil.copytree(base, folder, dirs_exist_ok=True)
    with in_process(state=folder / "twins.json") as twins:
        yield pointed_at(ShopWorkspace(folder / "shop", twins))


def only_audience(shop: ShopWorkspace, name: str, where: str) -> None:
    """Leave one segment and one audience in the workspace, without guards that small tests would trip over."""
    for kind in ("segments", "audiences"):
        for file in (shop.folder / kind).glob("*.yaml"):
            file.unlink()
    (shop.folder / "segments" / f"{name}.yaml").write_text(f"segment: {name}\nwhere: {where}\n")
    (shop.folder / "audiences" / f"{name}.yaml").write_text(
        f"audience: {name}\nsegment: {name}\npurpose: ad_list_matching\n"
        f"destinations: {{meta: {{}}, google: {{}}}}\nguards: {{minimum_size: 10, maximum_change: 100%}}\n"
    )


def ledger_of(shop: ShopWorkspace, statement: str) -> list[tuple[Any, ...]]:
    """What the store says."""
    with Workspace.open(shop.folder) as workspace, workspace.store().read() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(statement)]


def member(shop: ShopWorkspace, *, whatever_state: bool = False) -> str:
    """The pseudonym of somebody at every place where somebody is: the last of them, where a twin refused the first.

    A removal may be under way for somebody in `whatever_state`, or an addition.
    """
    found = ledger_of(shop, "SELECT subject_ref, subject_id, state FROM subject JOIN membership USING (subject_id)")
    places = Counter((subject_id, ref) for ref, subject_id, state in found if whatever_state or state == "member")
    (_, ref), _ = max(places.items(), key=lambda one: (one[1], one[0]))
    return str(ref)
