"""What is particular to Google Analytics; what every source does stands in test_conformance.py."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from passerelle.connectors.contract.casting import typed
from passerelle.connectors.contract.fakes import fakes
from passerelle.connectors.contract.source import Context, Page, State
from passerelle.connectors.errors import DefinitionError, Refused, TryLater
from passerelle.connectors.sources.ga4 import Ga4, Ga4Settings
from tests.connectors.sources.fake_ga4 import QUOTA, Ga4World

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
