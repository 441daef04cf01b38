"""The payload cases that break other systems, for Google: over gRPC and REST, through the real SDK, at the twin."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from passerelle.connectors.contract.destination import MatchKeys
from passerelle.connectors.destinations.google_pushing import CALLS
from passerelle.connectors.errors import Forgotten, OutcomeUnknown, Refused, TryLater
from passerelle.connectors.twins.handle import Twins
from passerelle.privacy.personal import Personal
from passerelle.privacy.vocabulary import NOT_SENT
from tests.connectors.destinations.conftest import NUMBERS
from tests.connectors.destinations.people import people, person, sha
from tests.connectors.destinations.stage import Stage, google, staged

PER_MINUTE = {"quota_limit": "IngestionMutateRequestsPerMinutePerProject"}
PER_DAY = {"quota_limit": "IngestionMutateRequestsPerDayPerProject"}
INVALID = {"code": "INVALID_ARGUMENT", "reason": "INVALID_ARGUMENT"}
DAYS = 86_400
REST_LATER = pytest.mark.parametrize("list_", ["grpc", pytest.param("rest", marks=pytest.mark.slow)], indirect=True)
"""Of thousands of rows, or very many requests: over REST, whose twin takes seconds, in the slow group."""


def spoilt(keys: MatchKeys, rows: list[int], value: str = "not-a-hash") -> MatchKeys:
    """The same rows, some of them with a phone that Google refuses."""
    table = keys.rows.reveal()
    phones = table["phone"].to_pylist()
    for row in rows:
        phones[row] = [value]
    column = pa.array(phones, pa.list_(pa.string()))
    return MatchKeys(keys.subject_ids, Personal(table.set_column(1, "phone", column)), keys.refused)


def named(receipt_rows: pa.Table | None) -> dict[int, str]:
    assert receipt_rows is not None
    return dict(zip(receipt_rows["subject_id"].to_pylist(), receipt_rows["reason"].to_pylist(), strict=True))


def test_everybody_sent_is_there_and_removed_by_the_same_keys_is_gone(list_: Stage) -> None:
    receipt = list_.settle(list_.add(people(5)))
    assert (receipt.state, receipt.accepted, receipt.rejected_count, receipt.pending) == ("settled", 5, 0, 0)
    assert list_.settle(list_.remove(people(2))).accepted == 2
    assert list_.count() == 3


@REST_LATER
def test_one_bad_phone_among_ten_thousand_costs_one_person(list_: Stage) -> None:
    receipt = list_.add_keys(spoilt(list_.keys_of(people(10_000)), [7_777]))
    assert named(receipt.rejected) == {7_778: "INVALID_HEX_ENCODING"}
    settled = list_.settle(receipt)
    assert (settled.accepted, settled.rejected_count, settled.pending) == (9_999, 1, 0)
    assert list_.count() == 9_999


def test_many_bad_rows_at_once_are_all_set_aside_with_their_reason(list_: Stage) -> None:
    bad = list(range(0, 600, 4))
    before = list_.twins.calls().get("data_manager.ingest", 0)
    receipt = list_.add_keys(spoilt(list_.keys_of(people(600)), bad))
    assert named(receipt.rejected) == {row + 1: "INVALID_HEX_ENCODING" for row in bad}
    assert list_.settle(receipt).accepted == 450
    assert list_.twins.calls()["data_manager.ingest"] - before <= 4


def test_bad_rows_that_google_does_not_name_are_found_by_halving(list_: Stage) -> None:
    list_.twins.fault(call="data_manager.ingest", times=5, grpc=INVALID)
    receipt = list_.add(people(8))
    settled = list_.settle(receipt)
    assert settled.accepted + settled.rejected_count == 8
    assert list_.count() == settled.accepted == 8 - len(named(receipt.rejected))


def test_what_is_left_when_the_calls_run_out_is_told_and_tried_again(list_: Stage) -> None:
    list_.add(people(1))
    list_.twins.fault(call="data_manager.ingest", nth=3, times=CALLS, grpc=INVALID)
    list_.twins.fault(call="data_manager.ingest", grpc=INVALID)
    receipt = list_.add(people(1_000))
    reasons = list(named(receipt.rejected).values())
    assert reasons.count(NOT_SENT) > 0
    settled = list_.settle(receipt)
    assert (settled.accepted, settled.rejected_count) == (500, 500)
    assert list_.count() == 500


@REST_LATER
def test_a_request_that_google_refuses_in_every_part_blames_nobody(list_: Stage) -> None:
    list_.twins.fault(call="data_manager.ingest", times=0, grpc=INVALID)
    with pytest.raises(Refused, match="most of the rows"):
        list_.add(people(1_000))
    assert list_.count() == 0


def test_rows_that_google_blames_for_the_most_part_are_our_fault_and_not_theirs(list_: Stage) -> None:
    with pytest.raises(Refused, match="most of the rows"):
        list_.add_keys(spoilt(list_.keys_of(people(400)), list(range(350))))


def test_a_200_is_a_receipt_and_not_a_success(list_: Stage) -> None:
    list_.twins.clock(polls=2)
    receipt = list_.add(people(3))
    assert (receipt.state, receipt.accepted, receipt.pending, list_.count()) == ("pending", 0, 3, 0)
    assert list_.settle(receipt).state == "pending"
    assert (list_.settle(receipt).accepted, list_.count()) == (3, 3)


def test_a_failed_removal_is_never_reported_as_success(list_: Stage) -> None:
    list_.add(people(3))
    list_.twins.fault(call="data_manager.remove", partial={"rows": [0, 1, 2], "reason": "INTERNAL_ERROR"})
    receipt = list_.settle(list_.remove(people(3)))
    assert (receipt.accepted, receipt.rejected_count, dict(receipt.reasons)) == (0, 3, {"INTERNAL_ERROR": 3})
    assert list_.count() == 3


@pytest.mark.parametrize("reason", ["NO_CONSENT", "DENIED_CONSENT", "UNKNOWN_CONSENT"])
def test_a_consent_that_google_misses_is_counted_apart_and_alarming(list_: Stage, reason: str) -> None:
    list_.twins.fault(call="data_manager.ingest", partial={"rows": [0, 2], "reason": reason})
    receipt = list_.settle(list_.add(people(5)))
    assert (receipt.accepted, receipt.rejected_count, dict(receipt.reasons)) == (3, 2, {reason: 2})
    assert f"{reason} 2" in receipt.alarm


def test_another_reason_is_no_alarm(list_: Stage) -> None:
    list_.twins.fault(call="data_manager.ingest", partial={"rows": [0], "reason": "INVALID_FORMAT"})
    assert list_.settle(list_.add(people(2))).alarm == ""


def test_what_google_notes_of_rows_that_it_took_is_told_and_changes_no_count(list_: Stage) -> None:
    list_.twins.fault(call="data_manager.status", partial={"rows": [0, 2], "reason": "INTERNAL_ERROR"})
    receipt = list_.settle(list_.add(people(3)))
    assert (receipt.accepted, receipt.rejected_count, dict(receipt.warnings)) == (3, 0, {"INTERNAL_ERROR": 2})


def test_a_request_too_old_to_ask_about_is_forgotten(list_: Stage) -> None:
    receipt = list_.add(people(2))
    list_.twins.clock(advance_seconds=51 * DAYS)
    with pytest.raises(Forgotten):
        list_.settle(receipt)
    list_.twins.clock(advance_seconds=-51 * DAYS)


def test_a_quota_per_minute_is_waited_for_in_the_same_call(list_: Stage) -> None:
    list_.twins.fault(call="data_manager.ingest", grpc={"code": "RESOURCE_EXHAUSTED", "metadata": PER_MINUTE})
    list_.add(people(2))
    assert (list_.slept, list_.count()) == ([60.0], 2)


def test_a_quota_per_day_is_for_the_next_run_and_not_slept_through(list_: Stage) -> None:
    list_.twins.fault(call="data_manager.ingest", times=0, grpc={"code": "RESOURCE_EXHAUSTED", "metadata": PER_DAY})
    with pytest.raises(TryLater) as caught:
        list_.add(people(2))
    assert not isinstance(caught.value, OutcomeUnknown)
    assert caught.value.exit_code == 75
    assert (list_.slept, caught.value.wait.seconds) == ([], 3600.0)


def test_a_wait_that_google_asks_for_is_kept_to_the_second(list_: Stage) -> None:
    list_.twins.fault(call="data_manager.remove", grpc={"code": "RESOURCE_EXHAUSTED", "retry_seconds": 17})
    list_.add(people(2))
    list_.remove(people(1))
    assert (list_.slept, list_.count()) == ([17.0], 1)


@pytest.mark.parametrize("applied", [False, True])
def test_a_dropped_connection_is_tried_again_and_nobody_is_there_twice(list_: Stage, *, applied: bool) -> None:
    list_.twins.fault(call="data_manager.ingest", drop=True, applied=applied)
    assert list_.settle(list_.add(people(3))).accepted == 3
    assert list_.count() == 3


@pytest.mark.parametrize("code", ["UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL"])
def test_an_outage_that_lasts_is_of_unknown_outcome_and_harmless_to_repeat(list_: Stage, code: str) -> None:
    list_.twins.fault(call="data_manager.ingest", times=3, applied=True, grpc={"code": code})
    with pytest.raises(OutcomeUnknown):
        list_.add(people(2))
    list_.add(people(2))
    assert list_.count() == 2


def test_a_slow_answer_is_waited_for_only_as_long_as_the_settings_allow(twins: Twins, tmp_path: Path) -> None:
    hasty = google(twins, tmp_path, [], timeout_seconds=0.2)
    stage = staged(google(twins, tmp_path, []), twins, [], f"audience_{next(NUMBERS)}")
    twins.fault(call="data_manager.ingest", times=0, slow_seconds=0.6)
    with pytest.raises(OutcomeUnknown):
        replace(stage, destination=hasty).add(people(1))


@pytest.mark.parametrize("status", [200, 403, 407, 413, 502])
def test_a_page_of_a_proxy_is_no_answer_of_googles(twins: Twins, tmp_path: Path, status: int) -> None:
    made = google(twins, tmp_path, [], transport="rest", endpoints=twins.google_rest)
    stage = staged(made, twins, [], f"audience_{next(NUMBERS)}")
    twins.fault(call="data_manager.ingest", times=0, http={"status": status, "body": "<html>Blocked</html>"})
    with pytest.raises(OutcomeUnknown) as caught:
        stage.add(people(1))
    assert caught.value.__context__ is None
    assert stage.count() == 0


def test_no_ip_address_is_ever_sent(list_: Stage) -> None:
    before = list_.keys_of([person(1)]).rows.reveal().column_names
    keys = list_.keys_of([{**person(1), "ip_address": ["203.0.113.7"]}])
    assert keys.rows.reveal().column_names == before
    assert "203.0.113.7" not in str(keys.rows.reveal().to_pylist())


def test_a_person_of_many_identifiers_is_one_member_with_the_ten_that_the_rule_keeps(list_: Stage) -> None:
    many = {
        **person(1),
        "email": [f"p{number}@example.fr" for number in range(12)],
        "phone": [f"+3361234{number:04d}" for number in range(12)],
    }
    keys = list_.keys_of([many, person(50)])
    row = keys.rows.reveal().to_pylist()[0]
    assert row["email"] == [sha(f"p{number}@example.fr") for number in range(5)]  # the newest come first
    assert row["phone"] == [sha(f"+3361234{number:04d}") for number in range(4)]
    assert (row["region_code"], row["postal_code"]) == ("FR", "59000")
    assert keys.dropped == {"email.too_many": 7, "phone.too_many": 8}
    list_.add_keys(keys)
    assert list_.count() == 2
    assert {len(member) for member in list_.members()} == {2, 9}  # an address counts where nothing stronger is there
