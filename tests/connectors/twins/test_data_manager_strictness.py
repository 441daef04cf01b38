"""What Data Manager refuses, its twin refuses, with Google's details."""

import hashlib
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.ads import datamanager_v1 as dm
from google.ads.datamanager_v1.services.ingestion_service.transports import IngestionServiceGrpcTransport
from google.ads.datamanager_v1.services.user_list_service.transports import UserListServiceGrpcTransport
from google.api_core import exceptions

from passerelle.connectors.twins.handle import Twins

PARENT = "accountTypes/GOOGLE_ADS/accounts/1234567890"
HASH = hashlib.sha256(b"a@example.fr").hexdigest()
GRANTED = {"ad_user_data": 1, "ad_personalization": 1}


@pytest.fixture(scope="module")
def client(running: Twins) -> Iterator[dm.IngestionServiceClient]:
    with grpc.insecure_channel(running.google["data_manager"]) as channel:
        yield dm.IngestionServiceClient(transport=IngestionServiceGrpcTransport(channel=channel))


@pytest.fixture(scope="module")
def listed(running: Twins) -> str:
    with grpc.insecure_channel(running.google["data_manager"]) as channel:
        lists = dm.UserListServiceClient(transport=UserListServiceGrpcTransport(channel=channel))
        wanted = dm.UserList({"display_name": "L", "ingested_user_list_info": {"upload_key_types": [1]}})
        return str(lists.create_user_list(parent=PARENT, user_list=wanted).id)


def member(
    *identifiers: dict[str, Any], consent: dict[str, int] | None = GRANTED, kind: str = "composite"
) -> dict[str, Any]:
    data: dict[str, Any] = {"user_data": {"user_identifiers": list(identifiers)}}
    told = {"composite_data": data} if kind == "composite" else data
    return told | ({"consent": consent} if consent else {})


def ingest(
    client: dm.IngestionServiceClient, listed: str, *members: dict[str, Any], **more: object
) -> dm.IngestAudienceMembersResponse:
    request = {
        "destinations": [
            {"operating_account": {"account_id": "1234567890", "account_type": 1}, "product_destination_id": listed}
        ],
        "audience_members": list(members),
        "encoding": 1,
        "terms_of_service": {"customer_match_terms_of_service_status": 1},
    }
    return client.ingest_audience_members(dm.IngestAudienceMembersRequest(request | more), retry=None, timeout=30)


EMAIL = {"email_address": HASH}
ADDRESS = {"given_name": HASH, "family_name": HASH, "region_code": "FR", "postal_code": "59000"}

WRONG = [
    ([member({"email_address": "a@example.fr"})], {}, "INVALID_HEX_ENCODING"),
    ([member({"email_address": HASH[:-2]})], {}, "INVALID_SHA256_FORMAT"),
    ([member({"phone_number": hashlib.sha256(b"").hexdigest()})], {}, "INVALID_SHA256_FORMAT"),
    ([member({"address": ADDRESS | {"region_code": "fr"}})], {}, "INVALID_REGION_CODE"),
    ([member({"address": ADDRESS | {"postal_code": HASH}})], {}, "INVALID_POSTAL_CODE"),
    ([member({"address": ADDRESS | {"postal_code": ""}})], {}, "REQUIRED_FIELD_MISSING"),
    ([member({"address": ADDRESS | {"given_name": "zoé"}})], {}, "INVALID_HEX_ENCODING"),
    ([member()], {}, "REQUIRED_FIELD_MISSING"),
    ([member(*[EMAIL] * 11)], {}, "TOO_MANY_USER_IDENTIFIERS"),
    ([{"mobile_data": {"mobile_ids": ["x"]}}], {}, "INVALID_AUDIENCE_MEMBER"),
    ([member(EMAIL), member(EMAIL, kind="user")], {}, "MULTIPLE_DATA_TYPES_NOT_ALLOWED"),
    ([member(EMAIL)], {"encoding": 0}, "REQUIRED_FIELD_MISSING"),
    ([member(EMAIL)], {"terms_of_service": {}}, "TERMS_AND_CONDITIONS_NOT_SIGNED"),
    ([member(EMAIL)], {"destinations": []}, "REQUIRED_FIELD_MISSING"),
    ([], {}, "REQUIRED_FIELD_MISSING"),
    ([member(EMAIL)] * 10_001, {}, "TOO_MANY_AUDIENCE_MEMBERS"),
]


