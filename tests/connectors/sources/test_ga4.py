"""What is particular to Google Analytics; what every source does stands in test_conformance.py."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from passerelle.connectors.contract.casting import typed
from passerelle.connectors.contract.fakes import fakes
from passerelle.connectors.contract.source import Context, Page, State
from passerelle.connectors.errors import DefinitionError, Refused, TryLater
from passerelle.connectors.sources.ga4 import Ga4, Ga4Settings
from passerelle.privacy.vocabulary import ADS
from passerelle.workflows.pull.consents import statements
from tests.connectors.sources.fake_ga4 import QUOTA, TAKEN, Ga4World

NOW = 1_795_219_200_000_000  # 2026-11-21T00:00:00Z

INCOMPLETE = [
    ({"subjectToThresholding": True}, "thresholding"),
    ({"dataLossFromOtherRow": True}, "(other)"),
    ({"samplingMetadatas": [{"samplesReadCount": "500000", "samplingSpaceSize": "9000000"}]}, "sample"),
    ({"dataTruncationReasons": ["DATA_TRUNCATION_REASON_UNSPECIFIED"]}, "cut"),
]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Ga4World]:
    made = Ga4World(tmp_path)
    made.put(fakes(made.resource.shape, range(5)))
    yield made
    made.close()


def pull(world: Ga4World, state: State | None = None, *, into: list[Page] | None = None) -> list[Page]:
    found = [] if into is None else into
    again = None if state is None else json.loads(json.dumps(state))
    found.extend(world.source.pull(world.resource, again, Context(now=NOW)))
    return found


def asked(world: Ga4World) -> dict[str, Any]:
    return dict([one for one in world.vendor.asked if one.path.endswith(":runReport")][-1].json)


@pytest.mark.parametrize(("metadata", "word"), INCOMPLETE)
def test_a_report_that_is_not_whole_is_refused(world: Ga4World, metadata: dict[str, Any], word: str) -> None:
    world.fake.metadata = metadata
    found: list[Page] = []
    with pytest.raises(Refused, match="not whole") as error:
        pull(world, into=found)
    assert word in error.value.message
    assert "incomplete: warn" in error.value.advice
    assert found == []


@pytest.mark.parametrize(("metadata", "word"), INCOMPLETE)
def test_a_report_that_is_not_whole_is_read_with_a_warning_where_that_is_accepted(
    tmp_path: Path, metadata: dict[str, Any], word: str
) -> None:
    world = Ga4World(tmp_path, incomplete="warn")
    world.put(fakes(world.resource.shape, range(2)))
    world.fake.metadata = metadata
    (page,) = pull(world)
    assert page.rows.num_rows == 2
    assert [word in warning for warning in page.warnings] == [True]
    world.close()


def test_an_empty_report_that_thresholds_emptied_is_refused_too(world: Ga4World) -> None:
    world.fake.held.clear()
    (page,) = pull(world)
    assert (page.rows.num_rows, page.watermark) == (0, NOW)
    world.fake.metadata = {"subjectToThresholding": True}
    with pytest.raises(Refused, match="thresholding"):
        pull(world)


def test_fewer_rows_than_were_counted_are_a_failure(world: Ga4World) -> None:
    world.fake.missing = 1
    found: list[Page] = []
    with pytest.raises(TryLater, match="announced 6 records and sent 5"):
        pull(world, into=found)
    assert [page.watermark for page in found if page.watermark] == []


def test_the_last_days_are_read_again_from_a_day_before(world: Ga4World) -> None:
    state = pull(world)[-1].state
    assert asked(world)["dateRanges"] == [{"startDate": "90daysAgo", "endDate": "today"}]
    pull(world, state)
    assert asked(world)["dateRanges"] == [{"startDate": "2026-11-16", "endDate": "today"}]


def test_only_known_users_and_named_events_are_asked_for(tmp_path: Path) -> None:
    world = Ga4World(tmp_path, events=["purchase"], start="2026-01-01")
    pull(world)
    body = asked(world)
    nobody, events = body["dimensionFilter"]["andGroup"]["expressions"]
    assert nobody["notExpression"]["filter"] == {
        "fieldName": "customUser:crm_id",
        "inListFilter": {"values": ["(not set)", ""]},
    }
    assert events["filter"]["inListFilter"] == {"values": ["purchase"]}
    assert body["dateRanges"][0]["startDate"] == "2026-01-01"
    world.close()


def test_days_are_those_of_the_property(world: Ga4World) -> None:
    (page,) = pull(world)
    rows = typed(world.resource.shape, page.rows, timezone=world.resource.timezone or "UTC")
    assert rows.bad.num_rows == 0
    assert str(rows.table["day"][0]) == "2025-12-31 23:00:00+00:00"
    world.fake.metadata = {"timeZone": "America/New_York"}
    with pytest.raises(DefinitionError, match="time zone"):
        pull(world)


def test_where_no_tokens_are_left_nothing_is_asked(world: Ga4World) -> None:
    pull(world)
    assert isinstance(world.source, Ga4)
    assert "39992 tokensPerHour" in world.source.limits["requests"]
    world.fake.quota = {**QUOTA, "tokensPerHour": {"consumed": 40_000, "remaining": 0}}
    before = len(world.vendor.asked)
    found: list[Page] = []
    with pytest.raises(TryLater, match="Nothing is left"):
        pull(world, into=found)
    assert len(world.vendor.asked) == before + 1
    assert sum(page.rows.num_rows for page in found) == 3


def test_a_property_is_a_number() -> None:
    with pytest.raises(ValueError, match="property"):
        Ga4Settings.model_validate_json(
            json.dumps({"kind": "ga4", "property": "G-ABC", "service_account_file": "k", "person": "crm_id"})
        )


# --- audiences
@pytest.fixture
def buyers(tmp_path: Path) -> Iterator[Ga4World]:
    made = Ga4World(tmp_path, "audience_buyers")
    for number, who, ads in ((1, "C1", "true"), (2, "(not set)", "true"), (3, "C3", "false"), (4, "C4", "(not set)")):
        made.vendor.put("audience_buyers", str(number), {"dimensionValues": [{"value": who}, {"value": ads}]})
    yield made
    made.close()


def test_an_export_says_who_was_in_an_audience_and_when(buyers: Ga4World) -> None:
    rows = pa.concat_tables([page.rows for page in pull(buyers)])
    assert rows["person"].to_pylist() == ["C1", "C3", "C4"]
    assert set(rows["taken"].to_pylist()) == {TAKEN}
    create = next(one.json for one in buyers.vendor.asked if one.path.endswith("/audienceExports"))
    assert create["audience"] == "properties/1/audiences/7"
    assert [one["dimensionName"] for one in create["dimensions"]] == ["userId", "isAdsPersonalizationAllowed"]


def test_who_may_not_be_shown_personal_ads_is_vetoed_and_a_yes_says_nothing(buyers: Ga4World) -> None:
    shape = buyers.resource.shape
    table = typed(shape, pa.concat_tables([page.rows for page in pull(buyers)]), timezone="UTC").table
    said = {one.consent.purpose: one.states.to_pylist() for one in statements(shape, table)}
    assert set(said) == set(ADS)
    assert all(states == [None, "ConsentRefused", "ConsentRefused"] for states in said.values())


def test_an_export_with_fewer_rows_than_it_counted_is_a_failure(buyers: Ga4World) -> None:
    buyers.fake.missing = 1
    with pytest.raises(TryLater, match="announced 5 records and sent 4"):
        pull(buyers)


def test_an_export_that_failed_is_left_and_the_next_pull_asks_for_another(buyers: Ga4World) -> None:
    buyers.fake.ends = "FAILED"
    found: list[Page] = []
    with pytest.raises(TryLater, match="could not export the audience buyers"):
        pull(buyers, into=found)
    buyers.fake.ends = "ACTIVE"
    assert sum(page.rows.num_rows for page in pull(buyers, found[-1].state)) == 3
    assert len(buyers.fake.exports) == 2


def test_an_empty_audience_is_asked_for_no_rows(buyers: Ga4World) -> None:
    buyers.fake.held.clear()
    assert pull(buyers)[-1].watermark == NOW
    assert not any(one.path.endswith(":query") for one in buyers.vendor.asked)
