"""What `status` says of a list at Google: size, match rate, and where it can be used."""

from pathlib import Path

import pytest

from passerelle.connectors.twins.handle import Twins
from tests.connectors.destinations.conftest import NUMBERS
from tests.connectors.destinations.people import people
from tests.connectors.destinations.stage import Stage, google, staged

TOO_SMALL = [
    f"Not eligible for {where} yet (Google asks for about 100 active members)." for where in ("Search", "Display")
]


def listed(twins: Twins, folder: Path, count: int, **settings: object) -> Stage:
    endpoints = twins.google_rest if settings.get("transport") == "rest" else twins.google
    stage = staged(google(twins, folder, [], endpoints=endpoints, **settings), twins, [], f"sized_{next(NUMBERS)}")
    stage.settle(stage.add(people(count)))
    assert stage.count() == count
    return stage


@pytest.mark.parametrize(("count", "size", "problems"), [(99, 0, TOO_SMALL), (125, 120, [])])
def test_size_match_rate_and_eligibility_are_asked_of_google_ads(
    twins: Twins, tmp_path: Path, count: int, size: int, problems: list[str]
) -> None:
    stage = listed(twins, tmp_path, count)
    state = stage.destination.state(stage.remote)
    assert (state.status, state.size_low, state.size_high, state.match_rate) == ("open", size, size, 0.6)
    assert list(state.problems) == problems


@pytest.mark.parametrize("way", ["rest", "refused"])
def test_where_google_ads_does_not_tell_data_manager_does(twins: Twins, tmp_path: Path, way: str) -> None:
    """Over REST google-ads is not spoken; without a developer token, say, it refuses: what it said is passed on."""
    stage = listed(twins, tmp_path, 120, **({"transport": "rest"} if way == "rest" else {}))
    if way == "refused":
        twins.fault(call="google_ads.search", grpc={"code": "PERMISSION_DENIED"})
    state = stage.destination.state(stage.remote)
    assert (state.status, state.size_low, state.match_rate) == ("open", 120, 0.6)
    assert bool(state.problems) == (way == "refused")
