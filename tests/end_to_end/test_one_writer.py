"""One writer per audience, across processes: another run waits its turn, and a run that lost its lock stops."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from passerelle.connectors.twins.handle import Twins, in_process
from passerelle.connectors.twins.running import Addresses
from passerelle.privacy.errors import TryLater
from passerelle.workflows.workspace import Workspace
from tests.end_to_end.conftest import EVERYBODY, Cli
from tests.end_to_end.rooms import lowered
from tests.end_to_end.shop import ShopWorkspace, made, only_audience, pointed_at
from tests.end_to_end.test_outcomes import edit
from tests.privacy.store.stores import KINDS, fresh_url

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("one_writer")]

ADD = "meta.users.add"
SLOW = 10.0


@dataclass(frozen=True)
class Town:
    """A shop of 60 people that has pulled, whose batches have ten; and how its locks are taken away."""

    shop: ShopWorkspace
    break_locks: Callable[[], None]

    def begun(self) -> "subprocess.Popen[bytes]":
        """A sync in a process of its own, which Meta keeps waiting in its first addition."""
        self.shop.twins.fault(call=ADD, slow_seconds=SLOW)
        process = subprocess.Popen(self.shop.command("sync"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 120
        while not self.shop.twins.calls().get(ADD):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return process

    def calls(self) -> int:
        return self.shop.twins.calls().get(ADD, 0)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with Workspace.open(self.shop.folder) as workspace, workspace.store().read() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(statement)]


def ended(process: "subprocess.Popen[bytes]") -> tuple[int, dict[str, Any]]:
    stdout, _ = process.communicate(timeout=120)
    return process.returncode, json.loads(stdout)


def meta_of(told: dict[str, Any]) -> dict[str, Any]:
    return next(row for row in told["audiences"] if row["destination"] == "meta")


@pytest.fixture(params=KINDS)
def town(request: pytest.FixtureRequest, tiny: Path, tmp_path: Path) -> Iterator[Town]:
    for url in fresh_url(request.param, tmp_path):
        with in_process() as twins:
            if request.param == "sqlite":
                shop = pointed_at(ShopWorkspace(Path(shutil.copytree(tiny, tmp_path / "shop")), twins))
                breaks = partial(delete_lock_files, shop.folder / "var" / "locks")
            else:
                shop = on_postgres(tmp_path, url, twins)
                breaks = partial(end_sessions_with_locks, url)
            for kind in ("meta", "google_ads"):
                edit(shop.folder / "passerelle.yaml", f"kind: {kind}\n", f"kind: {kind}\n    rows_per_request: 10\n")
            yield Town(shop, breaks)


def on_postgres(folder: Path, url: str, twins: Twins) -> ShopWorkspace:
    nowhere = Twins(Addresses("http://127.0.0.1:8701", "127.0.0.1:8702", "127.0.0.1:8703"))
    shop = made(folder / "shop", nowhere, people=60)
    only_audience(shop, "everybody", EVERYBODY)
    secret = shop.folder / "secrets" / "store.url"
    secret.write_text(url + "\n")
    secret.chmod(0o600)
    edit(shop.folder / "passerelle.yaml", "store: var/control.db", "store: {url_file: secrets/store.url} ")
    lowered(shop).ok("pull")
    return pointed_at(ShopWorkspace(shop.folder, twins))


def delete_lock_files(folder: Path) -> None:
    """As somebody would who tidies up."""
    found = list(folder.glob("sync-*"))
    assert len(found) == 2
    for file in found:
        file.unlink()


def end_sessions_with_locks(url: str) -> None:
    """As an administrator would, or a firewall."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    idle = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()"
        " AND state = 'idle' AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')"
    )
    with engine.connect() as connection:
        assert connection.execute(text(idle)).scalar_one() == 1  # one session for all locks
    engine.dispose()


def test_a_second_process_waits_its_turn_and_sends_nobody(town: Town, cli: Cli) -> None:
    with town.begun() as first:
        before = town.calls()
        code, second = cli(town.shop, "sync")  # this process is the second
        assert (code, second["outcome"]) == (75, "try_later")
        assert "Another run" in meta_of(second)["problem"]
        assert meta_of(second)["sent"] == {"adds": 0, "removes": 0}
        assert town.calls() == before == 1
        code, told = ended(first)
    assert (code, told["outcome"]) == (0, "done")
    assert {row["members"] for row in told["audiences"]} == set(town.shop.at_twins().values())


def test_a_run_that_lost_its_lock_pushes_no_further_batch(town: Town) -> None:
    with town.begun() as first:
        town.break_locks()
        code, told = ended(first)
    assert (code, meta_of(told)["outcome"]) == (75, "try_later")
    assert "lock" in meta_of(told)["problem"]
    assert town.calls() == 1
    assert town.rows("SELECT count(*) FROM batch WHERE destination = 'meta' AND state = 'intended'") == [(0,)]
    again = town.shop.ok("sync")
    assert {row["members"] for row in again["audiences"]} == set(town.shop.at_twins().values())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_twice_to_stop_a_run_holds_its_lock_until_the_batch_in_hand_has_its_receipt(
    town: Town, number: signal.Signals
) -> None:
    with town.begun() as first:
        for _ in range(3):
            os.kill(first.pid, number)
            time.sleep(0.3)
        assert first.poll() is None
        with Workspace.open(town.shop.folder) as workspace, pytest.raises(TryLater, match="Another run"):
            workspace.store().exclusive("sync-meta-everybody").__enter__()
        code, told = ended(first)
    assert (code, told["outcome"]) == (75, "try_later")
    assert town.calls() == 1
    (state,) = town.rows("SELECT state FROM batch WHERE destination = 'meta'")
    assert state[0] in {"accepted", "settled"}
    assert {row["members"] for row in town.shop.ok("sync")["audiences"]} == set(town.shop.at_twins().values())
