"""Audiences at the platforms: made once, found again, told apart from other people's."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from passerelle.connectors.contract.destination import AudienceSpec, RemoteAudience
from passerelle.connectors.destinations.api_version import ApiVersion, check_sunset
from passerelle.connectors.destinations.google_ads import GoogleAds
from passerelle.connectors.destinations.meta import Meta
from passerelle.connectors.errors import OutcomeUnknown, Refused
from passerelle.connectors.twins.handle import Twins
from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.secret_file import read_secret
from tests.connectors.destinations.people import people
from tests.connectors.destinations.stage import Stage, google, meta


def test_an_audience_is_made_once_and_found_again(stage: Stage) -> None:
    name = stage.twins.state()["audiences"][-1]["name"]
    spec = AudienceSpec(name.removeprefix("Test "), name, "For tests.")
    assert stage.destination.ensure(spec, None) == stage.remote
    assert stage.destination.ensure(spec, stage.remote) == stage.remote
    assert [one["name"] for one in stage.twins.state()["audiences"]].count(name) == 1


def test_a_crash_between_creating_and_recording_makes_no_second_audience(twins: Twins, tmp_path: Path) -> None:
    destination, spec = meta(twins, tmp_path, []), AudienceSpec("crashed", "Crashed once")
    twins.fault(call="meta.audiences.create", applied=True, drop=True)
    with pytest.raises(OutcomeUnknown):
        destination.ensure(spec, None)
    remote = destination.ensure(spec, None)
    names = [one["id"] for one in twins.state()["audiences"] if one["name"] == "Crashed once"]
    assert names == [remote.remote_id]


def test_an_audience_that_is_gone_is_refused_with_advice(stage: Stage) -> None:
    with pytest.raises(Refused) as caught:
        stage.destination.ensure(AudienceSpec("x", "x"), RemoteAudience("23840000009999999", stage.remote.columns))
    assert "another name" in caught.value.advice


def test_a_list_of_somebody_else_with_our_name_is_never_filled(twins: Twins, tmp_path: Path) -> None:
    destination = google(twins, tmp_path, [])
    destination.ensure(AudienceSpec("first", "Same name"), None)
    with pytest.raises(Refused, match="not made by Passerelle"):
        destination.ensure(AudienceSpec("second", "Same name"), None)


def test_more_audiences_than_a_page_are_all_looked_through(twins: Twins, tmp_path: Path) -> None:
    destination = meta(twins, tmp_path, [], ad_account="act_77")
    made = [destination.ensure(AudienceSpec(f"many_{number}", f"Many {number}"), None) for number in range(3)]
    destination._wire.change(("act_77", "customaudiences"), _foreign())
    assert destination.ensure(AudienceSpec("many_2", "Renamed since"), None) == made[2]


def _foreign() -> dict[str, str]:
    return {"name": "By hand", "subtype": "CUSTOM", "customer_file_source": "USER_PROVIDED_ONLY"}


def test_state_says_size_and_what_is_wrong(stage: Stage) -> None:
    assert stage.destination.state(stage.remote).problems
    stage.add(people(120))
    state = stage.destination.state(stage.remote)
    assert state.size_low is not None
    assert state.size_high is not None
    assert state.size_low <= 120 <= state.size_high
    assert state.problems == ()


def test_doctor_is_content_with_a_working_setup(stage: Stage) -> None:
    assert {check.state for check in stage.destination.check()} == {"ok"}
    assert stage.count() == 0


def test_doctor_changes_nothing(stage: Stage) -> None:
    before = stage.twins.state()["audiences"]
    stage.destination.check()
    assert stage.twins.state()["audiences"] == before


def test_doctor_names_an_expired_token_and_what_to_do(on_meta: Stage) -> None:
    on_meta.twins.fault(call="meta.account.get", graph={"code": 190, "subcode": 463})
    failed = [check for check in on_meta.destination.check() if check.state == "failed"]
    assert [check.name for check in failed] == ["Meta token"]
    assert "System User" in failed[0].advice


def test_doctor_names_terms_that_google_misses(on_google: Stage) -> None:
    on_google.twins.fault(
        call="data_manager.ingest", grpc={"code": "INVALID_ARGUMENT", "reason": "TERMS_AND_CONDITIONS_NOT_SIGNED"}
    )
    assert [check.name for check in on_google.destination.check() if check.state == "failed"] == ["Google access"]


@pytest.mark.parametrize(("days", "state"), [(200, "ok"), (91, "ok"), (90, "warning"), (0, "warning"), (-1, "failed")])
def test_a_versions_end_is_warned_of_90_days_before(days: int, state: str) -> None:
    today = date(2026, 11, 20)
    version = ApiVersion("v1", today, today + timedelta(days=days), "https://example.invalid")
    assert check_sunset("API", version, today).state == state


def test_the_pinned_versions_are_checked_by_doctor(twins: Twins, tmp_path: Path) -> None:
    old = Meta("meta", meta(twins, tmp_path, [])._settings, folder=tmp_path, today=lambda: date(2027, 8, 1))
    assert old.check()[0].state == "failed"
    ads = GoogleAds("google", google(twins, tmp_path, [])._settings, folder=tmp_path, today=lambda: date(2027, 9, 1))
    assert ads.check()[0].state == "warning"


@pytest.mark.parametrize(("mode", "content"), [(0o644, "x"), (0o640, "x"), (0o600, ""), (0o600, "# put it here")])
def test_a_secret_that_others_can_read_or_that_is_empty_is_not_used(tmp_path: Path, mode: int, content: str) -> None:
    file = tmp_path / "token"
    file.write_text(content)
    file.chmod(mode)
    with pytest.raises(DefinitionError) as caught:
        read_secret(file)
    assert "token" in caught.value.message


def test_a_missing_secret_is_named(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"meta\.token"):
        read_secret(tmp_path / "meta.token")


LIVE: dict[str, Any] = {"kind": "google_ads", "account": "1234567890"}


def test_to_reach_google_credentials_and_terms_are_required() -> None:
    with pytest.raises(ValidationError, match="terms_accepted"):
        GoogleAds.Settings.model_validate(LIVE)
    told = {**LIVE, "credentials_file": "secrets/google.json", "terms_accepted": {"by": "DPO", "on": "2026-11-01"}}
    assert GoogleAds.Settings.model_validate(told).terms_accepted is not None


@pytest.mark.parametrize("address", ["http://graph.example.com", "graph.example.com:80"])
def test_nothing_is_sent_in_the_clear_to_another_machine(address: str) -> None:
    with pytest.raises(ValidationError, match="https"):
        Meta.Settings.model_validate({"kind": "meta", "ad_account": "act_1", "token_file": "t", "endpoint": address})


def test_credentials_that_are_none_are_named_by_their_file_only(tmp_path: Path) -> None:
    file = tmp_path / "google.json"
    file.write_text('{"type": "service_account", "private_key": "SECRETKEY"}')
    file.chmod(0o400)
    told = {**LIVE, "credentials_file": "google.json", "terms_accepted": {"by": "DPO", "on": "2026-11-01"}}
    destination = GoogleAds("google", GoogleAds.Settings.model_validate(told), folder=tmp_path)
    with pytest.raises(DefinitionError) as caught:
        destination.ensure(AudienceSpec("a", "A"), None)
    assert "SECRETKEY" not in repr(caught.value)
    assert caught.value.__context__ is None
