"""A control store with its real log, vault and people, for tests of what rests on them."""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection

from passerelle.privacy.consent import ConsentLog, Gate, Ingested, Notice, Policy
from passerelle.privacy.keys import Keyring
from passerelle.privacy.log import Log
from passerelle.privacy.personal import Personal
from passerelle.privacy.subjects import Subjects
from passerelle.privacy.vocabulary import Destination, Purpose
from tests.privacy.store.stores import opened

DAY = 86_400_000_000
NOW = 20_000 * DAY
RULE = {
    "purpose": "ad_list_matching",
    "destinations": ["meta", "google_ads"],
    "jurisdictions": ["EEA"],
    "validity_days": 730,
}


def policy(*rules: Mapping[str, Any], **changes: object) -> Policy:
    return Policy.model_validate({"version": 1, "rules": list(rules) or [RULE], **changes})


def notice(**changes: object) -> Notice:
    said = {
        "id": "ads",
        "version": 1,
        "language": "fr",
        "text": "J'accepte.",
        "purposes": ["ad_list_matching"],
        "recipients": ["meta", "google_ads"],
        "valid_from": "2020-01-01",
    }
    return Notice.model_validate({**said, **changes})


def statement(subject_id: int, state: str = "ConsentGiven", **changes: object) -> dict[str, Any]:
    said = {
        "subject_id": subject_id,
        "purpose": "ad_list_matching",
        "state": state,
        "event_time": NOW - 5 * DAY,
        "precision": "second",
        "notice": "ads@1",
        "grade": "A",
        "stream": "crm",
    }
    return {**said, **changes}


def table(*statements: Mapping[str, Any]) -> pa.Table:
    names = dict.fromkeys(name for said in statements for name in said)
    return pa.table({name: [said.get(name) for said in statements] for name in names})


class House:
    def __init__(self, folder: Path) -> None:
        self.store = opened(folder / "control.db")
        self.keys = Keyring.create(folder / "master.key")
        with self.store.write() as connection:
            self.keys.bind(connection)
        self.log = Log(self.store, self.keys, "test/house")
        self.subjects = Subjects(self.store, self.keys)
        self.consents = ConsentLog(self.store, self.log, self.subjects)
        self._numbers = itertools.count(1)

    def gate(self, rules: Policy | None = None, *notices: Notice) -> Gate:
        book = {one.id: one for one in notices or (notice(),)}
        return Gate(self.store, self.log, self.subjects, rules or policy(), book)

    def people(self, count: int = 1, country: str | None = "FR", **columns: list[Any]) -> list[int]:
        emails = [f"person{next(self._numbers)}@example.org" for _ in range(count)]
        people = pa.table({"email": emails, "country": pa.array([country] * count, pa.string()), **columns})
        with self.store.write() as connection:
            ids = self.subjects.register(connection, Personal(people), now=NOW)
        return [int(one) for one in ids.to_pylist()]

    def merge(self, one: int, other: int, *, now: int = NOW) -> int:
        """Tie two people together by a row that has an e-mail of both; the survivor's id."""
        with self.store.write() as connection:
            held = self.subjects.identifiers(connection, pa.array([one, other])).reveal()["email"].to_pylist()
            row = pa.table({"email": pa.array([[held[0][0], held[1][0]]])})
            return int(self.subjects.register(connection, Personal(row), now=now)[0].as_py())

    def tell(self, *statements: Mapping[str, Any], now: int = NOW) -> Ingested:
        with self.store.write() as connection:
            return self.tell_in(connection, *statements, now=now)

    def tell_in(self, connection: Connection, *statements: Mapping[str, Any], now: int = NOW) -> Ingested:
        return self.consents.ingest(connection, table(*statements), actor="test", now=now)

    def reasons(
        self, ids: list[int], gate: Gate | None = None, *, at: int = NOW, heard_until: int | None = None
    ) -> list[str]:
        with self.store.read() as connection:
            found = (gate or self.gate()).decide(
                connection,
                pa.array(ids, pa.int64()),
                purpose=Purpose.AD_LIST_MATCHING,
                destination=Destination.META,
                at=at,
                heard_until=heard_until,
            )
        assert found["subject_id"].to_pylist() == ids
        return [str(reason) for reason in found["reason"].to_pylist()]
