"""What is particular to Pipedrive; what every source does stands in test_conformance.py."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from passerelle.connectors.contract.fake_vendor import Answer, Asked
from passerelle.connectors.contract.fakes import fakes
from passerelle.connectors.contract.source import Context, Page
from passerelle.connectors.sources.pipedrive import Deal, Person
from tests.connectors.sources.fake_pipedrive import PipedriveWorld
from tests.connectors.sources.openapi import against

NOW = 1_795_219_200_000_000


def pull(world: PipedriveWorld) -> list[Page]:
    return list(world.source.pull(world.resource, None, Context(now=NOW)))


@pytest.mark.parametrize("resource", ["persons", "deals"])
def test_what_is_asked_and_answered_is_as_the_vendor_describes_it(tmp_path: Path, resource: str) -> None:
    world = PipedriveWorld(tmp_path, resource, check=against("pipedrive_v2.yml"))
    world.put(_some(world))
    first = pull(world)
    assert sum(page.rows.num_rows for page in first) == 5
    list(world.source.pull(world.resource, first[-1].state, Context(now=NOW)))
    assert world.vendor.asked[-1].query["updated_since"] == "2026-11-20T23:00:00Z"
    world.close()


def test_a_fake_that_flatters_us_is_caught() -> None:
    check = against("pipedrive_v2.yml")
    asked = Asked("GET", "/api/v2/persons", {"sort_by": "update_time"}, {"x-api-token": "x"})
    check(asked, Answer({"success": True, "data": [{"id": 1}], "additional_data": {"next_cursor": None}}))
    wrong = [
        (asked, Answer({"success": True, "data": [{"id": "one"}]})),
        (Asked("GET", "/api/v2/persons", {"sort_by": "surname"}, {"x-api-token": "x"}), Answer({"data": []})),
        (Asked("GET", "/api/v2/persons", {}, {}), Answer({"data": []})),
        (Asked("GET", "/api/v2/people", {}, {"x-api-token": "x"}), Answer({"data": []})),
    ]
    for one, answer in wrong:
        with pytest.raises(Exception, match=r".+"):
            check(one, answer)


def test_its_own_answers_are_read() -> None:
    """The shape of a person and a deal as the description's examples give them."""
    person = {"id": 7, "emails": [], "phones": [{"value": "0199000001"}], "is_deleted": False, "org_id": None}
    found = Person.model_validate_json(json.dumps(person))
    assert (found.email, found.phone) == (None, "0199000001")
    deal = {"id": 1, "status": "won", "value": 59.9, "update_time": "2026-02-03T10:12:00Z", "person_id": None}
    assert str(Deal.model_validate_json(json.dumps(deal)).value) == "59.9"


def test_the_marketing_status_is_asked_for_only_where_it_is_wanted(tmp_path: Path) -> None:
    world = PipedriveWorld(tmp_path)
    pull(world)
    assert world.vendor.asked[0].query["include_fields"] == "marketing_status"
    list(world.source.pull(world.source.resources[1], None, Context(now=NOW)))
    assert "include_fields" not in world.vendor.asked[1].query
    world.close()


def _some(world: PipedriveWorld) -> pa.Table:
    return fakes(world.resource.shape, range(5))
