"""`--as-of`: a day, a time with its zone, or a size of the log."""

from typing import Any

import pytest

from passerelle.privacy.audit.entries import entry_time, size_at
from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.workspace import Workspace
from tests.workflows.surroundings import NOW
from tests.workflows.verbs.audit.shop import HOUR, Shop


def test_a_time_means_the_entries_written_until_then(shop: Shop) -> None:
    with Workspace.open(shop.folder) as opened, opened.store().read() as connection:
        size = opened.log().size(connection)
        times = [entry_time(connection, index) for index in range(size)]
        for at in {*times, *(one - 1 for one in times), NOW, 0}:
            assert size_at(connection, at) == sum(one <= at for one in times)


def test_a_size_and_the_time_of_its_last_entry_mean_the_same(shop: Shop) -> None:
    shop.withdraw()
    every = shop.ask("consents")
    by_size = shop.ask("consents", as_of=str(every.log_size))
    assert by_size.tables == every.tables
    assert shop.ask("consents", as_of="2026-11-20T20:00:00Z").log_size == every.log_size


def test_by_default_everything_known_now_counts(shop: Shop) -> None:
    result = shop.ask("uploads")
    assert (result.as_of, result.log_size > 3) == ("2026-11-21T00:00:00Z", True)


@pytest.mark.parametrize(
    ("point", "said"),
    [
        ("yesterday", "A time is written"),
        ("2026-11-20T10:00:00", "A time is written"),
        ("2027-01-01", "has not come yet"),
        ("0", "a size between 1 and"),
        ("99999", "a size between 1 and"),
    ],
)
def test_what_is_no_point_in_the_past_is_refused(shop: Shop, point: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        shop.ask("uploads", as_of=point)


def test_before_the_first_entry_nobody_was_known(shop: Shop) -> None:
    words: dict[str, Any] = {"as_of": "2026-01-01"}
    assert shop.ask("unlawful", **words).facts["members"] == 0
    assert shop.ask("consents", **words).facts["statements"] == 0


def test_a_merge_found_later_changes_no_answer_about_before(shop: Shop) -> None:
    said = {"external_id": "K-1", "country": "FR", "purpose": "ad_list_matching", "state": "refused", "source": "crm"}
    shop.say(said, now=NOW - 2 * HOUR)
    before = shop.ask("unlawful").facts
    shop.merge("K-1", now=NOW - HOUR)
    now = shop.ask("unlawful").facts
    assert (before["unlawful"], now["unlawful"], now["wrong_by_what_we_knew_then"]) == (0, 1, 0)
    assert shop.ask("unlawful", as_of="2026-11-20T22:30:00Z").facts["unlawful"] == 0
