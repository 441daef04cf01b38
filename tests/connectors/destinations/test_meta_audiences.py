"""What a Meta audience is told of itself: name, description, labels, where the data came from."""

from pathlib import Path
from typing import Any

import pytest
from facebook_business.adobjects.customaudience import CustomAudience

from passerelle.connectors.contract.destination import AudienceSpec, RemoteAudience
from passerelle.connectors.destinations.meta import Meta
from passerelle.connectors.destinations.meta_labels import LABELS, OF_RFM, labels_of
from passerelle.connectors.errors import Refused
from passerelle.connectors.twins.handle import Twins, in_process
from passerelle.segmentation.rfm import NAMES
from tests.connectors.destinations.stage import meta


@pytest.fixture
def destination(twins: Twins, tmp_path: Path) -> Meta:
    return meta(twins, tmp_path, [], ad_account="act_5", customer_file_source="both_user_and_partner_provided")


def shown(destination: Meta, remote: RemoteAudience) -> dict[str, Any]:
    fields = "name,description,audience_labels,customer_file_source,retention_days"
    return destination._wire.get((remote.remote_id,), fields=fields)


def test_the_labels_are_those_of_the_sdk() -> None:
    theirs = {value for name, value in vars(CustomAudience.AudienceLabels).items() if not name.startswith("_")}
    assert {label.upper() for label in LABELS} == theirs


def test_every_rfm_group_has_a_label() -> None:
    assert OF_RFM.keys() == NAMES.keys()
    assert set(OF_RFM.values()) <= LABELS


def test_labels_that_are_asked_for_beat_those_of_the_segment() -> None:
    groups = ("champions", "lost")
    assert labels_of(AudienceSpec("a", "A", rfm_groups=groups)) == ["DISENGAGED", "HIGH_VALUE_CUSTOMERS"]
    assert labels_of(AudienceSpec("a", "A", labels=("at_risk",), rfm_groups=groups)) == ["AT_RISK"]
    assert labels_of(AudienceSpec("a", "A", labels=(), rfm_groups=groups)) == []


def test_an_audience_is_made_with_all_that_is_said_of_it(destination: Meta) -> None:
    spec = AudienceSpec("made", "Made", "Shown.", retention_days=400, labels=("at_risk",))
    assert shown(destination, destination.ensure(spec, None)) | {"id": ""} == {
        "id": "",
        "name": "Made",
        "description": "Shown. [passerelle:made]",
        "audience_labels": ["AT_RISK"],
        "customer_file_source": "BOTH_USER_AND_PARTNER_PROVIDED",
        "retention_days": 180,
    }


def test_a_changed_spec_changes_name_description_and_labels_there(destination: Meta) -> None:
    remote = destination.ensure(AudienceSpec("changed", "Before", "Old.", labels=("at_risk",)), None)
    destination.ensure(AudienceSpec("changed", "After", "New.", labels=("disengaged",)), remote)
    held = shown(destination, remote)
    assert (held["name"], held["description"], held["audience_labels"]) == (
        "After",
        "New. [passerelle:changed]",
        ["DISENGAGED"],
    )


def test_labels_can_be_taken_off_and_those_set_by_hand_stay(destination: Meta) -> None:
    remote = destination.ensure(AudienceSpec("hand", "Hand", labels=("at_risk",)), None)
    destination.ensure(AudienceSpec("hand", "Hand"), remote)
    assert shown(destination, remote)["audience_labels"] == ["AT_RISK"]
    destination.ensure(AudienceSpec("hand", "Hand", labels=()), remote)
    assert shown(destination, remote)["audience_labels"] == []


def test_who_only_takes_people_out_changes_nothing(destination: Meta, twins: Twins) -> None:
    remote = destination.ensure(AudienceSpec("kept", "Kept", "As it is.", labels=("at_risk",)), None)
    before, calls = shown(destination, remote), twins.calls().get("meta.audience.update", 0)
    assert destination.ensure(AudienceSpec.unchanged("kept"), remote) == remote
    assert shown(destination, remote) == before
    assert twins.calls().get("meta.audience.update", 0) == calls


def test_the_same_spec_is_not_told_twice(destination: Meta, twins: Twins) -> None:
    spec = AudienceSpec("same", "Same", "Said.", labels=("disengaged", "at_risk"))
    remote = destination.ensure(spec, None)
    calls = twins.calls().get("meta.audience.update", 0)
    assert destination.ensure(spec, remote) == remote
    assert destination.ensure(spec, None) == remote
    assert twins.calls().get("meta.audience.update", 0) == calls


def test_an_account_has_500_audiences_and_no_more(tmp_path: Path) -> None:
    with in_process() as twins:
        destination = meta(twins, tmp_path, [])
        for number in range(500):
            params = {"name": f"A{number}", "subtype": "CUSTOM", "customer_file_source": "USER_PROVIDED_ONLY"}
            destination._wire.change(("act_1", "customaudiences"), params)
        with pytest.raises(Refused, match="500") as refused:
            destination.ensure(AudienceSpec("one_more", "One more"), None)
        assert "delete" in refused.value.advice.lower()
        assert len(twins.audiences("meta")) == 500
