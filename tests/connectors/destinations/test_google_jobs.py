"""The second route to Google, by jobs of the Ads API, through the real SDK, at the twin."""

from pathlib import Path

import pytest
from google.ads.googleads.v26.resources.types.offline_user_data_job import OfflineUserDataJob
from google.ads.googleads.v26.services.services import offline_user_data_job_service as service
from google.ads.googleads.v26.services.services.offline_user_data_job_service.transports import grpc as transports
from google.ads.googleads.v26.services.types import offline_user_data_job_service as messages
from google.api_core import exceptions
from grpc import insecure_channel
from pydantic import ValidationError

from passerelle.connectors.contract.destination import Intent, RemoteAudience, Replaces
from passerelle.connectors.destinations.google_jobs import external_id
from passerelle.connectors.errors import Forgotten, OutcomeUnknown, Refused, TryLater
from passerelle.connectors.twins.handle import Twins
from passerelle.privacy.vocabulary import Action
from tests.connectors.destinations.conftest import NUMBERS
from tests.connectors.destinations.people import cleared, people, person
from tests.connectors.destinations.stage import Stage, google, staged
from tests.connectors.destinations.test_google_cases import named, spoilt

ROUTE = "offline_user_data_job"
BUSY = {"code": "ABORTED", "reason": "database_error.CONCURRENT_MODIFICATION"}


@pytest.fixture
def by_job(twins: Twins, tmp_path: Path) -> Stage:
    slept: list[float] = []
    made = google(twins, tmp_path, slept, route=ROUTE)
    return staged(made, twins, slept, f"audience_{next(NUMBERS)}")


def asked(stage: Stage, call: str) -> int:
    return stage.twins.calls().get(f"google_ads.jobs.{call}", 0)


def test_people_go_in_by_one_job_and_out_by_another(by_job: Stage) -> None:
    receipt = by_job.settle(by_job.add(people(5)))
    assert (receipt.state, receipt.accepted, receipt.rejected_count, receipt.pending) == ("settled", 5, 0, 0)
    assert by_job.settle(by_job.remove(people(2))).accepted == 2
    assert by_job.count() == 3


def test_a_job_that_runs_is_pending_until_google_says_otherwise(by_job: Stage) -> None:
    by_job.twins.clock(polls=2)
    receipt = by_job.add(people(3))
    assert (receipt.state, receipt.accepted, receipt.pending, by_job.count()) == ("pending", 0, 3, 0)
    assert by_job.settle(receipt).state == "pending"
    assert (by_job.settle(receipt).accepted, by_job.count()) == (3, 3)


def test_bad_rows_are_read_from_the_partial_failure_and_the_rest_goes_in(by_job: Stage) -> None:
    receipt = by_job.add_keys(spoilt(by_job.keys_of(people(200)), [3, 150]))
    assert named(receipt.rejected) == {4: "INVALID_SHA256_FORMAT", 151: "INVALID_SHA256_FORMAT"}
    settled = by_job.settle(receipt)
    assert (settled.accepted, settled.rejected_count, by_job.count()) == (198, 2, 198)


def test_a_call_holds_no_more_identifiers_than_google_recommends(by_job: Stage) -> None:
    before = asked(by_job, "add")
    by_job.add(people(10_000))
    assert asked(by_job, "add") - before == 4  # of 3,333 people with three identifiers each, and the last
    assert by_job.count() == 10_000


def test_bad_rows_keep_their_place_in_later_calls(by_job: Stage) -> None:
    receipt = by_job.add_keys(spoilt(by_job.keys_of(people(5_000)), [4_999]))
    assert named(receipt.rejected) == {5_000: "INVALID_SHA256_FORMAT"}


@pytest.mark.parametrize("call", ["create", "add", "run"])
@pytest.mark.parametrize("applied", [False, True])
def test_a_connection_lost_at_any_step_makes_no_second_job_run(by_job: Stage, call: str, *, applied: bool) -> None:
    by_job.twins.fault(call=f"google_ads.jobs.{call}", drop=True, applied=applied)
    assert by_job.settle(by_job.add(people(3))).accepted == 3
    assert by_job.count() == 3


