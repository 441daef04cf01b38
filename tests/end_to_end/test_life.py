"""A life of a workspace, in any order: ingest, withdraw, object, erase, merge, sync, crash, retry, rotate, restore.

A model of a few lines says who may be at the platforms. After every step the two twins, the ledger and the log are
held against it.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from passerelle.connectors.twins.handle import in_process
from passerelle.privacy.audit.bundle import verifier_source
from tests.command import told
from tests.end_to_end.shop import ShopWorkspace, pointed_at
from tests.end_to_end.test_consent_reaches import NOTICE, contact, write
from tests.end_to_end.test_replace import doubtful
from tests.exploring import examples
from tests.waiting import until

PEOPLE = 6
CALLS = ("meta.users.add", "meta.users.remove", "data_manager.ingest", "data_manager.remove")
WHO = st.integers(0, PEOPLE - 1)


def email(person: int) -> str:
    return f"life{person}@example.com"


def digest(person: int) -> str:
    return hashlib.sha256(email(person).encode()).hexdigest()


class Model:
    """Who may be shared. Each person as first known has a last word; people who are one share every later word."""

    def __init__(self) -> None:
        self.group = list(range(PEOPLE))
        self.word: list[str | None] = [None] * PEOPLE
        self.objects: set[int] = set()
        self.erased: set[int] = set()

    def of(self, person: int) -> list[int]:
        return [other for other in range(PEOPLE) if self.group[other] == self.group[person]]

    def say(self, person: int, word: str) -> None:
        for other in self.of(person):
            self.word[other] = word

    def merge(self, one: int, other: int) -> None:
        old, new = self.group[other], self.group[one]
        self.group = [new if group == old else group for group in self.group]

    def allowed(self, person: int) -> bool:
        kin = self.of(person)
        words = {self.word[other] for other in kin}
        stopped = any(other in self.objects | self.erased for other in kin)
        return "yes" in words and "no" not in words and not stopped


class Life(RuleBasedStateMachine):
    base: Path
    """A pulled shop to copy."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.stack = ExitStack()
        self.there: dict[str, set[int]] = {}
        self.backup: Path | None = None
        self.hours = 0
        self.retired = 0

    # --- doing things

    @initialize()
    def begin(self) -> None:
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        shutil.copytree(self.base, folder / "shop")
        self.shop = pointed_at(ShopWorkspace(folder / "shop", self.stack.enter_context(in_process())))
        rows = [contact(f"LIFE{person}", "", email=email(person), mobile=phone(person)) for person in range(PEOPLE)]
        write(self.shop, "life", rows)
        assert self.cli("pull", "crm")[0] in {0, 3}
        assert self.cli("sync")[0] == 0
        self.key = folder / "log.vkey"
        assert self.cli("audit", "checkpoint", "--verifier-file", str(self.key))[0] == 0
        self.look()

    def teardown(self) -> None:
        try:
            if hasattr(self, "shop"):
                self.a_stranger_can_check_it()
        finally:
            self.stack.close()

    def a_stranger_can_check_it(self) -> None:
        """With a bundle, the log's key of another day, and one file."""
        place = self.shop.folder.parent
        assert self.cli("audit", "bundle", "--everybody", "--out", str(place / "all.zip"))[0] == 0
        (place / "verify.py").write_bytes(verifier_source())
        words = [sys.executable, "-I", str(place / "verify.py"), str(place / "all.zip"), "--key", str(self.key)]
        done = subprocess.run(words, capture_output=True, check=False, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert done.stdout.endswith("Everything above was checked.\n")

    def cli(self, *words: str) -> tuple[int, dict[str, Any]]:
        return told(self.shop.folder, *words)

    def about(self, person: int, *words: str) -> tuple[int, dict[str, Any]]:
        given = self.shop.folder.parent / "who.txt"
        given.write_text(email(person) + "\n")
        return self.cli(*words, "--file", str(given))

    def at(self) -> str:
        """Statements are an hour apart, and all in the past."""
        self.hours += 1
        return (datetime.now(UTC) - timedelta(days=40) + timedelta(hours=self.hours)).strftime("%Y-%m-%dT%H:%M:%SZ")

    @rule(person=WHO)
    def agree(self, person: int) -> None:
        code, _ = self.about(person, "consent", "record", "--state", "given", "--notice", NOTICE, "--at", self.at())
        assert code == 0
        self.model.say(person, "yes")

    @rule(person=WHO)
    def withdraw(self, person: int) -> None:
        code, _ = self.about(person, "consent", "withdraw", "--at", self.at())
        assert code == 0
        self.model.say(person, "no")

    @rule(person=WHO)
    def objects(self, person: int) -> None:
        """No later consent of one step lifts it."""
        code, _ = self.about(person, "consent", "withdraw", "--objection", "--at", self.at())
        assert code == 0
        self.model.objects |= set(self.model.of(person))

    @rule(retire=st.booleans())
    def rotate(self, *, retire: bool) -> None:
        code, told = self.cli("keys", "rotate")
        assert code == 0, told
        if retire:
            for generation in range(self.retired + 1, told["generation"]):
                assert self.cli("keys", "retire", str(generation))[0] == 0
                self.retired = generation

    @rule(one=WHO, other=WHO)
    def merge(self, one: int, other: int) -> None:
        if self.model.erased & {one, other}:
            return
        row = contact(f"TIE{one}{other}", "", email=email(one), mobile=phone(other))
        write(self.shop, f"tie{one}{other}", [row])
        assert self.cli("pull", "crm")[0] in {0, 3}
        self.model.merge(one, other)

    @rule(person=WHO)
    def erase(self, person: int) -> None:
        """Confirmed by both platforms, and nobody here knows them any more."""
        if person in self.model.erased:
            return
        code, told = self.about(person, "erase")
        assert code == 0, told
        self.model.erased |= set(self.model.of(person))
        self.look()
        assert not any(people & self.model.erased for people in self.there.values())
        assert self.about(person, "audit", "person")[0] == 2, "an erased person is still known"

    @rule()
    def sync(self) -> None:
        code, told = self.cli("sync")
        assert code == 0, told
        self.look()
        self.settled()

    @rule()
    def replace_everybody(self) -> None:
        """As where nobody knows who else is there; Meta may still be at work on the last time, and Google, too."""
        doubtful(self.shop)
        code, told = self.cli("sync")
        assert code == 0, told
        self.look()
        self.settled()

    @rule()
    def sync_removals(self) -> None:
        code, told = self.cli("sync", "--removals-only")
        assert code == 0, told
        self.look()
        for people in self.there.values():
            assert all(self.model.allowed(person) for person in people), "somebody who may not be there is"

    @rule(call=st.sampled_from(CALLS), applied=st.booleans(), heals=st.booleans())
    def sync_with_a_broken_line(self, call: str, *, applied: bool, heals: bool) -> None:
        """It heals within the run, which tries again; or the run ends without its answer."""
        self.shop.twins.fault(call=call, drop=True, applied=applied, times=2 if heals else 0)
        code, _ = self.cli("sync")
        self.shop.twins.clear_faults()
        assert code in {0, 5, 75}
        self.look()

    @rule(call=st.sampled_from(CALLS[::2]))
    def crash(self, call: str) -> None:
        self.shop.twins.fault(call=call, slow_seconds=1.0)
        before = self.shop.twins.calls().get(call, 0)
        command = [
            sys.executable,
            "-m",
            "passerelle.workflows.cli.main",
            "sync",
            "-w",
            str(self.shop.folder),
            "--quiet",
        ]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            until(lambda: self.shop.twins.calls().get(call, 0) > before or process.poll() is not None)
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
        self.shop.twins.clear_faults()
        time.sleep(1.0)  # the twin finishes what it had begun
        self.look()

    @rule()
    def copy(self) -> None:
        """A backup of the whole workspace's state."""
        self.backup = self.shop.folder.parent / "backup"
        shutil.rmtree(self.backup, ignore_errors=True)
        shutil.copytree(self.shop.folder / "var", self.backup)

    @precondition(lambda self: self.backup is not None)
    @rule()
    def restore(self) -> None:
        """An old database under a newer anchor: nothing is sent, and with the true one all goes on."""
        var, aside = self.shop.folder / "var", self.shop.folder.parent / "aside"
        shutil.rmtree(aside, ignore_errors=True)
        shutil.copytree(var, aside)
        for name in ("control.db", "control.db-wal", "control.db-shm"):
            (var / name).unlink(missing_ok=True)
        assert self.backup is not None
        shutil.copy(self.backup / "control.db", var / "control.db")
        older = (var / "control.db").read_bytes() != (aside / "control.db").read_bytes()
        before = self.shop.twins.calls()
        code, told = self.cli("sync", "--removals-only")
        if older:
            assert code == 4, told
            assert self.shop.twins.calls() == before, "something was sent from a rolled back database"
        shutil.rmtree(var)
        shutil.copytree(aside, var)

    # --- what must hold

    def look(self) -> None:
        """Who of ours is at the twins; nobody may have come there since who may not be."""
        seen: dict[str, set[int]] = {}
        for platform in ("meta", "google_ads"):
            audiences = self.shop.twins.audiences(platform).values()
            keys = " ".join(key for each in audiences for member in self.shop.twins.members(each) for key in member)
            seen[platform] = {person for person in range(PEOPLE) if digest(person) in keys}
            for person in seen[platform] - self.there.get(platform, set()):
                assert self.model.allowed(person), f"{person} was sent to {platform} without a valid consent"
        self.there = seen

    def settled(self) -> None:
        for platform, people in self.there.items():
            for person in range(PEOPLE):
                found = bool(people & set(self.model.of(person)))
                assert found == self.model.allowed(person), f"{person} at {platform}: {found}"

    @invariant()
    def the_log_verifies(self) -> None:
        if hasattr(self, "shop"):
            code, told = self.cli("audit", "verify")
            assert code == 0, told


def phone(person: int) -> str:
    return f"01 99 00 95 {person:02d}"


def live(base: Path, lives: int, steps: int) -> None:
    machine = type("LifeOf", (Life,), {"base": base})
    asked = settings(
        max_examples=lives, stateful_step_count=steps, suppress_health_check=list(HealthCheck), deadline=None
    )
    run_state_machine_as_test(machine, settings=asked)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_whatever_happens_in_whatever_order_the_platforms_hold_whom_the_log_says(tiny: Path) -> None:
    live(tiny, lives=examples(3), steps=14)


def test_a_short_life_holds(tiny: Path) -> None:
    live(tiny, lives=1, steps=8)


@pytest.mark.slow
def test_a_life_with_a_push_that_was_never_made_and_never_answered(tiny: Path) -> None:
    """Drawn lives may not have one: whoever it was about is uncertain, and sent again."""
    life: Any = type("LifeOf", (Life,), {"base": tiny})()
    try:
        life.begin()
        life.agree(person=0)
        life.agree(person=1)
        life.sync_with_a_broken_line(call="meta.users.add", applied=False, heals=False)
        life.sync()
        life.withdraw(person=0)
        life.merge(one=1, other=2)
        life.sync()
        life.the_log_verifies()
    finally:
        life.teardown()
