from typing import Any

import pytest
from pydantic import ValidationError

from passerelle.privacy.consent.notice import by_reference, notice_digest
from passerelle.privacy.errors import DefinitionError
from tests.privacy.consent.house import DAY, notice


def version(number: int, **changes: object) -> dict[str, Any]:
    said = notice(version=number, **changes).model_dump(mode="json", exclude={"id", "earlier"}, exclude_none=True)
    return dict(said)


def test_every_version_has_its_reference() -> None:
    book = by_reference([notice(version=3, earlier=[version(1), version(2)]), notice(id="mail")])
    assert sorted(book) == ["ads@1", "ads@2", "ads@3", "mail@1"]


def test_two_files_cannot_hold_one_notice() -> None:
    with pytest.raises(DefinitionError, match="Two notices are called ads@1"):
        by_reference([notice(), notice()])


@pytest.mark.parametrize(
    "change",
    [
        {"valid_to": "2019-12-31"},
        {"version": 2, "earlier": [version(2)]},
        {"version": 1, "earlier": [version(2)]},
        {"purposes": []},
        {"purposes": ["ad_list_matching", "ad_list_matching"]},
        {"recipients": ["anybody"]},
        {"screenshot_sha256": "abc"},
        {"language": "French"},
        {"text": ""},
        {"id": "Ads 2026"},
    ],
)
def test_a_notice_that_says_nothing_certain_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        notice(**change)


def test_it_was_shown_from_the_first_to_the_last_instant_of_its_days() -> None:
    (shown,) = notice(valid_from="1970-01-02", valid_to="1970-01-03").versions().values()
    assert (shown.first_instant, shown.last_instant) == (DAY, 3 * DAY - 1)
    assert notice().last_instant is None


def test_the_digest_covers_what_was_shown_and_its_reference() -> None:
    shown = notice()
    assert notice_digest("ads@1", shown.versions()["ads@1"]) != notice_digest("mail@1", shown.versions()["ads@1"])
    other = notice(text="J'accepte tout.").versions()["ads@1"]
    assert notice_digest("ads@1", other) != notice_digest("ads@1", shown.versions()["ads@1"])
