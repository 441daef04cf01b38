"""How many people a destination could find, counted before anything is sent."""

import pyarrow as pa
import pytest

from passerelle.connectors.contract.destination import Reach
from passerelle.connectors.destinations import google_rows, meta_rows
from passerelle.privacy.vocabulary import Destination
from tests.connectors.destinations.people import Person, cleared, person

LOST: Person = {"external_id": ["C1"], "phone": ["06"], "country": "FR"}
BROKEN: Person = {"email": ["nobody"], "phone": ["+33612340009"], "country": "FR"}
CROWD = [person(1), LOST, BROKEN, {**person(2), "email": ["two @example.fr", "two@example.fr"]}]


def reach(platform: Destination) -> Reach:
    count = meta_rows.reach if platform is Destination.META else google_rows.reach
    return count(cleared(CROWD, platform).identifiers)


@pytest.mark.parametrize("platform", list(Destination))
def test_findable_people_are_those_who_would_be_sent(platform: Destination) -> None:
    rows = meta_rows if platform is Destination.META else google_rows
    found = reach(platform)
    assert found.people == len(CROWD)
    assert found.findable == len(rows.match_keys(cleared(CROWD, platform)).subject_ids) == 3


@pytest.mark.parametrize("platform", list(Destination))
def test_each_key_counts_people_and_each_defect_counts_values(platform: Destination) -> None:
    found = reach(platform)
    assert (found.by_key["email"], found.by_key["phone"]) == (2, 3)
    assert found.defects["email.email_invalid"] == 1
    assert found.defects["phone.phone_invalid"] == 1


@pytest.mark.parametrize("platform", list(Destination))
def test_of_nobody_nobody_is_found(platform: Destination) -> None:
    rows = meta_rows if platform is Destination.META else google_rows
    empty = cleared(CROWD, platform).identifiers.reveal().slice(0, 0)
    assert rows.reach(type(cleared(CROWD, platform).identifiers)(pa.table(empty))).people == 0
