"""Google's errors, by what the caller does next."""

import pytest

from passerelle.connectors.destinations.google_errors import RequestRefused, RowsRefused, Trouble, explain
from passerelle.connectors.errors import OutcomeUnknown, Refused, TryLater
from tests.connectors.destinations.people import people
from tests.connectors.destinations.stage import Stage

REFUSED = [
    ("PERMISSION_DENIED", "TERMS_AND_CONDITIONS_NOT_SIGNED", "terms"),
    ("PERMISSION_DENIED", "NOT_ALLOWLISTED", "may not use"),
    ("PERMISSION_DENIED", "PERMISSION_DENIED", "denies access"),
    ("UNAUTHENTICATED", "", "credentials"),
    ("INVALID_ARGUMENT", "OPERATING_ACCOUNT_LOGIN_ACCOUNT_MISMATCH", "login account"),
    ("INVALID_ARGUMENT", "INVALID_USER_LIST_ID", "does not exist"),
    ("NOT_FOUND", "", "does not exist"),
    ("FAILED_PRECONDITION", "EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED", "political"),
    ("INVALID_ARGUMENT", "MEMBERSHIP_DURATION_TOO_LONG", "540"),
    ("ALREADY_EXISTS", "DISPLAY_NAME_ALREADY_USED", "same name"),
    ("INVALID_ARGUMENT", "SENSITIVE_USER_LIST_IMMUTABLE", "sensitive"),
    ("INVALID_ARGUMENT", "A_WORD_OF_NEXT_YEAR", "A_WORD_OF_NEXT_YEAR"),
]


@pytest.mark.parametrize(("code", "reason", "words"), REFUSED, ids=lambda value: value or "none")
def test_each_reason_is_refused_with_advice(code: str, reason: str, words: str) -> None:
    problem = explain(Trouble(code, reason), changes=True)
    assert type(problem) is Refused
    assert words in problem.message
    assert problem.advice


@pytest.mark.parametrize("code", ["UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "ABORTED", "UNKNOWN", "CANCELLED"])
def test_a_passing_failure_is_of_unknown_outcome_only_where_something_was_to_change(code: str) -> None:
    assert type(explain(Trouble(code), changes=True)) is OutcomeUnknown
    assert type(explain(Trouble(code), changes=False)) is TryLater


@pytest.mark.parametrize(
    ("quota", "said", "seconds"),
    [("PerMinutePerProject", None, 60.0), ("RequestsPerDay", None, 3600.0), ("", 9.0, 9.0)],
)
def test_an_exhausted_quota_waits_as_long_as_it_takes(quota: str, said: float | None, seconds: float) -> None:
    problem = explain(Trouble("RESOURCE_EXHAUSTED", quota=quota, wait_seconds=said), changes=True)
    assert isinstance(problem, TryLater)
    assert problem.wait.seconds == seconds


def test_rows_at_fault_are_read_from_the_field_paths() -> None:
    fields = (
        ("audience_members.audience_members[3].composite_data.user_data.user_identifiers", "INVALID_HEX_ENCODING"),
        ("audience_members[12].consent", "INVALID_ENUM_VALUE"),
    )
    problem = explain(Trouble("INVALID_ARGUMENT", "INVALID_ARGUMENT", fields), changes=True)
    assert isinstance(problem, RowsRefused)
    assert problem.by_row == {3: "INVALID_HEX_ENCODING", 12: "INVALID_ENUM_VALUE"}


def test_a_refusal_of_nothing_in_particular_may_be_one_rows_fault() -> None:
    assert isinstance(explain(Trouble("INVALID_ARGUMENT", "INVALID_ARGUMENT"), changes=True), RequestRefused)


def test_a_reason_that_is_no_word_is_not_repeated() -> None:
    assert "@" not in explain(Trouble("INVALID_ARGUMENT", "BAD a@example.fr"), changes=True).message


def test_a_reason_of_google_ads_is_read_from_its_metadata(on_google: Stage) -> None:
    on_google.add(people(3))
    on_google.twins.fault(
        call="google_ads.search",
        grpc={"code": "PERMISSION_DENIED", "reason": "authorization_error.CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION"},
    )
    state = on_google.destination.state(on_google.remote)
    assert state.status == "open"
    assert "test accounts" in state.problems[0]
