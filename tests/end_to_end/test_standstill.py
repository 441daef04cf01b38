"""Where nothing was to do, the next run looks at nobody; and whatever gives it something to do, it looks again."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passerelle.connectors.twins.handle import in_process
from passerelle.privacy.ledger import Ledger
from passerelle.privacy.store import tables as t
from passerelle.workflows.cli.progress import Silent
from passerelle.workflows.plan.make import make
from passerelle.workflows.plan.standstill import ASIDE, OF_THE_LEDGER, Memory
from passerelle.workflows.sync.run import SyncReport, sync_removals
from tests.end_to_end.rooms import Clock, Rooms, copied
from tests.end_to_end.shop import revisited, visited
from tests.end_to_end.test_sync_model import FAULTS, PEOPLE, World
from tests.exploring import examples
from tests.once import once

pytestmark = pytest.mark.xdist_group("standstill")

DAY = 86_400


def at_rest(rooms: Rooms) -> set[str]:
    """Destinations where a run now would look at nobody. What it would say is what a whole plan says."""
    with rooms.opened() as workspace:
        now = rooms.clock.now()
        quick = make(workspace, [], now=now, progress=Silent(), recalls=True)
        whole = {one.aim.place: one for one in make(workspace, [], now=now, progress=Silent()).places}
        ledger = Ledger(workspace.store(), workspace.log(), workspace.subjects())
        for unmoved in quick.unmoved:
            full = whole[unmoved.place]
            moves = full.guarded.moves
            assert (len(moves.adds), moves.removes, len(moves.forget), full.guarded.held) == (0, {}, 0, ())
            assert (unmoved.members, unmoved.withheld) == (moves.current, full.withheld)
            with workspace.store().read() as connection:
                assert unmoved.members == ledger.count(connection, unmoved.place)
                assert not ledger.waits(connection, unmoved.place)
                assert not ledger.owed(connection, unmoved.place).num_rows
        return {unmoved.place.destination for unmoved in quick.unmoved}


def remembered(rooms: Rooms) -> set[str]:
    """Destinations where a run that only removes would look at nobody."""
    with rooms.opened() as workspace, workspace.store().read() as connection:
        memory = Memory.of(workspace, connection, now=rooms.clock.now())
        places = Ledger(workspace.store(), workspace.log(), workspace.subjects()).places(connection)
        return {place.destination for place in places if memory.of_place(place) is not None}


class Lived(World):
    """The model's world, in which time passes and files are edited, too."""

    def age(self, days: int) -> None:
        self.rooms.clock.slept += days * DAY * 1_000_000

    def back(self, days: int) -> None:
        self.rooms.clock.slept -= days * DAY * 1_000_000

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.rooms.shop.folder / file
        path.write_text(path.read_text().replace(old, new))

    def erase(self, person: int) -> None:
        self.cli("erase", "--file", self.named(person))

    def again(self) -> None:
        """What a run says that looks at nobody is what it says that looks at everybody."""
        before = at_rest(self.rooms)
        said = self.rooms.sync()
        for name in before:
            assert (said[name].added, said[name].removed, said[name].outcome.value) == (0, 0, "done")
        assert at_rest(self.rooms) >= before


YEARS = ("policy.yaml", "validity_days: 730", "validity_days: 20")
PURPOSE = ("audiences/everybody.yaml", "minimum_size: 1,", "minimum_size: 2,")
STEPS = st.one_of(
    st.tuples(st.just("say"), st.integers(0, PEOPLE - 1), st.sampled_from(["yes", "no"])),
    st.tuples(st.just("change"), st.integers(0, PEOPLE - 1)),
    st.tuples(st.just("fault"), st.sampled_from(FAULTS), st.integers(1, 4)),
    st.tuples(st.just("sync")),
    st.tuples(st.just("again")),
    st.tuples(st.just("removals")),
    st.tuples(st.just("crash"), st.integers(1, 24)),
    st.tuples(st.just("age"), st.sampled_from([1, 10, 400, 800])),
    st.tuples(st.just("back"), st.sampled_from([1, 400])),
    st.tuples(st.just("edit"), *map(st.just, YEARS)),
    st.tuples(st.just("edit"), *map(st.just, PURPOSE)),
)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_history_hides_work_behind_a_standstill(tiny: Path) -> None:
    rested = 0

    @settings(max_examples=examples(6), deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(STEPS, min_size=4, max_size=10))
    def any_history(steps: list[tuple[object, ...]]) -> None:
        nonlocal rested
        with in_process() as twins, tempfile.TemporaryDirectory() as folder:
            world = Lived(copied(tiny, Path(folder) / "shop", twins, Clock()))
            world.sync()
            for name, *given_ in steps:
                step: Callable[..., None] = getattr(world, str(name))
                step(*given_)
                rested += len(at_rest(world.rooms))

    any_history()
    assert rested > 0  # a memory that never holds would hide nothing, either


