"""Every error of Google's that we know, through the SDKs: told apart, the right exit code, advice one can act on."""

from pathlib import Path

import pytest

from passerelle.connectors.destinations.google_reasons import REASONS
from passerelle.connectors.errors import OutcomeUnknown, Refused, TryLater
from passerelle.connectors.twins.handle import Twins
from passerelle.privacy.errors import PasserelleError
from tests.connectors.destinations.conftest import NUMBERS
from tests.connectors.destinations.people import people
from tests.connectors.destinations.stage import Stage, google, staged

FOR_GOOD, LATER = 7, 75

# Google's status and word -> exit code, and a word of the advice.
TABLE = [
    ("INVALID_ARGUMENT", "TOO_MANY_AUDIENCE_MEMBERS", FOR_GOOD, "defect"),
    ("INVALID_ARGUMENT", "TOO_MANY_USER_IDENTIFIERS", FOR_GOOD, "defect"),
    ("INVALID_ARGUMENT", "TOO_MANY_DESTINATIONS", FOR_GOOD, "defect"),
    ("INVALID_ARGUMENT", "MULTIPLE_DATA_TYPES_NOT_ALLOWED", FOR_GOOD, "defect"),
    ("INVALID_ARGUMENT", "INVALID_USER_LIST_ID", FOR_GOOD, "another name"),
    ("INVALID_ARGUMENT", "INVALID_DESTINATION", FOR_GOOD, "check the account"),
    ("NOT_FOUND", "", FOR_GOOD, "another name"),
    ("INVALID_ARGUMENT", "TERMS_AND_CONDITIONS_NOT_SIGNED", FOR_GOOD, "accept the customer data terms"),
    ("PERMISSION_DENIED", "ADVERTISER_TOS_NOT_ACCEPTED", FOR_GOOD, "accept the customer data terms"),
    ("PERMISSION_DENIED", "NOT_ALLOWLISTED", FOR_GOOD, "Google Ads support"),
    ("PERMISSION_DENIED", "PERMISSION_DENIED", FOR_GOOD, "Admin, Access"),
    ("PERMISSION_DENIED", "", FOR_GOOD, "Admin, Access"),
    ("PERMISSION_DENIED", "SERVICE_DISABLED", FOR_GOOD, "enable Data Manager"),
    ("PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT", FOR_GOOD, "auth/datamanager"),
    ("PERMISSION_DENIED", "CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION", FOR_GOOD, "Explorer or Basic"),
    ("UNAUTHENTICATED", "", FOR_GOOD, "credentials_file"),
    ("UNAUTHENTICATED", "ACCESS_TOKEN_EXPIRED", FOR_GOOD, "credentials_file"),
    ("INVALID_ARGUMENT", "OPERATING_ACCOUNT_LOGIN_ACCOUNT_MISMATCH", FOR_GOOD, "login_account"),
    ("INVALID_ARGUMENT", "MEMBERSHIP_DURATION_TOO_LONG", FOR_GOOD, "retention_days"),
    ("ALREADY_EXISTS", "DISPLAY_NAME_ALREADY_USED", FOR_GOOD, "display_name"),
    ("INVALID_ARGUMENT", "INVALID_DISPLAY_NAME", FOR_GOOD, "display_name"),
    ("FAILED_PRECONDITION", "SENSITIVE_USER_LIST_IMMUTABLE", FOR_GOOD, "Audience manager"),
    ("FAILED_PRECONDITION", "EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED", FOR_GOOD, "declare"),
    ("PERMISSION_DENIED", "OWNERSHIP_REQUIRED_FOR_UPDATE", FOR_GOOD, "owns the list"),
    ("INVALID_ARGUMENT", "A_WORD_OF_NEXT_YEAR", FOR_GOOD, "error reference"),
    ("UNAVAILABLE", "", LATER, "harmless"),
    ("DEADLINE_EXCEEDED", "", LATER, "harmless"),
    ("INTERNAL", "INTERNAL_ERROR", LATER, "harmless"),
    ("RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED", LATER, "next run"),
]
NAMES = [f"{code}-{word}" for code, word, _, _ in TABLE]


