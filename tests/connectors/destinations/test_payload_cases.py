"""The payload cases that break other systems, through the real SDKs, at the twins."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from passerelle.connectors.contract.destination import Intent, RemoteAudience
from passerelle.connectors.destinations.google_ads import GoogleAds
from passerelle.connectors.destinations.meta_rows import SCHEMA
from passerelle.connectors.errors import AudienceTooSmall, OutcomeUnknown, Refused, TryLater
from passerelle.connectors.twins.handle import Twins
from passerelle.privacy.personal import Personal
from passerelle.privacy.vocabulary import Destination
from tests.connectors.destinations.people import cleared, people, person, sha
from tests.connectors.destinations.stage import Stage, meta

BLANK = sha("")


def test_everybody_sent_is_there_and_everybody_removed_is_gone(stage: Stage) -> None:
    receipt = stage.settle(stage.add(people(5)))
    assert (receipt.state, receipt.accepted, receipt.rejected_count, receipt.pending) == ("settled", 5, 0, 0)
    assert stage.count() == 5
    assert stage.settle(stage.remove(people(2))).accepted == 2
    assert stage.count() == 3


def test_adding_and_removing_in_one_run_are_two_requests_and_both_take_effect(stage: Stage) -> None:
    stage.add(people(4))
    stage.add(people(4, start=4))
    stage.remove(people(4))
    assert stage.count() == 4


def test_sending_the_same_people_twice_changes_nothing(stage: Stage) -> None:
    stage.add(people(3))
    stage.add(people(3))
    assert stage.count() == 3


def test_a_failed_removal_is_never_reported_as_success_on_meta(on_meta: Stage) -> None:
    on_meta.add(people(3))
    on_meta.twins.fault(call="meta.users.remove", times=0, http={"status": 502, "body": "<html>Bad Gateway</html>"})
    with pytest.raises(OutcomeUnknown):
        on_meta.remove(people(3))
    assert on_meta.count() == 3


def test_a_failed_removal_is_never_reported_as_success_on_google(on_google: Stage) -> None:
    on_google.add(people(3))
    on_google.twins.fault(call="data_manager.remove", partial={"rows": [0, 1, 2], "reason": "INTERNAL_ERROR"})
    receipt = on_google.settle(on_google.remove(people(3)))
    assert (receipt.accepted, receipt.rejected_count, dict(receipt.reasons)) == (0, 3, {"INTERNAL_ERROR": 3})
    assert on_google.count() == 3


def test_one_bad_row_among_many_is_set_aside_and_the_rest_goes_through(on_google: Stage) -> None:
    keys = on_google.keys_of(people(100))
    table = keys.rows.reveal()
    phones = table["phone"].to_pylist()
    phones[41] = ["not-a-hash"]
    spoilt = table.set_column(table.column_names.index("phone"), "phone", pa.array(phones))
    receipt = on_google.add_keys(type(keys)(keys.subject_ids, Personal(spoilt), keys.refused))
    assert receipt.rejected is not None
    assert receipt.rejected.to_pylist() == [{"subject_id": 42, "reason": "INVALID_HEX_ENCODING"}]
    settled = on_google.settle(receipt)
    assert (settled.accepted, settled.rejected_count, on_google.count()) == (99, 1, 99)


def test_a_refusal_that_names_no_row_is_halved_until_the_bad_row_stands_alone(on_google: Stage) -> None:
    on_google.twins.fault(
        call="data_manager.ingest", times=4, grpc={"code": "INVALID_ARGUMENT", "reason": "INVALID_ARGUMENT"}
    )
    receipt = on_google.settle(on_google.add(people(8)))
    assert receipt.accepted + receipt.rejected_count == 8
    assert on_google.count() == receipt.accepted


def test_one_bad_phone_costs_that_phone_and_not_the_person(stage: Stage) -> None:
    keys = stage.keys_of([{**person(1), "phone": ["12"]}, person(2)])
    assert len(keys.subject_ids) == 2
    assert keys.dropped == {"phone.phone_invalid": 1}


def test_one_bad_phone_among_ten_thousand_costs_nobody_else_anything(stage: Stage) -> None:
    crowd = people(10_000)
    crowd[4_321] = {**crowd[4_321], "phone": ["not a phone"]}
    keys = stage.keys_of(crowd)
    assert (len(keys.subject_ids), keys.refused.num_rows, keys.dropped) == (10_000, 0, {"phone.phone_invalid": 1})
    settled = stage.settle(stage.add_keys(keys))
    assert (settled.accepted, settled.rejected_count, stage.count()) == (10_000, 0, 10_000)


def test_a_bad_row_among_ten_thousand_is_named_and_the_rest_goes_through_on_meta(on_meta: Stage) -> None:
    keys = on_meta.keys_of(people(10_000))
    table = keys.rows.reveal()
    phones = table["PHONE"].to_pylist()
    phones[4_321] = "not a hash"
    spoilt = table.set_column(table.column_names.index("PHONE"), "PHONE", pa.array(phones))
    receipt = on_meta.add_keys(type(keys)(keys.subject_ids, Personal(spoilt), keys.refused))
    assert receipt.rejected is not None
    assert receipt.rejected.to_pylist() == [{"subject_id": 4_322, "reason": "invalid_entry"}]
    settled = on_meta.settle(receipt)
    assert (settled.accepted, settled.rejected_count, on_meta.count()) == (9_999, 1, 9_999)


def test_people_with_different_identifiers_share_one_batch(stage: Stage) -> None:
    mixed = [{"email": ["a@example.fr"]}, {"phone": ["+33612345678"]}, person(3)]
    stage.add(mixed)
    assert stage.count() == 3


def test_a_missing_value_is_never_sent_as_the_hash_of_nothing(stage: Stage) -> None:
    keys = stage.keys_of(
        [{"email": ["a@example.fr"]}, {"email": ["b@example.fr"], "phone": ["  "], "first_name": [""]}]
    )
    assert BLANK not in str(keys.rows.reveal().to_pylist())
    stage.add_keys(keys)
    assert stage.count() == 2


def test_one_person_stays_one_member_however_many_identifiers(stage: Stage) -> None:
    stage.add([{"email": ["a@example.fr", "b@example.fr", "c@example.fr"], "phone": ["+33612345678", "+33612345679"]}])
    assert stage.count() == 1


def test_people_of_whom_nothing_may_be_sent_are_named_and_not_sent(stage: Stage) -> None:
    keys = stage.keys_of([{"external_id": ["C1"], "country": "FR"}, person(2), {"email": ["not an address"]}])
    assert keys.refused.to_pylist() == [
        {"subject_id": 1, "reason": "no_match_key"},
        {"subject_id": 3, "reason": "no_match_key"},
    ]
    assert keys.subject_ids.to_pylist() == [2]


@pytest.mark.parametrize(("code", "minutes", "seconds"), [(80003, 3, 180.0), (613, None, 300.0), (17, 2, 120.0)])
def test_a_throttle_says_how_long_to_wait_and_works_again_after(
    on_meta: Stage, code: int, minutes: int | None, seconds: float
) -> None:
    on_meta.twins.fault(call="meta.users.add", graph={"code": code, "minutes": minutes})
    with pytest.raises(TryLater) as caught:
        on_meta.add(people(2))
    assert caught.value.wait.seconds == seconds
    assert not isinstance(caught.value, OutcomeUnknown)
    on_meta.add(people(2))
    assert on_meta.count() == 2


def test_a_short_google_wait_is_waited_for_in_the_same_call(on_google: Stage) -> None:
    on_google.twins.fault(call="data_manager.ingest", grpc={"code": "RESOURCE_EXHAUSTED", "retry_seconds": 2})
    on_google.add(people(1))
    assert on_google.count() == 1
    assert len(on_google.slept) == 1


def test_audience_size_too_low_is_told_apart_so_that_the_removal_stays_owed(on_meta: Stage) -> None:
    on_meta.add(people(3))
    words = "Audience Size too low: You cannot remove users from this audience"
    on_meta.twins.fault(call="meta.users.remove", graph={"code": 2650, "message": words})
    with pytest.raises(AudienceTooSmall) as caught:
        on_meta.remove(people(1))
    assert "removal debt" in caught.value.advice


def test_what_looks_hashed_already_is_never_guessed_at(stage: Stage) -> None:
    upper = sha("a@example.fr").upper()
    keys = stage.keys_of([{"email": [upper]}, {"email": [sha("b@example.fr")]}])
    assert keys.refused.num_rows == 2


@pytest.mark.parametrize("status", [502, 504, 414, 400])
def test_an_html_page_is_a_failure_whatever_its_status(on_meta: Stage, status: int) -> None:
    on_meta.twins.fault(call="meta.users.add", times=0, http={"status": status, "body": "<html>no</html>"})
    with pytest.raises(OutcomeUnknown):
        on_meta.add(people(1))


def test_an_html_page_with_status_200_is_a_failure_too(on_meta: Stage) -> None:
    on_meta.twins.fault(call="meta.users.add", times=0, http={"status": 200, "body": "<html>maintenance</html>"})
    with pytest.raises(OutcomeUnknown):
        on_meta.add(people(1))


def test_a_json_object_without_a_receipt_is_a_failure(on_meta: Stage) -> None:
    on_meta.twins.fault(call="meta.users.add", times=0, http={"status": 200, "body": '{"foo": 1}'})
    with pytest.raises(OutcomeUnknown):
        on_meta.add(people(1))


def test_a_receipt_is_not_a_success(stage: Stage) -> None:
    stage.twins.clock(polls=2)
    receipt = stage.add(people(3))
    assert (receipt.state, receipt.accepted, receipt.pending) == ("pending", 0, 3)
    assert stage.count() == 0
    once = stage.settle(receipt)
    assert (once.state, once.accepted, once.pending) == ("pending", 0, 3)
    twice = stage.settle(once)
    assert (twice.state, twice.accepted, twice.pending) == ("settled", 3, 0)
    assert stage.count() == 3


def test_a_connection_lost_after_the_platform_applied_is_of_unknown_outcome_and_harmless_to_repeat(
    on_meta: Stage,
) -> None:
    on_meta.twins.fault(call="meta.users.add", times=3, applied=True, drop=True)
    with pytest.raises(OutcomeUnknown):
        on_meta.add(people(3))
    assert on_meta.count() == 3
    on_meta.add(people(3))
    assert on_meta.count() == 3


def test_a_dropped_connection_is_tried_again_in_a_session_of_its_own(on_meta: Stage) -> None:
    on_meta.twins.fault(call="meta.users.add", times=2, drop=True, applied=True)
    receipt = on_meta.settle(on_meta.add(people(3)))
    assert receipt.state == "settled"
    assert len(on_meta.slept) == 2


def test_google_unavailable_is_tried_again_and_then_of_unknown_outcome(on_google: Stage) -> None:
    on_google.twins.fault(call="data_manager.ingest", times=3, applied=True, grpc={"code": "UNAVAILABLE"})
    with pytest.raises(OutcomeUnknown):
        on_google.add(people(2))
    assert len(on_google.slept) == 2
    assert on_google.count() == 2


def test_nothing_that_listens_is_try_later_and_nothing_was_sent(twins: Twins, tmp_path: Path) -> None:
    nowhere = meta(twins, tmp_path, [], endpoint="http://127.0.0.1:9")
    batch = cleared(people(1), Destination.META)
    remote = RemoteAudience("1", tuple(SCHEMA))
    with pytest.raises(TryLater) as caught:
        nowhere.add(remote, batch, nowhere.match_keys(batch, remote), Intent("b", 1))
    assert not isinstance(caught.value, OutcomeUnknown)


def test_invalid_entries_are_traced_back_to_people(on_meta: Stage) -> None:
    on_meta.twins.fault(call="meta.users.add", partial={"rows": [1], "reason": "odd"})
    receipt = on_meta.add(people(3))
    assert receipt.rejected is not None
    assert receipt.rejected.to_pylist() == [{"subject_id": 2, "reason": "invalid_entry"}]
    settled = on_meta.settle(receipt)
    assert (settled.accepted, settled.rejected_count, dict(settled.reasons)) == (2, 1, {"invalid_entry": 1})


def test_a_partial_success_counts_by_googles_reasons(on_google: Stage) -> None:
    on_google.twins.fault(call="data_manager.ingest", partial={"rows": [0, 2], "reason": "NO_CONSENT"})
    receipt = on_google.settle(on_google.add(people(5)))
    assert (receipt.accepted, receipt.rejected_count, dict(receipt.reasons)) == (3, 2, {"NO_CONSENT": 2})


def test_a_receipt_settles_in_another_process_out_of_its_request_alone(stage: Stage) -> None:
    receipt = stage.add(people(3))
    bare = type(receipt)("pending", 0, 0, 3, dict(receipt.request))
    assert stage.settle(bare).accepted == 3


@pytest.mark.parametrize(
    ("code", "said"), [(200, ""), (441, ""), (470, "account is inactive"), (471, "flagged"), (500, "an error")]
)
def test_once_an_upload_has_ended_meta_is_asked_what_became_of_the_audience(
    on_meta: Stage, code: int, said: str
) -> None:
    receipt = on_meta.add(people(3))
    body = json.dumps({"id": on_meta.remote.remote_id, "operation_status": {"code": code}})
    on_meta.twins.fault(
        call="meta.audience.get", times=2, http={"status": 200, "body": body, "content_type": "application/json"}
    )
    settled = on_meta.settle(receipt)
    assert (settled.state, settled.accepted, bool(settled.alarm)) == ("settled", 3, bool(said))
    assert said in settled.alarm
    assert on_meta.destination.state(on_meta.remote).working is (code == 441)


def test_a_batch_cleared_for_one_platform_is_not_sent_to_another(stage: Stage) -> None:
    keys = stage.keys_of(people(1))
    other = Destination.META if isinstance(stage.destination, GoogleAds) else Destination.GOOGLE_ADS
    with pytest.raises(ValueError, match="another platform"):
        stage.destination.add(stage.remote, cleared(people(1), other), keys, None)  # type: ignore[arg-type]


def test_ten_thousand_and_one_rows_are_never_sent(stage: Stage) -> None:
    keys = stage.keys_of(people(1))
    many = pa.concat_tables([keys.rows.reveal()] * 10_001)
    ids = pa.array(range(10_001), pa.int64())
    with pytest.raises(ValueError, match="more rows"):
        stage.add_keys(type(keys)(ids, Personal(many), keys.refused))


def test_an_empty_push_is_settled_at_once_and_calls_nobody(stage: Stage) -> None:
    before = dict(stage.twins.calls())
    keys = stage.keys_of([{"email": ["bad"]}])
    receipt = stage.add_keys(keys)
    assert (receipt.state, receipt.accepted) == ("settled", 0)
    assert dict(stage.twins.calls()) == before


def test_terms_not_accepted_are_refused_with_advice(stage: Stage) -> None:
    stage.twins.fault(call="meta.users.add", graph={"code": 200, "subcode": 1870090, "status": 403})
    stage.twins.fault(
        call="data_manager.ingest", grpc={"code": "PERMISSION_DENIED", "reason": "TERMS_AND_CONDITIONS_NOT_SIGNED"}
    )
    with pytest.raises(Refused, match="terms") as caught:
        stage.add(people(1))
    assert "accept" in caught.value.advice
