"""What Meta refuses, its twin refuses, in Meta's words."""

import hashlib
import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import pytest

from passerelle.connectors.twins.handle import Twins

TOKEN = "EAAtwintoken123"
HASH = hashlib.sha256(b"a@example.fr").hexdigest()
GOOD = {"schema": ["EMAIL", "PHONE"], "data": [[HASH, ""]]}


def call(twins: Twins, verb: str, path: str, token: str = TOKEN, **params: str) -> tuple[int, Any]:
    form = urllib.parse.urlencode(params)
    url = f"{twins.meta}/{path}" + (f"?{form}" if verb != "POST" and form else "")
    body = form.encode() if verb == "POST" else None
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-www-form-urlencoded"}
    request = urllib.request.Request(url, data=body, method=verb, headers=headers)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        raw = error.read()
        return error.code, json.loads(raw) if raw.startswith(b"{") else raw.decode()


@pytest.fixture
def audience(twins: Twins) -> str:
    _, made = call(
        twins,
        "POST",
        "v26.0/act_1/customaudiences",
        name="A",
        subtype="CUSTOM",
        customer_file_source="USER_PROVIDED_ONLY",
    )
    return str(made["id"])


def users(twins: Twins, audience: str, payload: object, **params: str) -> tuple[int, Any]:
    return call(twins, "POST", f"v26.0/{audience}/users", payload=json.dumps(payload), **params)


def test_a_good_payload_is_received(twins: Twins, audience: str) -> None:
    status, body = users(twins, audience, GOOD)
    assert (status, body["num_received"], body["num_invalid_entries"]) == (200, 1, 0)
    assert twins.members(audience) == [(f"email:{HASH}",)]


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"schema": ["EMAIL"], "data": [[HASH, ""]]}, 100),
        ({"schema": ["EMAIL", "PHONE"], "data": [[HASH]]}, 100),
        ({"schema": ["EMAIL", "SHOE_SIZE"], "data": [[HASH, ""]]}, 100),
        ({"schema": ["EMAIL", "EMAIL"], "data": [[HASH, ""]]}, 100),
        ({"schema": "EMAIL_SHA256", "data": [HASH]}, 2650),
        ({"schema": ["EMAIL"], "data": []}, 100),
        ({"schema": ["EMAIL"], "data": [[None]]}, 100),
        ({"schema": ["EMAIL"], "data": [[5]]}, 100),
        ({"schema": ["EMAIL"], "data": [[HASH]], "is_raw": True}, 100),
        ({"schema": ["EMAIL"], "data": [[HASH]] * 10_001}, 1),
        ({"data": [[HASH]]}, 100),
        ([], 100),
    ],
    ids=range(12),
)
def test_a_wrong_payload_is_refused(twins: Twins, audience: str, payload: object, code: int) -> None:
    status, body = users(twins, audience, payload)
    assert status >= 400
    assert body["error"]["code"] == code


@pytest.mark.parametrize("cell", [HASH.upper(), HASH[:-1], "a@example.fr", hashlib.sha256(b"").hexdigest()])
def test_a_wrong_hash_is_an_invalid_entry_and_the_others_go_in(twins: Twins, audience: str, cell: str) -> None:
    _, body = users(twins, audience, {"schema": ["EMAIL"], "data": [[HASH], [cell]]})
    assert (body["num_received"], body["num_invalid_entries"]) == (2, 1)
    assert len(body["invalid_entry_samples"]) == 1
    assert twins.count(audience) == 1


def session(**told: object) -> str:
    return json.dumps({"session_id": 5, "batch_seq": 1, "last_batch_flag": True, **told})


def test_batches_come_in_order_and_a_finished_session_takes_no_more(twins: Twins, audience: str) -> None:
    assert (
        users(twins, audience, GOOD, session=session(session_id=11, batch_seq=2))[1]["error"]["error_subcode"]
        == 1870147
    )
    assert users(twins, audience, GOOD, session=session(session_id=12, last_batch_flag=False))[0] == 200
    assert users(twins, audience, GOOD, session=session(session_id=12, batch_seq=2))[0] == 200
    assert (
        users(twins, audience, GOOD, session=session(session_id=12, batch_seq=3))[1]["error"]["error_subcode"]
        == 1870159
    )


def test_a_session_times_out_after_90_minutes(twins: Twins, audience: str) -> None:
    users(twins, audience, GOOD, session=session(session_id=13, last_batch_flag=False))
    twins.clock(advance_seconds=91 * 60)
    late = users(twins, audience, GOOD, session=session(session_id=13, batch_seq=2))
    assert late[1]["error"]["error_subcode"] == 1870158


