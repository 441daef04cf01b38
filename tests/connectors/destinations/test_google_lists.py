"""A list at Google is brought to what the audience's file says now, by whichever way it is reached."""

from pathlib import Path
from typing import Any

import pytest

from passerelle.connectors.contract.destination import AudienceSpec, RemoteAudience
from passerelle.connectors.destinations.google_ads import GoogleAds
from passerelle.connectors.errors import Refused
from passerelle.connectors.twins.handle import Twins
from tests.connectors.destinations.conftest import NUMBERS
from tests.connectors.destinations.stage import google

WAYS: dict[str, dict[str, Any]] = {
    "grpc": {},
    "rest": {"transport": "rest"},
    "jobs": {"route": "offline_user_data_job"},
}
CHANGES = ("data_manager.lists.update", "google_ads.lists.mutate")


@pytest.fixture(params=sorted(WAYS))
def destination(request: pytest.FixtureRequest, twins: Twins, tmp_path: Path) -> GoogleAds:
    """Google, reached in each way."""
    endpoints = twins.google_rest if request.param == "rest" else twins.google
    return google(twins, tmp_path, [], endpoints=endpoints, **WAYS[request.param])


@pytest.fixture
def name() -> str:
    """An audience of this test's own."""
    return f"listed_{next(NUMBERS)}"


def shown(twins: Twins, remote: RemoteAudience) -> tuple[str, str]:
    found = next(one for one in twins.state()["audiences"] if one["id"] == remote.remote_id)
    return found["name"], found["description"]


def changes(twins: Twins) -> int:
    return sum(twins.calls().get(call, 0) for call in CHANGES)


def test_a_changed_name_and_description_reach_google(destination: GoogleAds, twins: Twins, name: str) -> None:
    remote = destination.ensure(AudienceSpec(name, f"{name} before", "Old."), None)
    assert destination.ensure(AudienceSpec(name, f"{name} after", "New."), remote) == remote
    assert shown(twins, remote) == (f"{name} after", f"New. [passerelle:{name}]")


def test_a_list_found_by_its_mark_is_brought_to_the_spec(destination: GoogleAds, twins: Twins, name: str) -> None:
    remote = destination.ensure(AudienceSpec(name, f"{name} before"), None)
    found = destination.ensure(AudienceSpec(name, f"{name} after"), None)
    assert (found.remote_id, found.adopted) == (remote.remote_id, True)
    assert shown(twins, remote)[0] == f"{name} after"


def test_nothing_is_changed_without_need(destination: GoogleAds, twins: Twins, name: str) -> None:
    spec = AudienceSpec(name, name, "As it is.", retention_days=30)
    remote = destination.ensure(spec, None)
    before = changes(twins)
    destination.ensure(spec, remote)
    destination.ensure(AudienceSpec(name, name, "As it is."), remote)  # how long people stay is left as it is
    destination.ensure(AudienceSpec.unchanged(name), remote)
    assert changes(twins) == before
    destination.ensure(AudienceSpec(name, name, "As it is.", retention_days=60), remote)
    assert changes(twins) == before + 1


def test_the_name_of_another_list_is_refused_with_advice(destination: GoogleAds, twins: Twins, name: str) -> None:
    destination.ensure(AudienceSpec(f"{name}_other", f"{name} taken"), None)
    remote = destination.ensure(AudienceSpec(name, name), None)
    with pytest.raises(Refused, match="same name") as caught:
        destination.ensure(AudienceSpec(name, f"{name} taken"), remote)
    assert caught.value.advice
    assert shown(twins, remote)[0] == name
