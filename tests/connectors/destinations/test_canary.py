"""No failing push shows a hash, an address or the token: not in its error, not in any log, not on standard output."""

import logging
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from passerelle.connectors.twins.handle import Twins
from passerelle.privacy.errors import PasserelleError
from tests.connectors.destinations.conftest import NUMBERS
from tests.connectors.destinations.people import Person, person, sha
from tests.connectors.destinations.stage import TOKEN, Stage, google, staged

EMAIL, PHONE = "canary-7f3a@example.fr", "+33612345678"
CANARY: Person = {**person(7), "email": [EMAIL], "phone": [PHONE], "external_id": ["CANARY99"]}
NEEDLES = [EMAIL, PHONE, "33612345678", "CANARY99", TOKEN, sha(EMAIL), sha(PHONE), sha("33612345678"), sha("zoé")]
LOGGERS = [
    "", "urllib3", "urllib3.connectionpool", "requests", "facebook_business", "google", "google.ads.datamanager_v1",
    "google.ads.datamanager_v1.services.ingestion_service.client",
    "google.ads.datamanager_v1.services.ingestion_service.transports.grpc",
    "google.ads.datamanager_v1.services.ingestion_service.transports.rest",
    "google.ads.datamanager_v1.services.user_list_service.transports.grpc", "google.ads.googleads.client", "grpc",
    "google.ads.googleads.v26.services.services.offline_user_data_job_service.transports.grpc",
    "google.ads.googleads.v26.services.services.offline_user_data_job_service.client",
]  # fmt: skip

META = [
    {"http": {"status": 502, "body": "<html>x</html>"}},
    {"http": {"status": 200, "body": "nonsense"}},
    {"http": {"status": 500, "body": '{"error": "a string"}'}},
    {"http": {"status": 400, "body": '{"error": {"code": 100, "error_data": "not json"}}'}},
    {"graph": {"code": 190, "subcode": 463, "message": f"Error validating access token {TOKEN} of {EMAIL}"}},
    {"graph": {"code": 100, "message": f"Invalid {sha(EMAIL)}"}},
    {"graph": {"code": 80003, "minutes": 5}},
    {"drop": True},
    {"drop": True, "applied": True},
]
GOOGLE = [
    {"grpc": {"code": "INTERNAL", "message": f"lost {sha(EMAIL)}"}},
    {"grpc": {"code": "PERMISSION_DENIED", "reason": "PERMISSION_DENIED", "message": EMAIL}},
    {"grpc": {"code": "INVALID_ARGUMENT", "reason": f"BAD {EMAIL}", "field": "destinations[0]", "message": sha(EMAIL)}},
    {"grpc": {"code": "RESOURCE_EXHAUSTED", "message": sha(EMAIL)}},
    {"drop": True, "applied": True},
]


def shown(error: BaseException) -> str:
    """Everything that could be printed of an error, its causes and contexts included."""
    parts = ["".join(traceback.format_exception(error))]
    seen: BaseException | None = error
    while seen is not None:
        parts += [str(seen), repr(seen), repr(seen.args), repr(vars(seen))]
        seen = seen.__context__ or seen.__cause__
    return "\n".join(parts)


def leaks(text: str) -> list[str]:
    return [needle for needle in NEEDLES if needle in text]


def quiet(
    stage: Stage, act: Callable[[], object], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in LOGGERS:
        caplog.set_level(logging.DEBUG, logger=name or None)
    with pytest.raises(PasserelleError) as caught:
        act()
    printed = capfd.readouterr()
    logged = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert leaks(shown(caught.value)) == []
    assert leaks(caught.value.advice) == []
    assert leaks(logged) == []
    assert leaks(printed.out + printed.err) == []
    assert stage.pushes > 0


@pytest.mark.parametrize("fault", META, ids=range(len(META)))
def test_a_failing_push_to_meta_shows_nothing(
    on_meta: Stage, fault: dict[str, object], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    on_meta.twins.fault(call="meta.users.*", times=0, **fault)
    quiet(on_meta, lambda: on_meta.add([CANARY]), caplog, capfd)
    quiet(on_meta, lambda: on_meta.remove([CANARY]), caplog, capfd)


@pytest.mark.parametrize("fault", GOOGLE, ids=range(len(GOOGLE)))
def test_a_failing_push_to_google_shows_nothing(
    on_google: Stage, fault: dict[str, object], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    for call in ("data_manager.ingest", "data_manager.remove"):
        on_google.twins.fault(call=call, times=0, **fault)
    quiet(on_google, lambda: on_google.add([CANARY]), caplog, capfd)
    quiet(on_google, lambda: on_google.remove([CANARY]), caplog, capfd)


WAYS: list[dict[str, object]] = [{"transport": "rest"}, {"route": "offline_user_data_job"}]


@pytest.mark.parametrize("way", WAYS, ids=["rest", "jobs"])
@pytest.mark.parametrize("fault", GOOGLE, ids=range(len(GOOGLE)))
def test_neither_does_another_way_to_google(
    twins: Twins,
    tmp_path: Path,
    way: dict[str, object],
    fault: dict[str, object],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    endpoints = twins.google_rest if "transport" in way else twins.google
    stage = staged(google(twins, tmp_path, [], endpoints=endpoints, **way), twins, [], f"audience_{next(NUMBERS)}")
    if isinstance(told := fault.get("grpc"), dict) and "route" in way:
        fault = {"grpc": {**told, "reason": "", "field": ""}}
    for call in ("data_manager.ingest", "data_manager.remove", "google_ads.jobs.add"):
        twins.fault(call=call, times=0, **fault)
    quiet(stage, lambda: stage.add([CANARY]), caplog, capfd)
    quiet(stage, lambda: stage.remove([CANARY]), caplog, capfd)


def test_a_push_that_works_shows_nothing_either(
    stage: Stage, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in LOGGERS:
        caplog.set_level(logging.DEBUG, logger=name or None)
    receipt = stage.settle(stage.add([CANARY]))
    logged = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    printed = capfd.readouterr()
    assert leaks(logged + printed.out + printed.err + repr(receipt.request) + repr(stage.keys_of([CANARY]))) == []