def test_a_job_left_pending_by_a_crash_is_found_again_by_its_intent_and_run(by_job: Stage) -> None:
    by_job.twins.fault(call="google_ads.jobs.run", times=0, grpc={"code": "UNAVAILABLE"})
    keys, batch = by_job.keys_of(people(3)), cleared(people(3), by_job.destination.platform)
    with pytest.raises(OutcomeUnknown):
        by_job.destination.add(by_job.remote, batch, keys, Intent("cut", 1))
    by_job.twins.clear_faults()
    before = asked(by_job, "run")
    receipt = by_job.destination.add(by_job.remote, batch, keys, Intent("cut", 1))
    again = by_job.destination.add(by_job.remote, batch, keys, Intent("cut", 1))
    assert asked(by_job, "run") - before == 1
    assert receipt.request == again.request
    assert by_job.settle(receipt).accepted == 3


def test_a_job_of_another_try_is_left_and_told(by_job: Stage) -> None:
    by_job.twins.fault(call="google_ads.jobs.run", times=0, grpc={"code": "UNAVAILABLE"})
    with pytest.raises(OutcomeUnknown):
        by_job.add(people(3))
    by_job.twins.clear_faults()
    by_job.settle(by_job.add(people(2)))
    assert by_job.count() == 2
    assert any("never run" in problem for problem in by_job.destination.state(by_job.remote).problems)


def test_a_number_is_of_one_try_of_one_batch_and_one_kind() -> None:
    lists = [RemoteAudience(name, ()) for name in "12"]
    intents = [Intent(batch, attempt) for batch in ("b1", "b2") for attempt in (1, 2)]
    made = [(one, action, intent) for one in lists for action in (Action.ADD, Action.REMOVE) for intent in intents]
    numbers = {external_id(*each) for each in made}
    assert len(numbers) == len(made)
    assert all(0 < number < 2**63 for number in numbers)


def test_a_list_that_another_job_changes_is_waited_for(by_job: Stage) -> None:
    by_job.twins.fault(call="google_ads.jobs.run", times=2, grpc=BUSY)
    assert by_job.settle(by_job.add(people(2))).accepted == 2
    assert by_job.slept == [20.0, 20.0]


def test_a_list_that_stays_busy_is_for_the_next_run(by_job: Stage) -> None:
    by_job.twins.clock(hold=True)
    by_job.add(people(2))
    with pytest.raises(TryLater, match="another job") as caught:
        by_job.add(people(2, start=2))
    assert not isinstance(caught.value, OutcomeUnknown)
    assert caught.value.wait.seconds == 600
    by_job.twins.clock(release=True)
    assert by_job.count() == 2


def test_a_job_that_failed_adds_nobody_and_says_so(by_job: Stage) -> None:
    by_job.twins.fault(call="google_ads.jobs.run", partial={"rows": []})
    receipt = by_job.settle(by_job.add(people(2)))
    assert (receipt.accepted, receipt.rejected_count, by_job.count()) == (0, 2, 0)


def test_a_job_that_google_does_not_know_is_forgotten(by_job: Stage) -> None:
    receipt = by_job.add(people(1))
    lost = type(receipt)("pending", 0, 0, 1, {**receipt.request, "job": "customers/1234567890/offlineUserDataJobs/0"})
    with pytest.raises(Forgotten):
        by_job.settle(lost)


def test_a_project_that_may_not_is_told_to_take_the_other_route_and_asked_once(by_job: Stage) -> None:
    reason = "not_allowlisted_error.CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE"
    by_job.twins.fault(call="google_ads.jobs.create", times=0, grpc={"code": "PERMISSION_DENIED", "reason": reason})
    before = asked(by_job, "create")
    with pytest.raises(Refused) as caught:
        by_job.add(people(1))
    assert "route: data_manager" in caught.value.advice
    assert (caught.value.exit_code, asked(by_job, "create") - before, by_job.slept) == (7, 1, [])
    assert [check.state for check in by_job.destination.check()][-1] == "failed"


def test_terms_that_every_row_is_refused_for_blame_no_row(by_job: Stage) -> None:
    reason = "CUSTOMER_NOT_ACCEPTED_CUSTOMER_DATA_TERMS"
    by_job.twins.fault(call="google_ads.jobs.add", partial={"rows": [0, 1], "reason": reason})
    with pytest.raises(Refused, match="terms"):
        by_job.add(people(2))


