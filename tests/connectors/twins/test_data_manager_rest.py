"""Data Manager's twin over REST, asked with plain HTTP: the same strictness, in JSON."""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from passerelle.connectors.twins.handle import Twins

PARENT = "/v1/accountTypes/GOOGLE_ADS/accounts/1234567890"
DIGEST = hashlib.sha256(b"a@example.fr").digest()
EMAIL = {"emailAddress": DIGEST.hex()}
GRANTED = {"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_GRANTED"}
NUMBERS = {"adUserData": 1, "adPersonalization": 1}


@pytest.fixture(scope="module")
def google(running: Twins) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{running.google_rest['data_manager']}", trust_env=False) as client:
        yield client


def made(google: httpx.Client, name: str) -> str:
    wanted = {"displayName": name, "ingestedUserListInfo": {"uploadKeyTypes": ["CONTACT_ID"]}}
    answer = google.post(f"{PARENT}/userLists", json=wanted)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


@pytest.fixture(scope="module")
def listed(google: httpx.Client) -> str:
    return made(google, "By REST")


def body(listed: str, *identifiers: object, consent: object = GRANTED, **more: object) -> dict[str, Any]:
    account = {"accountType": "GOOGLE_ADS", "accountId": "1234567890"}
    member = {"compositeData": {"userData": {"userIdentifiers": list(identifiers)}}, "consent": consent}
    return {
        "destinations": [{"operatingAccount": account, "productDestinationId": listed}],
        "audienceMembers": [member],
        "encoding": "HEX",
        "termsOfService": {"customerMatchTermsOfServiceStatus": "ACCEPTED"},
        **more,
    }


def ingest(google: httpx.Client, document: object) -> httpx.Response:
    return google.post("/v1/audienceMembers:ingest", json=document)


@pytest.mark.parametrize("consent", [GRANTED, NUMBERS], ids=["names", "numbers"])
@pytest.mark.parametrize("encoding", ["HEX", 1])
def test_enums_are_read_as_names_and_as_numbers(
    google: httpx.Client, listed: str, twins: Twins, consent: object, encoding: object
) -> None:
    answer = ingest(google, body(listed, EMAIL, consent=consent, encoding=encoding))
    assert answer.status_code == 200
    status = google.get("/v1/requestStatus:retrieve", params={"requestId": answer.json()["requestId"]}).json()
    assert status["requestStatusPerDestination"][0]["requestStatus"] == "SUCCESS"
    assert (f"email:{DIGEST.hex()}",) in twins.members(listed)


def test_numbers_are_answered_to_who_asks_for_them(google: httpx.Client, listed: str) -> None:
    identity = ingest(google, body(listed, EMAIL)).json()["requestId"]
    params = {"requestId": identity, "$alt": "json;enum-encoding=int"}
    status = google.get("/v1/requestStatus:retrieve", params=params).json()
    assert status["requestStatusPerDestination"][0]["requestStatus"] == 1


def test_base64_names_the_same_person_as_hex(google: httpx.Client, twins: Twins) -> None:
    listed = made(google, "Encoded")
    ingest(google, body(listed, EMAIL))
    encoded = base64.b64encode(DIGEST).decode()
    assert ingest(google, body(listed, {"emailAddress": encoded}, encoding="BASE64")).status_code == 200
    assert twins.count(listed) == 1
    shouted = ingest(google, body(listed, {"emailAddress": encoded.swapcase()}, encoding="BASE64"))
    assert shouted.status_code == 200  # another digest, though: base64 minds its case
    assert twins.count(listed) == 2


BAD: list[tuple[dict[str, Any], str]] = [
    ({"emailAddress": "a@example.fr"}, "INVALID_HEX_ENCODING"),
    ({"emailAddress": DIGEST.hex()[:-2]}, "INVALID_SHA256_FORMAT"),
    ({"addressInfo": {}}, "INVALID_ARGUMENT"),
    ({"emailAddress": 5}, "INVALID_ARGUMENT"),
    ({"address": {"givenName": DIGEST.hex()}}, "REQUIRED_FIELD_MISSING"),
]