def refused(stage: Stage) -> PasserelleError:
    with pytest.raises(PasserelleError) as caught:
        stage.add(people(2))
    return caught.value


@pytest.mark.parametrize(("code", "word", "exit_code", "advice"), TABLE, ids=NAMES)
def test_each_error_ends_with_its_exit_code_and_advice(
    list_: Stage, code: str, word: str, exit_code: int, advice: str
) -> None:
    list_.twins.fault(call="data_manager.ingest", times=0, grpc={"code": code, "reason": word})
    problem = refused(list_)
    assert problem.exit_code == exit_code
    assert problem.retryable is (exit_code == LATER)
    assert advice in problem.advice
    assert exit_code == LATER or word in problem.message or code in problem.message
    assert list_.count() == 0


@pytest.mark.parametrize(("code", "word", "exit_code", "advice"), TABLE, ids=NAMES)
def test_doctor_says_the_same_of_each(list_: Stage, code: str, word: str, exit_code: int, advice: str) -> None:
    del advice
    list_.twins.fault(call="data_manager.lists.create", times=0, grpc={"code": code, "reason": word})
    access = list_.destination.check()[-1]
    assert access.state == ("failed" if exit_code == FOR_GOOD else "warning")
    assert access.advice


def test_doctor_asks_google_to_validate_an_upload_and_changes_nothing(list_: Stage) -> None:
    before = list_.twins.state()
    list_.destination.check()
    after = list_.twins.state()
    assert after["audiences"] == before["audiences"]
    for call in ("data_manager.lists.create", "data_manager.ingest"):
        assert after["calls"][call] == before["calls"].get(call, 0) + 1
    list_.twins.fault(
        call="data_manager.ingest",
        grpc={"code": "FAILED_PRECONDITION", "reason": "EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED"},
    )
    assert "declare" in list_.destination.check()[-1].advice


ADS = [
    ("not_allowlisted_error.CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE", Refused, "route: data_manager"),
    ("authorization_error.CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION", Refused, "Explorer or Basic"),
    ("authorization_error.USER_PERMISSION_DENIED", Refused, "Admin, Access"),
    ("authorization_error.CUSTOMER_NOT_ENABLED", Refused, "Activate"),
    ("authentication_error.OAUTH_TOKEN_EXPIRED", Refused, "credentials_file"),
    ("authentication_error.OAUTH_TOKEN_REVOKED", Refused, "credentials_file"),
    ("authentication_error.NOT_ADS_USER", Refused, "Admin, Access"),
    ("offline_user_data_job_error.INVALID_USER_LIST_ID", Refused, "another name"),
    ("offline_user_data_job_error.CUSTOMER_NOT_ACCEPTED_CUSTOMER_DATA_TERMS", Refused, "accept the customer data"),
    ("offline_user_data_job_error.CONFLICTING_OPERATION", Refused, "defect"),
    ("request_error.UNSUPPORTED_VERSION", Refused, "Update"),
    ("database_error.CONCURRENT_MODIFICATION", TryLater, ""),
    ("quota_error.RESOURCE_EXHAUSTED", TryLater, "next run"),
]


@pytest.mark.parametrize(("reason", "kind", "advice"), ADS, ids=[reason for reason, _, _ in ADS])
def test_each_error_of_google_ads_is_told_apart_too(
    twins: Twins, tmp_path: Path, reason: str, kind: type[PasserelleError], advice: str
) -> None:
    stage = staged(google(twins, tmp_path, [], route="offline_user_data_job"), twins, [], f"audience_{next(NUMBERS)}")
    code = "RESOURCE_EXHAUSTED" if reason.startswith("quota") else "INVALID_ARGUMENT"
    twins.fault(call="google_ads.jobs.add", times=0, grpc={"code": code, "reason": reason})
    problem = refused(stage)
    assert type(problem) is not OutcomeUnknown
    assert isinstance(problem, kind)
    assert advice in problem.advice
    assert problem.exit_code == (FOR_GOOD if kind is Refused else LATER)


@pytest.mark.parametrize("word", sorted(REASONS))
def test_every_word_has_a_sentence_and_advice(word: str) -> None:
    message, advice = REASONS[word]
    assert message.endswith(".")
    assert advice.endswith(".")
