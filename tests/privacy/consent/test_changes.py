from typing import Any

import pytest

from passerelle.privacy.consent.changes import Change, changes, words
from tests.privacy.consent.house import RULE, policy

PLACE = "ad_list_matching at google_ads in EEA", "ad_list_matching at meta in EEA"


def test_the_same_policy_has_no_changes() -> None:
    assert changes(policy(), policy()) == []
    assert changes(policy(), policy(version=2)) == [Change("version", "changed", "version from 1 to 2")]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"validity_days": 365}, "validity days from 730 to 365"),
        ({"evidence": {"grade": "B"}}, "evidence from A to B"),
        ({"minimum_size": 500}, "minimum size from 100 to 500"),
        ({"minimum_age": 16, "age_required": True}, "minimum age from nothing to 16; age required from no to yes"),
        ({"freshness": {"crm": "1h"}}, "freshness from nothing to crm 3600s"),
    ],
)
def test_a_changed_rule_says_what_was_and_what_is(change: dict[str, Any], said: str) -> None:
    assert changes(policy(), policy({**RULE, **change})) == [Change(place, "changed", said) for place in PLACE]


def test_rules_that_come_and_go_are_told_by_place() -> None:
    wider = policy({**RULE, "jurisdictions": ["EEA", "UK", "CH"]}, {**RULE, "purpose": "ad_suppression"})
    found = changes(policy(), wider)
    assert [(one.about, one.kind) for one in found] == [
        ("ad_list_matching at google_ads in CH, UK", "added"),
        ("ad_list_matching at meta in CH, UK", "added"),
        ("ad_suppression at google_ads in EEA", "added"),
        ("ad_suppression at meta in EEA", "added"),
    ]
    assert {one.words for one in found} == {"on consent, evidence A or better, valid 730 days, at least 100 people"}
    assert {(one.kind, one.words) for one in changes(wider, policy())} == {("removed", "nobody may be sent any more")}


def test_what_is_not_a_rule_is_told_by_name() -> None:
    after = policy(approvers=["dpo"], signals={"web": "may_grant"}, groups={"DACH": ["DE", "AT"]}, title="New")
    assert changes(policy(title="Old"), after) == [
        Change("title", "changed", "title from Old to New"),
        Change("approvers", "added", "approvers from nothing to dpo"),
        Change("signals", "added", "signals from nothing to web may_grant"),
        Change("groups", "added", "groups from nothing to DACH DE, AT"),
    ]
    assert Change("approvers", "removed", "approvers from dpo to nothing") in changes(after, policy())


def test_a_rule_in_words_says_all_that_it_asks() -> None:
    rule = {"lawful_basis": "legitimate_interest", "balancing_test": "LIA-7", "validity_days": None}
    (said,) = policy({**RULE, **rule, "minimum_age": 18, "age_required": True, "freshness": {"crm": "2h"}}).rules
    assert words(said) == (
        "on legitimate interest, evidence A or better, balancing test LIA-7, at least 100 people, "
        "from 18 years, age known, crm fresh within 7200 s"
    )