@pytest.mark.parametrize(("identifier", "reason"), BAD, ids=[str(number) for number in range(len(BAD))])
def test_a_wrong_field_refuses_the_whole_request(
    google: httpx.Client, listed: str, identifier: dict[str, Any], reason: str
) -> None:
    answer = ingest(google, body(listed, EMAIL, identifier))
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["status"] == "INVALID_ARGUMENT"
    violations = [one for detail in error["details"] for one in detail.get("fieldViolations", ())]
    assert reason in {one["reason"] for one in violations}


@pytest.mark.parametrize(
    "more",
    [{"surprise": 1}, {"encoding": "HEXX"}, {"encoding": "BASE64"}, {"termsOfService": {}}, {"destinations": []}],
    ids=str,
)
def test_what_is_not_of_the_request_or_missing_is_refused(google: httpx.Client, listed: str, more: Any) -> None:  # noqa: ANN401 - JSON
    assert ingest(google, body(listed, EMAIL) | more).status_code == 400


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b"null"])
def test_what_is_no_json_object_is_refused(google: httpx.Client, content: bytes) -> None:
    assert google.post("/v1/audienceMembers:ingest", content=content).status_code == 400


def test_an_unknown_parameter_and_an_unknown_path_are_refused(google: httpx.Client) -> None:
    assert google.get(f"{PARENT}/userLists", params={"pageSizes": "5"}).status_code == 400
    assert google.get("/v1/userLists").status_code == 404
    assert google.get("/v1/requestStatus:retrieve", params={"requestId": "never"}).status_code == 400


def test_lists_are_made_read_changed_and_deleted(google: httpx.Client, twins: Twins) -> None:
    path = f"{PARENT}/userLists/{made(google, 'Short life')}"
    assert google.post(f"{PARENT}/userLists", json={"displayName": "Short life"}).status_code == 400
    changed = google.patch(path, params={"updateMask": "displayName"}, json={"displayName": "Longer life"})
    assert changed.json()["displayName"] == google.get(path).json()["displayName"] == "Longer life"
    assert google.patch(path, params={"updateMask": "sizeInfo"}, json={}).status_code == 400
    made(google, "Another")
    page = google.get(f"{PARENT}/userLists", params={"pageSize": "1"}).json()
    assert len(page["userLists"]) == 1
    assert page["nextPageToken"]
    assert google.delete(path, params={"validateOnly": "true"}).status_code == 200
    assert "Longer life" in twins.audiences()
    assert google.delete(path).json() == {}
    assert google.get(path).status_code == 404


def test_removal_and_the_removal_of_everybody_work_as_over_grpc(google: httpx.Client, twins: Twins) -> None:
    identity = made(google, "Emptied")
    ingest(google, body(identity, EMAIL))
    only = {key: value for key, value in body(identity, EMAIL).items() if key != "termsOfService"}
    only["audienceMembers"] = [{"compositeData": only["audienceMembers"][0]["compositeData"]}]
    assert google.post("/v1/audienceMembers:remove", json=only).status_code == 200
    assert twins.count(identity) == 0
    ingest(google, body(identity, EMAIL))
    twins.clock(advance_seconds=5)
    assert google.post("/v1/audienceMembers:removeAll", json={"destinations": only["destinations"]}).status_code == 200
    assert twins.count(identity) == 0


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"grpc": {"code": "RESOURCE_EXHAUSTED"}}, 429),
        ({"grpc": {"code": "PERMISSION_DENIED", "reason": "TERMS_AND_CONDITIONS_NOT_SIGNED"}}, 403),
        ({"grpc": {"code": "UNAVAILABLE"}}, 503),
        ({"http": {"status": 502, "body": "<html>"}}, 502),
    ],
    ids=str,
)
def test_scripted_faults_work_over_rest(
    google: httpx.Client, listed: str, twins: Twins, fault: dict[str, object], status: int
) -> None:
    twins.fault(call="data_manager.ingest", **fault)
    assert ingest(google, body(listed, EMAIL)).status_code == status
    assert ingest(google, body(listed, EMAIL)).status_code == 200


@pytest.mark.parametrize("applied", [False, True])
def test_a_connection_can_be_dropped_before_and_after(google: httpx.Client, twins: Twins, *, applied: bool) -> None:
    identity = made(google, f"Dropped {applied}")
    twins.fault(call="data_manager.ingest", drop=True, applied=applied)
    with pytest.raises(httpx.TransportError):
        ingest(google, body(identity, EMAIL))
    assert twins.count(identity) == int(applied)