@pytest.mark.parametrize(
    "wrong", [{"session_id": 2**63}, {"session_id": "5"}, {"last_batch_flag": "true"}, {"shoe": 1}]
)
def test_a_session_of_wrong_shape_is_refused(twins: Twins, audience: str, wrong: dict[str, object]) -> None:
    assert users(twins, audience, GOOD, session=session(**wrong))[1]["error"]["code"] == 100


def test_a_delete_with_its_rows_in_the_url_is_too_long(twins: Twins, audience: str) -> None:
    payload = json.dumps({"schema": ["EMAIL"], "data": [[HASH]] * 300})
    status, body = call(twins, "DELETE", f"v26.0/{audience}/users", payload=payload)
    assert (status, body.startswith("<html>")) == (414, True)


@pytest.mark.parametrize(
    ("path", "token", "code"),
    [
        ("v26.0/act_1", "", 190),
        ("v20.0/act_1", TOKEN, 2635),
        ("v26.0/123", TOKEN, 100),
        ("v26.0/act_1/nonsense", TOKEN, 100),
    ],
)
def test_wrong_tokens_versions_and_objects_are_refused(twins: Twins, path: str, token: str, code: int) -> None:
    assert call(twins, "GET", path, token)[1]["error"]["code"] == code


def test_an_unknown_field_or_parameter_is_refused(twins: Twins, audience: str) -> None:
    assert call(twins, "GET", f"v26.0/{audience}", fields="id,shoe_size")[1]["error"]["code"] == 100
    assert users(twins, audience, GOOD, shoe_size="5")[1]["error"]["code"] == 100


def test_a_person_can_be_taken_out_of_every_audience_of_the_account(twins: Twins, audience: str) -> None:
    users(twins, audience, GOOD)
    call(twins, "POST", "v26.0/act_1/usersofanyaudience", method="DELETE", payload=json.dumps(GOOD))
    assert twins.count(audience) == 0


def test_a_wrong_fault_is_refused_with_what_is_wrong(twins: Twins) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        twins.fault(call="meta.*", drop=True, slow_seconds=1)
    caught.value.close()
    assert caught.value.code == 422


@pytest.fixture
def valued(twins: Twins) -> str:
    wanted = {"name": "V", "subtype": "CUSTOM", "customer_file_source": "USER_PROVIDED_ONLY", "is_value_based": "true"}
    _, made = call(twins, "POST", "v26.0/act_1/customaudiences", **wanted)
    return str(made["id"])


@pytest.mark.parametrize("value", [-1, "-0.5", "", "much", None, True, "nan", "inf"])
def test_a_value_that_is_no_amount_is_refused(twins: Twins, valued: str, value: object) -> None:
    payload = {"schema": ["EMAIL", "LOOKALIKE_VALUE"], "data": [[HASH, 1], [HASH, value]]}
    assert users(twins, valued, payload)[0] == 400
    assert twins.members(valued) == []


@pytest.mark.parametrize("value", [0, 44.5, "0.9"])
def test_numbers_are_values_as_text_too(twins: Twins, valued: str, value: object) -> None:
    payload = {"schema": ["EMAIL", "LOOKALIKE_VALUE"], "data": [[HASH, value]]}
    assert users(twins, valued, payload)[0] == 200
    assert twins.values(valued) == {(f"email:{HASH}",): float(str(value))}


def test_values_belong_to_value_based_audiences_and_these_want_one_of_everybody(
    twins: Twins, audience: str, valued: str
) -> None:
    payload = {"schema": ["EMAIL", "LOOKALIKE_VALUE"], "data": [[HASH, 1]]}
    for wrong, sent in ((audience, payload), (valued, GOOD), (valued, {**payload, "data": [[HASH]]})):
        assert users(twins, wrong, sent)[0] == 400
    assert users(twins, valued, {**GOOD, "data": [[HASH, ""]]}, method="delete")[0] == 200
    assert users(twins, valued, {"schema": ["LOOKALIKE_VALUE"], "data": [[1]]})[0] == 400


def test_an_audience_says_whether_it_is_value_based(twins: Twins, audience: str, valued: str) -> None:
    told = [call(twins, "GET", f"v26.0/{each}", fields="is_value_based")[1] for each in (audience, valued)]
    assert [one["is_value_based"] for one in told] == [False, True]