@pytest.fixture(scope="session")
def rested(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody agreed and was sent, as `visited` leaves it."""

    def make(folder: Path) -> None:
        shutil.copytree(tiny, folder / "shop")
        with visited(folder) as shop:
            world = Lived(Rooms(shop, Clock()))
            world.say(0, "yes")
            world.sync()

    return once(tmp_path_factory, "rested", make)


@pytest.fixture
def world(rested: Path, tmp_path: Path) -> Iterator[Lived]:
    """A copy of it, where nothing is left to do."""
    with revisited(rested, tmp_path) as shop:
        made = Lived(Rooms(shop, Clock()), begun=True)
        made.sync()  # what was remembered counts for the twins that were asked then
        assert at_rest(made.rooms) == remembered(made.rooms) == {"meta", "google"}
        yield made


def test_a_run_with_nothing_to_do_says_what_the_run_before_said(world: Lived) -> None:
    before = world.rooms.rows("SELECT name, rows, sum FROM table_seal WHERE name NOT IN ('*', 'log_checkpoint')")
    world.again()
    world.removals()
    with world.rooms.opened() as workspace:
        removed: SyncReport = sync_removals(world.rooms.crew(workspace), [])
    assert {one.members for one in removed.places} == {one.members for one in world.rooms.sync().values()} != {0}
    after = world.rooms.rows("SELECT name, rows, sum FROM table_seal WHERE name NOT IN ('*', 'log_checkpoint')")
    assert after == before


def stirs(*steps: tuple[object, ...]) -> tuple[tuple[object, ...], ...]:
    return steps


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(stirs(("say", 0, "no")), id="withdrawal"),
        pytest.param(stirs(("say", 1, "yes")), id="consent"),
        pytest.param(stirs(("change", 0)), id="changed identifiers"),
        pytest.param(stirs(("erase", 0)), id="erasure"),
        pytest.param(stirs(("edit", *YEARS)), id="policy"),
        pytest.param(stirs(("age", 800)), id="expiry"),
        pytest.param(stirs(("back", 1)), id="clock put back"),
    ],
)
def test_what_may_change_who_is_sent_is_looked_at(world: Lived, steps: tuple[tuple[object, ...], ...]) -> None:
    for name, *given_ in steps:
        getattr(world, str(name))(*given_)
    assert at_rest(world.rooms) == remembered(world.rooms) == set()


def test_settings_of_the_audience_are_looked_at_and_removals_do_not_wait_for_them(world: Lived) -> None:
    world.edit(*PURPOSE)
    assert at_rest(world.rooms) == set()
    assert remembered(world.rooms) == {"meta", "google"}


def test_a_push_without_a_receipt_and_a_removal_that_is_owed_are_looked_at(world: Lived) -> None:
    world.say(1, "yes")
    world.fault({"call": "meta.users.add", "drop": True, "applied": True}, 9)
    world.sync()
    assert at_rest(world.rooms) == remembered(world.rooms) == {"google"}
    world.rooms.shop.twins.clear_faults()
    world.sync()
    assert at_rest(world.rooms) == {"meta", "google"}
    world.say(1, "no")
    world.fault({"call": "meta.users.remove", "graph": {"code": 2656, "message": "Audience Size too low"}}, 9)
    world.sync()
    assert at_rest(world.rooms) == remembered(world.rooms) == {"google"}


def test_a_plan_counts_every_table_but_those_that_are_named() -> None:
    named = ASIDE | OF_THE_LEDGER
    assert named < set(t.metadata.tables)
    assert {"subject", "vault", "identity", "consent_event", "probable_link", "document"} <= set(
        t.metadata.tables
    ) - named
