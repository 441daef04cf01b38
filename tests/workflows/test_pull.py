"""From the sources' records to people, consents and the lake."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from passerelle.connectors.errors import DefinitionError
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Field
from passerelle.workflows.pull import Seams
from passerelle.workflows.verbs.contract import Outcome
from passerelle.workflows.verbs.pull import PullRequest, run
from tests.workflows.pulls import CRM, NOW, SHOP, Shop, contact
from tests.workflows.surroundings import surroundings

NINE_O_CLOCK = 1_793_610_000_000_000
"""2026-11-02T09:00:00Z, which is ten in Paris."""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    made.close()


def test_people_consents_attributes_and_events_each_go_to_their_place(shop: Shop) -> None:
    shop.contacts([contact(1), contact(2, ads="retiré", spent="1 234,56 €")])
    shop.orders((1, "C1", "2026-11-02 10:00:00", "59.90"))
    report = shop.pull()
    assert [(one.rows, one.new_people, one.events, one.consents) for one in report.sources] == [
        (2, 2, 0, 2),
        (1, 0, 1, 0),
    ]
    assert shop.lake("crm", "tier", "spent") == [("or", 123456), ("or", 1250)]
    assert shop.lake("shop", "event", "at", "amount") == [("purchase", NINE_O_CLOCK, 5990)]
    assert shop.lake("shop", "subject_id")[0] in shop.lake("crm", "subject_id")
    states = shop.rows("consent_event", "state", "precision", "notice", "grade")
    assert states == [
        ("ConsentGiven", "second", "ads-2026@1", "A"),
        ("ConsentWithdrawn", "second", "ads-2026@1", "A"),
    ]
    streams = [stream for (stream,) in shop.rows("consent_event", "stream")]
    assert [stream.partition("/")[0] for stream in streams] == ["crm.ads"] * 2
    assert len(set(streams)) == 2, "each record speaks for itself"
    assert {country for (country,) in shop.rows("subject", "country")} == {"FR"}


def test_the_same_pull_again_changes_nothing(shop: Shop) -> None:
    shop.contacts([contact(number) for number in range(9)])
    shop.orders((1, "C1", "2026-11-02", "59.90"))
    shop.pull()
    before = shop.end_state()
    again = shop.pull()
    assert [one.rows for one in again.sources] == [0, 1]
    assert shop.end_state() == before
    shop.pull(full=True)
    assert shop.end_state() == before


def test_a_changed_contact_replaces_the_older_one_and_nothing_else_is_read(shop: Shop) -> None:
    shop.contacts([contact(number, updated_at=f"2026-0{number + 1}-01T00:00:00Z") for number in range(5)])
    shop.pull("crm")
    changed = contact(2, tier="platine", updated_at="2026-11-05T00:00:00Z")
    shop.contacts([contact(n, updated_at=f"2026-0{n + 1}-01T00:00:00Z") if n != 2 else changed for n in range(5)])
    report = shop.pull("crm")
    assert report.sources[0].rows == 2  # the changed one, and the one at the old mark
    assert [tier for (tier,) in shop.lake("crm", "tier")].count("platine") == 1
    assert len(shop.lake("crm")) == 5


def test_an_older_record_that_comes_late_does_not_win(shop: Shop) -> None:
    shop.contacts([contact(1, tier="new", updated_at="2026-10-01T00:00:00Z")], "contacts_a.csv")
    shop.contacts([contact(1, tier="old", updated_at="2026-09-01T00:00:00Z")], "contacts_b.csv")
    shop.pull("crm")
    assert shop.lake("crm", "tier") == [("new",)]


def test_two_records_of_one_person_are_one_row_and_survive_each_other(shop: Shop) -> None:
    one = contact(1, tier="a", updated_at="2026-10-01T00:00:00Z")
    other = contact(2, email="person.1@example.org", tier="b", updated_at="2026-10-02T00:00:00Z")
    shop.contacts([one, other])
    shop.pull("crm")
    assert shop.lake("crm", "tier") == [("b",)]
    shop.contacts([one, {**other, "gone": "1", "updated_at": "2026-10-03T00:00:00Z"}])
    shop.pull("crm")
    assert shop.lake("crm", "tier") == [("a",)]


def test_people_who_turn_out_to_be_one_are_followed_in_every_table(shop: Shop) -> None:
    shop.contacts([contact(1)])
    shop.orders((1, "C1", "2026-11-02", "10"), (2, "C9", "2026-11-03", "20"))
    shop.pull()
    assert len({row for (row,) in shop.lake("shop", "subject_id")}) == 2
    shop.contacts([contact(1), contact(9, email="person.1@example.org", updated_at="2026-11-19T00:00:00Z")])
    shop.pull("crm")
    assert len({row for (row,) in shop.lake("shop", "subject_id")}) == 1


def test_a_merge_at_the_source_makes_the_two_one(shop: Shop) -> None:
    shop.contacts([contact(1), contact(2)])
    shop.orders((1, "C1", "2026-11-02", "10"), (2, "C2", "2026-11-03", "20"))
    shop.pull()
    merged = contact(2, merged_into="C1", gone="1", updated_at="2026-11-19T00:00:00Z")
    shop.contacts([contact(1), merged])
    report = shop.pull("crm")
    assert report.sources[0].deleted == 0
    assert len(shop.lake("crm")) == 1
    assert len({row for (row,) in shop.lake("shop", "subject_id")}) == 1


def test_a_deleted_person_leaves_the_lake_and_every_audience_and_their_consent_ends(shop: Shop) -> None:
    shop.contacts([contact(1), contact(2)])
    shop.pull("crm")
    with shop.open().store().read() as connection:
        subject_id = shop.open().subjects().find(connection, Field.EXTERNAL_ID, "C2", "FR")
    assert subject_id is not None
    _put_in_audience(shop, subject_id)
    shop.contacts([contact(1), contact(2, gone="1", updated_at="2026-11-19T00:00:00Z")])
    report = shop.pull("crm")
    assert (report.sources[0].deleted, report.sources[0].removals) == (1, 1)
    assert shop.rows("removal", "subject_id", "cause") == [(subject_id, "consent_withdrawn")]
    ended = [row for row in shop.rows("consent_event", "subject_id", "state") if row[1] == "ConsentTerminated"]
    assert ended == [(subject_id, "ConsentTerminated")]
    assert (subject_id,) not in shop.lake("crm", "subject_id")
    again = shop.pull("crm", full=True)
    assert again.sources[0].consents == 0


def test_a_withdrawal_queues_the_removal_in_the_same_pull(shop: Shop) -> None:
    shop.contacts([contact(1)])
    shop.pull("crm")
    subject_id = shop.lake("crm", "subject_id")[0][0]
    _put_in_audience(shop, subject_id)
    withdrawn = contact(1, ads="retiré", ads_at="2026-11-18T00:00:00Z", updated_at="2026-11-18T00:00:00Z")
    shop.contacts([withdrawn])
    assert shop.pull("crm").sources[0].removals == 1
    assert shop.rows("removal", "subject_id", "cause", "queued_at") == [(subject_id, "consent_withdrawn", NOW)]


def test_a_person_deleted_before_we_ever_knew_them_is_never_kept(shop: Shop) -> None:
    shop.contacts([contact(1, gone="1")])
    report = shop.pull("crm")
    assert (report.sources[0].deleted, report.sources[0].new_people) == (1, 0)
    assert shop.rows("vault", "subject_id") == []


def test_a_broken_amount_is_quarantined_without_its_value_and_hides_no_withdrawal(shop: Shop) -> None:
    shop.contacts([contact(1), contact(2, spent="SECRET-AMOUNT", ads="retiré"), contact(3, spent="x", ads="oui")])
    report = shop.pull("crm")
    assert dict(report.sources[0].quarantined) == {"not_an_amount": 2}
    assert shop.rows("quarantine", "place", "field", "reason") == [
        ("data/contacts.csv:3", "spent", "not_an_amount"),
        ("data/contacts.csv:4", "spent", "not_an_amount"),
    ]
    states = sorted(state for (state,) in shop.rows("consent_event", "state"))
    assert states == ["ConsentGiven", "ConsentWithdrawn"]
    assert len(shop.lake("crm")) == 1


def test_quarantine_is_left_when_the_record_is_sound_again(shop: Shop) -> None:
    shop.orders((1, "C1", "2026-11-02", "dear"))
    shop.pull("shop")
    ((place, reason),) = shop.rows("quarantine", "place", "reason")
    assert place.startswith("key:")
    assert reason == "not_an_amount"
    shop.orders((1, "C1", "2026-11-02", "59.90"))
    shop.pull("shop")
    assert shop.rows("quarantine", "place") == []


def test_an_event_of_nobody_and_a_record_without_a_key_are_counted(shop: Shop) -> None:
    shop.orders((1, "", "2026-11-02", "1"))
    shop.contacts([contact(1, id="")])
    report = shop.pull()
    assert [dict(one.quarantined) for one in report.sources] == [{"no_key": 1}, {"nobody_identified": 1}]


def test_a_consent_whose_time_is_not_understood_is_heard_without_it(shop: Shop) -> None:
    shop.contacts([contact(1, ads="retiré", ads_at="hier")])
    report = shop.pull("crm")
    assert dict(report.sources[0].quarantined) == {"not_a_timestamp": 1}
    assert shop.rows("consent_event", "state", "event_time", "precision") == [("ConsentWithdrawn", None, "unknown")]
    assert len(shop.lake("crm")) == 1


def test_a_value_that_nobody_mapped_never_permits_and_a_blank_says_nothing(shop: Shop) -> None:
    shop.contacts([contact(1, ads="peut-être"), contact(2, ads=""), contact(3, ads=" OUI ")])
    shop.pull("crm")
    assert sorted(state for (state,) in shop.rows("consent_event", "state")) == ["ConsentGiven", "ConsentUnknown"]


def test_a_bare_day_is_that_day_in_utc(shop: Shop) -> None:
    shop.contacts([contact(1, ads_at="03/02/2026")])
    shop.pull("crm")
    assert shop.rows("consent_event", "event_time", "precision") == [(1_770_076_800_000_000, "day")]


def test_the_failure_of_one_source_hides_no_other_and_is_told_apart(shop: Shop) -> None:
    shop.orders((1, "C1", "2026-11-02", "1"))
    report = shop.pull()  # the CRM's file is not there
    assert isinstance(report.sources[0].error, DefinitionError)
    assert report.sources[1].error is None
    assert len(shop.lake("shop")) == 1
    result = run(surroundings(shop.folder), PullRequest())
    assert (result.outcome, result.exit_code) == (Outcome.INVALID, 2)
    assert [one.outcome for one in result.sources] == [Outcome.INVALID, Outcome.DONE]
    assert "No file matches" in result.sources[0].problem


def test_a_source_being_pulled_elsewhere_is_left_for_later(shop: Shop) -> None:
    shop.orders((1, "C1", "2026-11-02", "1"))
    with shop.open().store().exclusive("pull shop"):
        report = shop.pull("shop")
    assert report.error is not None
    assert report.error.outcome == "try_later"


def test_another_shape_reads_everything_again_and_fills_the_new_column(shop: Shop) -> None:
    shop.contacts([contact(1), contact(2)])
    narrow: dict[str, Any] = {**CRM, "fields": {name: role for name, role in CRM["fields"].items() if name != "tier"}}
    shop.configure({"crm": narrow, "shop": SHOP})
    shop.pull("crm")
    shop.configure({"crm": CRM, "shop": SHOP})
    assert shop.pull("crm").sources[0].rows == 2
    assert shop.lake("crm", "tier") == [("or",), ("or",)]


def test_new_columns_are_reported_and_not_read(shop: Shop) -> None:
    shop.contacts([contact(1)])
    shop.pull("crm")
    path = shop.folder / "data/contacts.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([lines[0] + ";shoe_size", lines[1] + ";44"]) + "\n", encoding="utf-8")
    report = shop.pull("crm")
    assert ["shoe_size" in warning for warning in report.sources[0].warnings] == [True]


def test_a_misspelt_source_is_refused_by_name(shop: Shop) -> None:
    with pytest.raises(DefinitionError, match="crm"):
        shop.pull("crmm")


def test_a_large_pull_goes_page_by_page(shop: Shop) -> None:
    shop.contacts([contact(number) for number in range(50)])
    steps: list[str] = []
    shop.pull("crm", seams=Seams(page_rows=7, fault=steps.append))
    assert steps.count("state kept") == 9
    assert len(shop.lake("crm")) == 50


def _put_in_audience(shop: Shop, subject_id: int) -> None:
    store = shop.open().store()
    with store.write() as connection:
        place: dict[str, Any] = {"destination": ["meta"], "audience": ["all"]}
        remote = {"remote_id": ["1"], "columns": ["[]"], "purpose": ["ad_list_matching"], "created_at": [1]}
        store.insert(connection, t.remote_audience, {**place, **_needed(t.remote_audience, remote)})
        member = {
            "subject_id": pa.array([subject_id]),
            "state": ["member"],
            "revision": [1],
            "batch_id": ["b"],
            "since": [1],
        }
        store.insert(connection, t.membership, {**place, **_needed(t.membership, member)})


def _needed(table: Any, known: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401
    """Columns that the table has, with something for those that were added since."""
    extra = {
        column.name: [0]
        for column in table.columns
        if not column.nullable and column.default is None and column.name not in {*known, "destination", "audience"}
    }
    return {**{name: value for name, value in known.items() if name in table.c}, **extra}
