"""Any order of consents, changed data, faults of the platforms, crashes and runs keeps what `sync_model` asks for."""

import hashlib
import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passerelle.connectors.twins.handle import in_process
from passerelle.workflows.sync.report import PlaceReport
from tests.command import told
from tests.end_to_end.rooms import Clock, Rooms, copied
from tests.end_to_end.sync_model import Model, Presence
from tests.end_to_end.test_consent_reaches import NOTICE, contact, write
from tests.exploring import examples

PEOPLE = 5
REFS = "SELECT subject_id, subject_ref FROM subject"
PLATFORMS = {"meta": "meta", "google": "google_ads"}
GRAPH, GRPC = ("meta.users.add", "meta.users.remove"), ("data_manager.ingest", "data_manager.remove")
FAULTS: list[dict[str, Any]] = [
    *({"call": call, "drop": True, "applied": applied} for call in GRAPH + GRPC for applied in (False, True)),
    *({"call": call, "graph": {"code": code}} for call in GRAPH for code in (1, 190, 613, 2650)),
    *({"call": call, "http": {"status": 502, "body": "<html>"}, "applied": True} for call in GRAPH),
    {"call": "meta.users.remove", "graph": {"code": 2656, "message": "Audience Size too low"}},
    *({"call": call, "grpc": {"code": code}} for call in GRPC for code in ("PERMISSION_DENIED", "INTERNAL")),
    *({"call": call, "grpc": {"code": "RESOURCE_EXHAUSTED"}, "applied": False} for call in GRPC),
    *({"call": call, "partial": {"rows": [0]}} for call in ("meta.users.add", "data_manager.ingest")),
]
WHO = st.integers(0, PEOPLE - 1)
STEPS = st.one_of(
    st.tuples(st.just("say"), WHO, st.sampled_from(["yes", "no"])),
    st.tuples(st.just("change"), WHO),
    st.tuples(st.just("fault"), st.sampled_from(FAULTS), st.integers(1, 4)),
    st.tuples(st.just("sync")),
    st.tuples(st.just("sync")),
    st.tuples(st.just("removals")),
    st.tuples(st.just("crash"), st.integers(1, 24)),
)


class Crash(BaseException):
    """What a process does not outlive."""


