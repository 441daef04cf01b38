"""Many people at once: the whole log is read, past the driver that hands out rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sqlalchemy import Connection, text

from passerelle.privacy.consent.history import history
from passerelle.privacy.errors import IntegrityError
from passerelle.privacy.vocabulary import Destination, Purpose
from tests.privacy.consent.house import NOW, House, statement

PURPOSE = Purpose.AD_LIST_MATCHING


@dataclass
class Crowd:
    house: House
    ids: list[int]

    def reasons(self, connection: Connection) -> dict[int, str]:
        ids = pa.array(self.ids)
        found = self.house.gate().decide(connection, ids, purpose=PURPOSE, destination=Destination.META, at=NOW)
        return dict(zip(found["subject_id"].to_pylist(), found["reason"].to_pylist(), strict=True))


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    house = House(Path(tmp_path_factory.mktemp("crowd")))
    ids = house.people(21_000)
    house.tell(
        *(statement(one, "ConsentGiven" if one % 5 else "ConsentRefused", stream=f"crm/{one}") for one in ids[::2]),
        *(
            statement(one, event_time=None, precision="unknown", notice=None, recipients="meta", channel="web")
            for one in ids[1::2]
        ),
    )
    yield Crowd(house, ids)
    house.store.close()


def test_a_crowd_is_judged_as_each_of_them_is(crowd: Crowd) -> None:
    some = crowd.ids[::61]
    with crowd.house.store.read() as connection:
        found = crowd.reasons(connection)
    assert {"consent", "refused", "other_channel"} <= set(found.values())
    assert [found[one] for one in some] == crowd.house.reasons(some)


class _UndoError(Exception):
    pass


def test_what_this_transaction_has_written_counts(crowd: Crowd) -> None:
    some = crowd.ids[5_000:5_200]
    withdrawn = [statement(one, "ConsentWithdrawn", event_time=NOW, stream="desk") for one in some]
    found: dict[int, str] = {}

    def undone() -> None:
        with crowd.house.store.write() as connection:
            crowd.house.tell_in(connection, *withdrawn)
            found.update(crowd.reasons(connection))
            raise _UndoError

    with pytest.raises(_UndoError):
        undone()
    assert {one for one in crowd.ids if found[one] == "withdrawn"} >= set(some)


def test_what_is_committed_meanwhile_is_not_of_this_state(crowd: Crowd) -> None:
    with crowd.house.store.read() as connection:
        before = crowd.reasons(connection)
        crowd.house.tell(*(statement(one, "ConsentWithdrawn", event_time=NOW) for one in crowd.ids[:100]))
        assert crowd.reasons(connection) == before
    with crowd.house.store.read() as connection:
        assert crowd.reasons(connection) != before


def test_a_part_of_a_crowd_comes_with_the_people_merged_into_it(crowd: Crowd) -> None:
    house, part = crowd.house, pa.array(crowd.ids[:20_500])
    house.tell(statement(crowd.ids[-1], "ConsentWithdrawn", event_time=NOW))
    assert house.merge(crowd.ids[1_001], crowd.ids[-1]) == crowd.ids[1_001]
    with house.store.read() as connection:
        whole = history(house.store, connection, part, PURPOSE)
        found = history(house.store, connection, part, PURPOSE, part=True)
    wanted = whole.filter(pc.is_in(whole["subject_id"], part))
    assert found.num_rows < whole.num_rows
    assert sorted(found["event_id"].to_pylist()) == sorted(wanted["event_id"].to_pylist())


def test_a_cell_of_another_type_is_an_integrity_failure_that_quotes_nothing(crowd: Crowd) -> None:
    with crowd.house.store.write() as connection:
        before = connection.execute(text("SELECT event_time FROM consent_event WHERE event_id = 3")).scalar()
        connection.execute(text("UPDATE consent_event SET event_time = 'you@example.org' WHERE event_id = 3"))
    try:
        with crowd.house.store.read() as connection, pytest.raises(IntegrityError) as caught:
            crowd.reasons(connection)
        assert "example" not in str(caught.value)
    finally:
        with crowd.house.store.write() as connection:
            connection.execute(text("UPDATE consent_event SET event_time = :time WHERE event_id = 3"), {"time": before})
