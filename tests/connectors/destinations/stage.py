"""One destination on its twin, with an audience: add people, take them out, ask who is there."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from passerelle.connectors.contract.destination import (
    AudienceSpec,
    Destination,
    Intent,
    MatchKeys,
    Receipt,
    RemoteAudience,
)
from passerelle.connectors.destinations.google_ads import GoogleAds
from passerelle.connectors.destinations.meta import Meta
from passerelle.connectors.twins.handle import Twins
from tests.connectors.destinations.people import Person, cleared, removal

TOKEN = "EAATOKENcanary0123456789"


@dataclass
class Stage:
    destination: Destination
    twins: Twins
    remote: RemoteAudience
    slept: list[float]
    pushes: int = 0
    keys: dict[int, MatchKeys] = field(default_factory=dict)

    def keys_of(self, persons: Sequence[Person]) -> MatchKeys:
        return self.destination.match_keys(cleared(persons, self.destination.platform), self.remote)

    def add(self, persons: Sequence[Person]) -> Receipt:
        keys = self.keys_of(persons)
        return self.add_keys(keys, persons)

    def add_keys(self, keys: MatchKeys, persons: Sequence[Person] = ()) -> Receipt:
        self.pushes += 1
        batch = cleared(persons, self.destination.platform)
        return self.destination.add(self.remote, batch, keys, Intent(f"batch{self.pushes}", 1))

    def remove(self, persons: Sequence[Person]) -> Receipt:
        keys = self.keys_of(persons)
        return self.remove_rows(keys.subject_ids.to_pylist(), keys.rows.reveal())

    def remove_rows(self, ids: Sequence[int], rows: pa.Table) -> Receipt:
        self.pushes += 1
        batch = removal(ids, rows, self.destination.platform)
        return self.destination.remove(self.remote, batch, Intent(f"batch{self.pushes}", 1))

    def settle(self, receipt: Receipt) -> Receipt:
        return self.destination.settle(self.remote, receipt)

    def count(self) -> int:
        return self.twins.count(self.remote.remote_id)

    def members(self) -> list[tuple[str, ...]]:
        return self.twins.members(self.remote.remote_id)


def meta(twins: Twins, folder: Path, slept: list[float], **settings: object) -> Meta:
    token = folder / "meta.token"
    if not token.exists():
        token.write_text(f"{TOKEN}\n")
        token.chmod(0o400)
    told = {"kind": "meta", "ad_account": "act_1", "token_file": "meta.token", "endpoint": twins.meta, **settings}
    return Meta("meta", Meta.Settings.model_validate(told), folder=folder, sleep=slept.append)


def google(twins: Twins, folder: Path, slept: list[float], **settings: object) -> GoogleAds:
    told = {"kind": "google_ads", "account": "1234567890", "endpoints": twins.google, **settings}
    return GoogleAds("google", GoogleAds.Settings.model_validate(told), folder=folder, sleep=slept.append)


def staged(destination: Destination, twins: Twins, slept: list[float], audience: str) -> Stage:
    spec = AudienceSpec(audience, f"Test {audience}", "For tests.")
    return Stage(destination, twins, destination.ensure(spec, None), slept)