def test_who_came_by_one_route_leaves_by_the_other(twins: Twins, tmp_path: Path) -> None:
    other = staged(google(twins, tmp_path, []), twins, [], f"audience_{next(NUMBERS)}")
    other.add(
        [person(1), {"email": ["a@example.fr"]}, {k: v for k, v in person(2).items() if k not in ("email", "phone")}]
    )
    jobs = Stage(google(twins, tmp_path, [], route=ROUTE), twins, other.remote, [])
    receipt = jobs.remove(
        [person(1), {"email": ["a@example.fr"]}, {k: v for k, v in person(2).items() if k not in ("email", "phone")}]
    )
    assert other.settle(receipt).accepted == 3
    assert jobs.count() == 0


def test_a_list_made_by_either_route_is_found_by_the_other(by_job: Stage, twins: Twins, tmp_path: Path) -> None:
    from passerelle.connectors.contract.destination import AudienceSpec

    name = twins.state()["audiences"][-1]["name"]
    spec = AudienceSpec(name.removeprefix("Test "), name, "For tests.")
    assert google(twins, tmp_path, []).ensure(spec, None).remote_id == by_job.remote.remote_id
    assert by_job.destination.ensure(spec, None) == by_job.remote
    assert by_job.destination.ensure(spec, by_job.remote) == by_job.remote


def test_doctor_is_content_and_the_list_is_never_replaced(by_job: Stage) -> None:
    assert {check.state for check in by_job.destination.check()} == {"ok"}
    assert by_job.destination.capabilities.replaces is Replaces.NEVER


def test_jobs_know_no_rest() -> None:
    from passerelle.connectors.destinations.google_settings import GoogleAdsSettings

    told = {"kind": "google_ads", "account": "1234567890", "route": ROUTE, "transport": "rest"}
    with pytest.raises(ValidationError, match="no REST"):
        GoogleAdsSettings.model_validate(
            {**told, "endpoints": {"data_manager": "127.0.0.1:1", "google_ads": "127.0.0.1:2"}}
        )


HASH = "a" * 64
EMAIL = {"user_identifiers": [{"hashed_email": HASH}]}
STRICT = [
    ([{"create": EMAIL}, {"remove": EMAIL}], "CONFLICTING_OPERATION"),
    ([{"create": EMAIL}, {"remove_all": True}], "INVALID_OPERATION_ORDER"),
    ([{"create": {"user_identifiers": [{"hashed_email": HASH}] * 21}}], "TOO_MANY_USER_IDENTIFIERS"),
    ([{"create": {"user_identifiers": [{"hashed_email": "A" * 64}]}}], "INVALID_SHA256_FORMAT"),
    ([{"create": {"user_identifiers": []}}], "MISSING_USER_IDENTIFIER"),
    ([{"create": {"user_identifiers": [{"mobile_id": "x"}]}}], "INCOMPATIBLE_UPLOAD_KEY_TYPE"),
    ([{"create": EMAIL | {"consent": {"ad_user_data": 2}}}], "OPERATION_LEVEL_CONSENT_PROVIDED"),
]


@pytest.mark.parametrize(("operations", "word"), STRICT, ids=[word for _, word in STRICT])
def test_the_twin_refuses_what_google_refuses(by_job: Stage, operations: list[object], word: str) -> None:
    kind = transports.OfflineUserDataJobServiceGrpcTransport
    with insecure_channel(by_job.twins.google["google_ads"]) as channel:
        client = service.OfflineUserDataJobServiceClient(transport=kind(channel=channel))
        user_list = f"customers/1234567890/userLists/{by_job.remote.remote_id}"
        job = OfflineUserDataJob({"type_": 4, "customer_match_user_list_metadata": {"user_list": user_list}})
        made = client.create_offline_user_data_job(customer_id="1234567890", job=job)
        request = messages.AddOfflineUserDataJobOperationsRequest(
            resource_name=made.resource_name, operations=operations
        )
        with pytest.raises(exceptions.GoogleAPICallError) as caught:
            client.add_offline_user_data_job_operations(request)
    from passerelle.connectors.destinations.google_ads_wire import _ads_trouble

    assert _ads_trouble(caught.value).reason == word
