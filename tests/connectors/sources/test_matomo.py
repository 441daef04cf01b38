"""What is particular to Matomo; what every source does stands in test_conformance.py."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from passerelle.connectors.contract.casting import typed
from passerelle.connectors.contract.source import Context, Page, State
from passerelle.connectors.errors import Refused
from passerelle.connectors.sources.matomo import MatomoSettings
from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.vocabulary import Field
from tests.connectors.sources.fake_matomo import SITE, TOKEN, MatomoWorld

NOW = 1_795_219_200_000_000  # 2026-11-21T00:00:00Z
SECONDS = NOW // 1_000_000


@pytest.fixture
def world(tmp_path: Path) -> Iterator[MatomoWorld]:
    made = MatomoWorld(tmp_path)
    yield made
    made.close()


def visit(number: int, *, ago: int, **more: object) -> dict[str, Any]:
    times = {"firstActionTimestamp": SECONDS - ago - 60, "lastActionTimestamp": SECONDS - ago}
    figures = {"visitDuration": 60, "actions": 3, "searches": 0, "goalConversions": 1}
    words = {"visitEcommerceStatus": "none", "referrerType": "campaign", "deviceType": "Desktop"}
    whose = {"userId": f"C{number}", "visitorId": "a1b2c3d4e5f60718", "visitIp": "192.0.2.1"}
    return {"idVisit": number, "idSite": SITE, **whose, **times, **figures, **words, **more}


def hold(world: MatomoWorld, *visits: dict[str, Any]) -> None:
    for one in visits:
        world.vendor.put("visits", str(one["idVisit"]), one)


def pages(world: MatomoWorld, state: State | None = None) -> Iterator[Page]:
    return world.source.pull(world.resource, state, Context(now=NOW, page_rows=3))


def numbers(found: list[Page]) -> list[str]:
    return [number for page in found for number in page.rows["id"].to_pylist()]


def test_visits_that_come_or_go_on_between_two_pages_hide_none(world: MatomoWorld) -> None:
    """Counted by an offset, visit 1, which moves to the end, would pull visit 3 past us."""
    hold(world, *(visit(number, ago=1000 - number) for number in range(8)))
    reading = pages(world)
    seen = [next(reading)]
    assert numbers(seen) == ["0", "1", "2"]
    hold(world, visit(1, ago=5), visit(9, ago=4))
    seen += reading
    assert numbers(seen) == ["0", "1", "2", "3", "4", "5", "6", "7", "1", "9"]


def test_a_second_with_more_visits_than_a_page_has_is_read_whole(world: MatomoWorld) -> None:
    hold(world, visit(1, ago=900), *(visit(number, ago=600) for number in range(2, 12)), visit(12, ago=300))
    reading = pages(world)
    seen = [next(reading), next(reading)]
    hold(world, visit(3, ago=100))
    seen += reading
    assert set(numbers(seen)) == {str(number) for number in range(1, 13)}
    assert world.vendor.asked[2].form["filter_offset"] != "0"


def test_what_a_visit_brings(world: MatomoWorld) -> None:
    hold(world, visit(1, ago=600))
    made = typed(world.resource.shape, next(pages(world)).rows, timezone="Europe/Paris")
    (row,) = made.table.to_pylist()
    assert (made.bad.num_rows, row["user"], row["seconds"], row["came_by"]) == (0, "C1", 60, "campaign")
    assert row["began"] == datetime(2026, 11, 20, 23, 49, tzinfo=UTC)


def test_visits_of_unknown_people_are_not_asked_for_and_are_nobodys(world: MatomoWorld) -> None:
    hold(world, visit(1, ago=600, userId=None), visit(2, ago=300))
    assert numbers(list(pages(world))) == ["2"]
    assert world.vendor.asked[0].form["segment"] == "userId!="


def test_only_what_the_record_names_is_asked_for_and_the_token_stands_in_no_address(world: MatomoWorld) -> None:
    hold(world, visit(1, ago=600))
    list(pages(world))
    (asked,) = world.vendor.asked
    assert (asked.method, asked.path, dict(asked.query)) == ("POST", "/index.php", {})
    assert (asked.form["token_auth"], asked.form["doNotFetchActions"]) == (TOKEN, "1")
    columns = asked.form["showColumns"].split(",")
    assert {"idVisit", "userId", "lastActionTimestamp"} <= set(columns)
    assert not {"visitIp", "visitorId", "fingerprint", "latitude"} & set(columns)


def test_the_first_pull_reads_from_the_day_that_is_named_or_ninety_days(tmp_path: Path) -> None:
    for start, first in (("2026-11-01", 1_793_491_200), (None, SECONDS - 90 * 86_400)):
        world = MatomoWorld(tmp_path, start=start)
        list(pages(world))
        assert world.vendor.asked[0].form["minTimestamp"] == str(first - 1)
        world.close()


def test_a_user_id_that_is_an_address_is_read_as_one_where_the_settings_say_so(tmp_path: Path) -> None:
    for said in ("email", "external_id"):
        world = MatomoWorld(tmp_path, user_id=said)
        assert world.resource.shape.identifiers == (("user", Field(said)),)
        world.close()


def test_visits_that_were_measured_without_asking_are_refused() -> None:
    plain = {"kind": "matomo", "token_file": "t", "server": "https://stats.example.org", "site": 1, "user_id": "email"}
    for said in ({}, {"consent_asked": False}):
        with pytest.raises(DefinitionError, match="nothing says that visitors were asked") as refused:
            MatomoSettings.model_validate({**plain, **said})
        assert (refused.value.exit_code, refused.value.path) == (2, ("consent_asked",))


def test_a_refusal_that_looks_like_success_is_told_without_its_words(world: MatomoWorld) -> None:
    world.vendor.refuses = "Visits log is deactivated. SECRET"
    with pytest.raises(Refused, match="refuses to list") as refused:
        list(pages(world))
    (check,) = world.source.check()
    assert check.state == "failed"
    assert "SECRET" not in repr((refused.value, refused.value.advice, check))
