"""A shop's few people, told the way the rooms tell it: a yes, a batch that went out, a no, and a removal."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from passerelle.privacy.ledger import Ledger, Opening, Place, Remote, Told
from passerelle.privacy.personal import Personal
from passerelle.privacy.vocabulary import Destination, Purpose
from tests.privacy.consent.house import DAY, NOW, House, statement

PLACE = Place("meta_fr", "champions")
COLUMNS = ("EMAIL",)


class Story:
    """People 0 to 7 said yes and were sent in b1; person 0 said no and was taken out in b2; person 8 never agreed."""

    def __init__(self, folder: Path) -> None:
        self.house = House(folder)
        self.ledger = Ledger(self.house.store, self.house.log, self.house.subjects)
        self.ids = self.house.people(9)
        self.house.tell(*[statement(one) for one in self.ids[:8]], now=NOW)
        with self.house.store.write() as connection:
            remote = Remote("77", COLUMNS, Destination.META, Purpose.AD_LIST_MATCHING)
            self.ledger.remember(connection, PLACE, remote, now=NOW)
        self.send("b1", self.ids, now=NOW + DAY)
        self.house.tell(statement(self.ids[0], "ConsentWithdrawn", event_time=NOW + 2 * DAY), now=NOW + 2 * DAY)
        self.take_out("b2", self.ids[:1], now=NOW + 3 * DAY)
        self.decide(now=NOW + 4 * DAY)
        self.sign(now=NOW + 5 * DAY)

    def send(self, name: str, ids: Sequence[int], *, now: int) -> None:
        with self.house.store.write() as connection:
            cleared = self.house.gate().clear(
                connection,
                pa.array(ids, pa.int64()),
                audience=PLACE.audience,
                destination=Destination.META,
                destination_name=PLACE.destination,
                purpose=Purpose.AD_LIST_MATCHING,
                now=now,
            )
            people = cleared.batch.subject_ids
            rows = Personal(pa.table({"EMAIL": [f"hash{one}" for one in people.to_pylist()]}))
            opening = Opening(name, "r1", PLACE, now)
            self.ledger.intend_add(connection, opening, cleared.batch, rows, people, columns=COLUMNS)
            self.ledger.receive(connection, name, Told(True, len(people), 0, 0, {"session": 1}, {}), now=now + 1)

    def take_out(self, name: str, ids: Sequence[int], *, now: int) -> None:
        with self.house.store.write() as connection:
            people = pa.array(ids, pa.int64())
            batch = self.ledger.removal_batch(connection, PLACE, Destination.META, people)
            self.ledger.intend_removal(connection, Opening(name, "r2", PLACE, now), batch)
            self.ledger.receive(connection, name, Told(True, len(ids), 0, 0, {"session": 2}, {}), now=now + 1)

    def decide(self, *, now: int) -> None:
        """Decide of everybody again: the no replaces the yes on file."""
        with self.house.store.write() as connection:
            gate = self.house.gate()
            ids = pa.array(self.ids, pa.int64())
            found = gate.decide(connection, ids, purpose=Purpose.AD_LIST_MATCHING, destination=Destination.META, at=now)
            gate.record(
                connection,
                found,
                audience=PLACE.audience,
                destination_name=PLACE.destination,
                purpose=Purpose.AD_LIST_MATCHING,
                now=now,
                platform=Destination.META,
            )

    def sign(self, *, now: int) -> None:
        with self.house.store.write() as connection:
            self.house.log.checkpoint(connection, now=now)

    def ref(self, number: int) -> str:
        with self.house.store.read() as connection:
            return str(self.house.subjects.refs(connection, pa.array([self.ids[number]]))[0].as_py())
