"""An audience that Meta flagged (471), terms that were taken back, an audience that would become too small."""

from pathlib import Path

import pytest

from passerelle.connectors.contract.destination import AudienceSpec
from passerelle.connectors.destinations.meta_errors import Flagged
from passerelle.connectors.errors import AudienceTooSmall, Refused
from passerelle.connectors.twins.handle import Twins
from tests.connectors.destinations.people import people
from tests.connectors.destinations.stage import Stage, meta


def test_a_flagged_audience_takes_no_upload_and_the_refusal_names_the_fields(on_meta: Stage) -> None:
    on_meta.twins.set_meta(audience=on_meta.remote.remote_id, flagged=["name", "description"])
    for push in (on_meta.add, on_meta.remove):
        with pytest.raises(Flagged, match=r"1713230.*: name, description\.") as caught:
            push(people(2))
        assert "display_name" in caught.value.advice
        assert caught.value.exit_code == 7
    assert on_meta.count() == 0


def test_where_meta_does_not_say_which_fields_the_refusal_stands(on_meta: Stage) -> None:
    on_meta.twins.set_meta(audience=on_meta.remote.remote_id, flagged=["name"])
    on_meta.twins.fault(call="meta.audience.get", times=0, http={"status": 502, "body": "<html>"})
    with pytest.raises(Flagged, match="1713230"):
        on_meta.add(people(1))


def test_status_says_that_it_is_flagged_and_which_fields(on_meta: Stage) -> None:
    on_meta.twins.set_meta(audience=on_meta.remote.remote_id, flagged=["name"])
    state = on_meta.destination.state(on_meta.remote)
    assert state.status == "flagged"
    assert any("review" in problem for problem in state.problems)
    assert "Flagged by Meta: name." in state.problems


def test_a_new_name_lifts_the_flag_and_any_other_change_is_refused(twins: Twins, tmp_path: Path) -> None:
    destination = meta(twins, tmp_path, [])
    remote = destination.ensure(AudienceSpec("flagged", "Sufferers"), None)
    twins.set_meta(audience=remote.remote_id, flagged=["name"])
    with pytest.raises(Flagged, match=r"1713231.*: name\."):
        destination.ensure(AudienceSpec("flagged", "Sufferers", "Another description."), remote)
    destination.ensure(AudienceSpec("flagged", "Customers"), remote)
    assert destination.state(remote).status != "flagged"


def test_terms_that_are_not_accepted_are_seen_by_doctor_and_refuse_uploads(on_meta: Stage) -> None:
    on_meta.twins.set_meta(terms_accepted=False)
    try:
        failed = [check.name for check in on_meta.destination.check() if check.state == "failed"]
        with pytest.raises(Refused, match="terms"):
            on_meta.add(people(1))
    finally:
        on_meta.twins.set_meta(terms_accepted=True)
    assert failed == ["Meta terms"]


def test_a_removal_that_leaves_too_few_is_refused_as_such(on_meta: Stage) -> None:
    on_meta.add(people(5))
    on_meta.twins.set_meta(smallest=4)
    try:
        assert on_meta.remove(people(1)).pending == 1
        with pytest.raises(AudienceTooSmall):
            on_meta.remove(people(1, start=1))
    finally:
        on_meta.twins.set_meta(smallest=0)
    assert on_meta.count() == 4