@pytest.mark.parametrize(("members", "more", "reason"), WRONG, ids=range(len(WRONG)))
def test_one_wrong_field_refuses_the_whole_request_with_its_path(
    client: dm.IngestionServiceClient,
    listed: str,
    twins: Twins,
    members: list[dict[str, Any]],
    more: dict[str, Any],
    reason: str,
) -> None:
    before = twins.count(listed)
    with pytest.raises(exceptions.BadRequest) as caught:
        ingest(client, listed, *members, **more)
    assert reason in {violation.reason for violation in caught.value.details[1].field_violations}
    assert twins.count(listed) == before


def test_the_path_names_the_row(client: dm.IngestionServiceClient, listed: str) -> None:
    with pytest.raises(exceptions.BadRequest) as caught:
        ingest(client, listed, member(EMAIL), member({"email_address": "x"}))
    (violation,) = caught.value.details[1].field_violations
    assert violation.field.startswith("audience_members.audience_members[1].")


def test_a_list_that_is_not_there_is_refused(client: dm.IngestionServiceClient) -> None:
    with pytest.raises(exceptions.BadRequest) as caught:
        ingest(client, "999", member(EMAIL))
    assert "INVALID_USER_LIST_ID" in {violation.reason for violation in caught.value.details[1].field_violations}


@pytest.mark.parametrize(
    ("consent", "reason"),
    [
        (None, "NO_CONSENT"),
        ({"ad_user_data": 1}, "NO_CONSENT"),
        ({"ad_user_data": 1, "ad_personalization": 2}, "DENIED_CONSENT"),
    ],
)
def test_without_both_consents_a_member_is_dropped_while_processing(
    client: dm.IngestionServiceClient, listed: str, twins: Twins, consent: dict[str, int] | None, reason: str
) -> None:
    before = twins.count(listed)
    request_id = ingest(client, listed, member(EMAIL | {}, consent=consent)).request_id
    status = client.retrieve_request_status(
        dm.RetrieveRequestStatusRequest(request_id=request_id)
    ).request_status_per_destination[0]
    assert status.request_status.name == "FAILED"
    assert status.error_info.error_counts[0].reason.name.endswith(reason)
    assert twins.count(listed) == before


def test_validate_only_checks_and_adds_nobody(client: dm.IngestionServiceClient, listed: str, twins: Twins) -> None:
    before = twins.count(listed)
    assert ingest(client, listed, member(EMAIL), validate_only=True).request_id == ""
    assert twins.count(listed) == before


def test_a_request_that_never_was_has_no_status(client: dm.IngestionServiceClient) -> None:
    with pytest.raises(exceptions.BadRequest):
        client.retrieve_request_status(dm.RetrieveRequestStatusRequest(request_id="never"), retry=None)


def test_a_safe_replace_removes_only_who_was_not_sent_again(
    client: dm.IngestionServiceClient, listed: str, twins: Twins
) -> None:
    other = hashlib.sha256(b"b@example.fr").hexdigest()
    ingest(client, listed, member(EMAIL), member({"email_address": other}))
    twins.clock(advance_seconds=10)
    moment = twins.state()["now"]
    ingest(client, listed, member(EMAIL))
    request = dm.RemoveAllAudienceMembersRequest.pb()()
    request.destinations.add(product_destination_id=listed).operating_account.account_id = "1234567890"
    request.destinations[0].operating_account.account_type = 1
    request.remove_as_of_time.FromMicroseconds(moment)
    client.remove_all_audience_members(dm.RemoveAllAudienceMembersRequest.wrap(request), timeout=30)
    assert twins.members(listed) == [(f"email:{HASH}",)]
