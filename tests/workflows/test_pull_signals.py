"""Columns that hold a consent string, and what it means that a field of consent is blank now."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from passerelle.connectors.contract.document import described
from passerelle.connectors.errors import DefinitionError
from tests.privacy.consent.signals.encoder import tc_string
from tests.privacy.consent.signals.strings import granting
from tests.workflows.pulls import NOW, Shop

FIELDS: dict[str, Any] = {
    "id": {"key": True, "identifier": "external_id"},
    "email": {"identifier": "email"},
    "ads": {"consent": {"purpose": "ad_list_matching", "given": ["oui"], "refused": ["non"], "at": "ads_at"}},
    "ads_at": {"detail": "timestamp"},
    "tc": {"signal": {"kind": "tcf", "at": "seen"}},
    "gpc": {"signal": {"kind": "gpc", "at": "seen"}},
    "seen": {"detail": "timestamp"},
    "updated_at": {"cursor": "timestamp"},
    "gone": {"tombstone": ["1"]},
}
WEB: dict[str, Any] = {"kind": "files", "path": "data/web*.csv", "grain": "person", "fields": FIELDS}
LATER = NOW + 3_600_000_000


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path, {"web": WEB})
    yield made
    made.close()


def written(shop: Shop, *rows: dict[str, str], at: int = 1_790_000_000) -> None:
    path = shop.folder / "data/web.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(FIELDS))
        writer.writeheader()
        writer.writerows(rows)
    os.utime(path, (at, at))


def person(number: int, **more: str) -> dict[str, str]:
    plain = dict.fromkeys(FIELDS, "")
    plain |= {"id": f"C{number}", "email": f"person.{number}@example.org", "seen": "2026-03-01T10:00:00Z"}
    return {**plain, "updated_at": "2026-03-01T10:00:00Z", "gone": "0", **more}


def events(shop: Shop) -> list[tuple[Any, ...]]:
    return shop.rows("consent_event", "event_id", "stream", "state", "purpose", "stop", "channel", "event_time")


def test_a_string_beside_many_people_is_read_once_and_said_of_each(shop: Shop) -> None:
    written(shop, *(person(number, gpc="1") for number in range(3)), person(9, gpc="0"))
    (report,) = shop.pull().sources
    assert report.consents == 12
    assert {event[2:] for event in events(shop)} == {
        ("ConsentRefused", purpose, "opt_out", "web", 1_772_359_200_000_000)
        for purpose in ("ad_list_matching", "ad_lookalike_seed", "ad_suppression", "ad_measurement")
    }
    assert len({event[1] for event in events(shop)}) == 3, "each record speaks for itself"


def test_a_string_that_cannot_be_decoded_vetoes(shop: Shop) -> None:
    written(shop, person(1, tc="CPx"))
    shop.pull()
    assert {state for _, _, state, *_ in events(shop)} == {"ConsentUnknown"}
    kept = shop.rows("consent_event", "adapter", "identified_by", "raw", "evidence")
    assert {one[:2] for one in kept} == {("tcf/1", "email")}
    assert all(raw is not None and b"CPx" not in raw and evidence is not None for *_, raw, evidence in kept)


def test_a_field_that_is_about_a_mailing_vetoes_and_its_silence_says_nothing(tmp_path: Path) -> None:
    consent = {"purpose": "ad_list_matching", "withdrawn": ["1"], "silent": ["0"], "channel": "email"}
    fields = {"id": FIELDS["id"], "gpc": {"consent": consent}, "email": FIELDS["email"]}
    shop = Shop(tmp_path, {"web": {**WEB, "fields": fields}})
    written(shop, person(1, gpc="0"), person(2, gpc="1"), person(3, gpc="perhaps"))
    shop.pull()
    said = [(state, purpose, channel) for _, _, state, purpose, _, channel, _ in events(shop)]
    assert sorted(said) == [
        ("ConsentUnknown", "ad_list_matching", "email"),
        ("ConsentWithdrawn", "ad_list_matching", "email"),
    ]
    shop.close()


def test_a_no_may_have_a_time_of_its_own(tmp_path: Path) -> None:
    consent = {"purpose": "email_marketing", "given": ["1"], "withdrawn": ["0"], "at": "seen", "refused_at": "ads_at"}
    fields = {name: FIELDS[name] for name in ("id", "email", "ads_at")} | {"seen": {"detail": "timestamp"}}
    shop = Shop(tmp_path, {"web": {**WEB, "fields": {**fields, "gpc": {"consent": consent}}}})
    both = {"seen": "2026-03-01T10:00:00Z", "ads_at": "2026-04-01T10:00:00Z"}
    written(shop, person(1, gpc="1", **both), person(2, gpc="0", **both), person(3, gpc="0", seen=both["seen"]))
    shop.pull()
    said = sorted((state, at or 0) for _, _, state, _, _, _, at in events(shop))
    april, march = 1_775_037_600_000_000, 1_772_359_200_000_000
    assert said == [("ConsentGiven", march), ("ConsentWithdrawn", 0), ("ConsentWithdrawn", april)]
    shop.close()


def test_a_yes_that_is_blank_now_is_over(shop: Shop) -> None:
    written(shop, person(1, ads="oui", ads_at="2026-02-01T10:00:00Z"), person(2, ads=""))
    assert shop.pull().sources[0].consents == 1
    written(shop, person(1), person(2), at=1_790_000_060)
    assert shop.pull(now=LATER).sources[0].consents == 1
    assert [(event[2], event[6]) for event in events(shop)] == [
        ("ConsentGiven", 1_769_940_000_000_000),
        ("ConsentUnknown", LATER),
    ]
    assert shop.pull(now=LATER, full=True).sources[0].consents == 0, "it is over once"
    written(shop, person(1, ads="oui", ads_at="2026-11-21T02:00:00Z"), at=1_790_000_120)
    shop.pull(now=LATER + 7_200_000_000)
    assert events(shop)[-1][2] == "ConsentGiven"


def test_a_refusal_that_is_blank_now_stands(shop: Shop) -> None:
    written(shop, person(1, ads="non"))
    shop.pull()
    written(shop, person(1), at=1_790_000_060)
    assert shop.pull(now=LATER).sources[0].consents == 0


def test_a_blank_may_say_nothing(shop: Shop) -> None:
    kept = {**FIELDS["ads"]["consent"], "blank": "says_nothing"}
    shop.configure({"web": {**WEB, "fields": {**FIELDS, "ads": {"consent": kept}}}})
    written(shop, person(1, ads="oui"))
    shop.pull()
    written(shop, person(1), at=1_790_000_060)
    assert shop.pull(now=LATER).sources[0].consents == 0


@pytest.mark.parametrize(("change", "state"), [({}, "ConsentUnknown"), ({"gone": "1"}, "ConsentTerminated")])
def test_a_string_that_granted_is_over_when_it_is_gone(shop: Shop, change: dict[str, str], state: str) -> None:
    written(shop, person(1, tc=tc_string(granting())))
    shop.pull()
    granted = {event[1] for event in events(shop) if event[2] == "ConsentGiven"}
    assert granted
    written(shop, person(1, **change), at=1_790_000_060)
    shop.pull(now=LATER)
    assert {event[1] for event in events(shop) if event[2] == state and event[6] == LATER} >= granted


def test_a_signal_stands_alone_and_is_documented(shop: Shop) -> None:
    page = described(shop.open().source("web").resources[0].shape)
    assert "a signal of a browser or an app" in page
    wrong = {**FIELDS, "tc": {"signal": {"kind": "tcf"}, "attribute": "string"}}
    shop.configure({"web": {**WEB, "fields": wrong}})
    with pytest.raises(DefinitionError, match="that cannot be meant"):
        shop.open()
    shop.configure({"web": {**WEB, "fields": {**FIELDS, "tc": {"signal": {"kind": "gpp", "at": "nowhere"}}}}})
    with pytest.raises(DefinitionError, match="The signal in tc rests on nowhere"):
        shop.open()
