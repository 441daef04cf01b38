"""A small shop whose runs take a clock and a sleep, and may die at any look at the clock."""

import csv
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import text

from passerelle.connectors.contract.destination import Destination
from passerelle.connectors.destinations.google_ads import GoogleAds
from passerelle.connectors.destinations.meta import Meta
from passerelle.connectors.twins.handle import Twins
from passerelle.workflows.cli.progress import Silent
from passerelle.workflows.settings.load import load
from passerelle.workflows.sync.crew import Crew, crew
from passerelle.workflows.sync.report import PlaceReport
from passerelle.workflows.sync.run import SyncReport, sync, sync_removals
from passerelle.workflows.workspace import Workspace
from tests.end_to_end.shop import ShopWorkspace, pointed_at

MICROSECONDS = 1_000_000
KINDS: dict[str, type[Meta | GoogleAds]] = {"meta": Meta, "google": GoogleAds}


def lowered(shop: ShopWorkspace) -> ShopWorkspace:
    """The same shop, whose policy lets an audience of one person be."""
    policy = shop.folder / "policy.yaml"
    given = policy.read_text()
    assert "minimum_size: 100 " in given
    policy.write_text(given.replace("minimum_size: 100 ", "minimum_size: 1 "))
    for file in (shop.folder / "audiences").glob("*.yaml"):
        file.write_text(file.read_text().replace("minimum_size: 10,", "minimum_size: 1,").replace("100%", "null"))
    return shop


@dataclass
class Clock:
    """Microseconds UTC: the machine's, and what was slept. `waits` is told of each sleep before it is over."""

    slept: int = 0
    waits: Callable[[float], None] = field(default=lambda _seconds: None)

    def now(self) -> int:
        return time.time_ns() // 1000 + self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += int(seconds * MICROSECONDS)
        self.waits(seconds)


@dataclass
class Rooms:
    """The workspace of `shop`, opened for each thing that is done."""

    shop: ShopWorkspace
    clock: Clock

    @contextmanager
    def opened(self) -> Iterator[Workspace]:
        loaded = load(self.shop.folder)
        made: dict[str, Destination] = {
            name: KINDS[name](name, plugged.settings, folder=self.shop.folder, sleep=self.clock.sleep)
            for name, plugged in loaded.destinations.items()
        }
        with Workspace(self.shop.folder, loaded, self.clock.now, destinations=made) as workspace:
            yield workspace

    def crew(self, workspace: Workspace, now: Callable[[], int] | None = None, patience: float = 30) -> Crew:
        return crew(
            workspace,
            run_id=f"run{time.time_ns()}",
            now=now or self.clock.now,
            sleep=self.clock.sleep,
            progress=Silent(),
            patience=patience,
        )

    def sync(self, *, now: Callable[[], int] | None = None, patience: float = 30) -> dict[str, PlaceReport]:
        with self.opened() as workspace:
            return by_destination(sync(self.crew(workspace, now, patience), []))

    def removals(self, *, now: Callable[[], int] | None = None) -> dict[str, PlaceReport]:
        with self.opened() as workspace:
            return by_destination(sync_removals(self.crew(workspace, now), []))

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        with self.opened() as workspace, workspace.store().read() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    def contacts(self) -> list[dict[str, str]]:
        with (self.shop.folder / "data" / "contacts.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file, delimiter=";"))


def by_destination(report: SyncReport) -> dict[str, PlaceReport]:
    """The reports of the one audience, by destination."""
    return {each.place.destination: each for each in report.places}


def copied(base: Path, folder: Path, twins: Twins, clock: Clock) -> Rooms:
    """Rooms on a copy of a workspace that was made for no twins in particular."""
    shutil.copytree(base, folder)
    return Rooms(pointed_at(ShopWorkspace(folder, twins)), clock)