class World:
    """The model beside the real thing. `begun`: its people are there already, and nobody asks which number is whose."""

    def __init__(self, rooms: Rooms, *, begun: bool = False) -> None:
        self.rooms = rooms
        self.model = Model(PEOPLE)
        self.phones = dict.fromkeys(range(PEOPLE), 0)
        self.numbers: dict[int, int] = {}
        if begun:
            return
        write(rooms.shop, "model", [self.row(person) for person in range(PEOPLE)])
        self.cli("pull", "crm")
        self.numbers = {self.number(person): person for person in range(PEOPLE)}

    def number(self, person: int) -> int:
        """The surrogate of one of the model's people."""
        _, shown = told(self.rooms.shop.folder, "consent", "show", "--file", self.named(person))
        ref = shown["subject_ref"]
        return next(int(str(number)) for number, known in self.rooms.rows(REFS) if known == ref)

    def named(self, person: int) -> str:
        """A file with this person's address."""
        who = self.rooms.shop.folder / "who.txt"
        who.write_text(f"m{person}@example.com\n")
        return str(who)

    def row(self, person: int) -> dict[str, str]:
        return contact(f"M{person}", "", mobile=f"01 99 00 {80 + self.phones[person]} {person:02d}")

    def cli(self, *words: str) -> None:
        assert told(self.rooms.shop.folder, *words)[0] in {0, 3}

    def say(self, person: int, word: str) -> None:
        said = ["withdraw"] if word == "no" else ["record", "--state", "given", "--notice", NOTICE]
        self.cli("consent", *said, "--file", self.named(person))
        self.model.word[person] = word

    def change(self, person: int) -> None:
        self.phones[person] += 1
        write(self.rooms.shop, "model", [self.row(each) for each in range(PEOPLE)])
        self.cli("pull", "crm")

    def fault(self, fault: dict[str, object], times: int) -> None:
        self.rooms.shop.twins.fault(**fault, times=times)

    def sync(self) -> None:
        self.balanced(self.rooms.sync())

    def removals(self) -> None:
        self.balanced(self.rooms.removals())

    def crash(self, at: int) -> None:
        looks = itertools.count(1)

        def now() -> int:
            if next(looks) >= at:
                raise Crash
            return self.rooms.clock.now()

        try:
            self.rooms.sync(now=now)
        except Crash:
            return

    @staticmethod
    def balanced(reports: dict[str, PlaceReport]) -> None:
        for report in reports.values():
            assert report.added + report.removed == report.accepted + report.rejected + report.pending, report

    # --- what is seen

    def look(self) -> None:
        assert self.model.looked(self.there(), self.of("SELECT destination, subject_id FROM removal")) == []
        counted = "SELECT rows, accepted + rejected + pending FROM batch WHERE state <> 'superseded'"
        assert all(rows == told for rows, told in self.rooms.rows(counted))

    def there(self) -> Presence:
        twins, seen = self.rooms.shop.twins, {}
        for destination, platform in PLATFORMS.items():
            audience = twins.audiences(platform).get("everybody")
            keys = " ".join(key for member in twins.members(audience) for key in member) if audience else ""
            digests = {one: hashlib.sha256(f"m{one}@example.com".encode()).hexdigest() for one in range(PEOPLE)}
            seen[destination] = {one for one, digest in digests.items() if digest in keys}
        return seen

    def of(self, statement: str) -> Presence:
        """The model's people in rows of (destination, subject_id)."""
        held: Presence = {destination: set() for destination in PLATFORMS}
        for destination, subject_id in self.rooms.rows(statement):
            if subject_id in self.numbers:
                held[str(destination)].add(self.numbers[int(str(subject_id))])
        return held

    def settle(self) -> None:
        self.rooms.shop.twins.clear_faults()
        for _ in range(4):
            self.sync()
        self.look()
        rejected = self.of("SELECT destination, subject_id FROM membership WHERE state = 'unsendable'")
        unnamed = dict.fromkeys(PLATFORMS, 0)
        for (count,) in self.rooms.rows("SELECT coalesce(sum(rejected), 0) FROM batch WHERE destination = 'google'"):
            unnamed["google"] = int(str(count))  # Google counts whom it rejects and names nobody
        assert self.model.settled(rejected, unnamed) == []
        counted = "SELECT destination, count(*) FROM membership WHERE state = 'member' GROUP BY 1"
        ledger = {str(destination): int(str(count)) for destination, count in self.rooms.rows(counted)}
        at_twins = self.rooms.shop.at_twins()
        for name, platform in PLATFORMS.items():  # who may be there is taken for a member
            assert 0 <= ledger.get(name, 0) - at_twins["everybody", platform] <= unnamed[name], (ledger, at_twins)
        assert self.rooms.rows("SELECT count(*) FROM removal") == [(0,)]
        self.cli("audit", "verify")


def lived(base: Path, steps: list[tuple[object, ...]]) -> None:
    with in_process() as twins, tempfile.TemporaryDirectory() as folder:
        world = World(copied(base, Path(folder) / "shop", twins, Clock()))
        for name, *given in steps:
            step: Callable[..., None] = getattr(world, str(name))
            step(*given)
            world.look()
        world.settle()


STORY: list[tuple[object, ...]] = [
    *(("say", person, "yes") for person in range(4)),
    ("fault", FAULTS[1], 4),
    ("crash", 9),
    ("sync",),
    ("say", 1, "no"),
    ("fault", {"call": "data_manager.remove", "drop": True, "applied": True}, 4),
    ("removals",),
    ("change", 2),
    ("fault", {"call": "meta.users.add", "partial": {"rows": [0]}}, 1),
    ("sync",),
    ("say", 1, "yes"),
]
"""One life with a bit of everything."""


def test_a_life_with_faults_and_a_crash_keeps_what_the_model_asks_for(tiny: Path) -> None:
    lived(tiny, STORY)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_any_life_keeps_what_the_model_asks_for(tiny: Path) -> None:
    @settings(max_examples=examples(4), deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(STEPS, min_size=6, max_size=10))
    def any_life(steps: list[tuple[object, ...]]) -> None:
        lived(tiny, steps)

    any_life()
