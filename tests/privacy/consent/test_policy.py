from typing import Any

import pytest
from pydantic import ValidationError

from passerelle.privacy.consent import Policy
from passerelle.privacy.consent.jurisdiction import COUNTRIES, EU, GROUPS, is_place
from passerelle.privacy.vocabulary import Destination, Purpose
from tests.privacy.consent.house import RULE, policy

MATCHING, META = Purpose.AD_LIST_MATCHING, Destination.META


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"validity_days": None}, "does not last for ever"),
        ({"balancing_test": "LIA-1"}, "belongs to legitimate interest"),
        ({"lawful_basis": "legitimate_interest"}, "`balancing_test` is missing"),
        ({"age_required": True}, "needs a `minimum_age`"),
        ({"jurisdictions": ["ALL"]}, "jurisdiction of ad_list_matching is not known"),
        ({"jurisdictions": ["*"]}, "is not known"),
        ({"jurisdictions": ["XX"]}, "is not known"),
        ({"jurisdictions": ["FR-75"]}, "is not known"),
        ({"jurisdictions": []}, "at least 1 item"),
        ({"jurisdictions": ["FR", "FR"]}, "twice"),
        ({"destinations": ["meta", "meta"]}, "twice"),
        ({"destinations": ["tiktok"]}, "'meta' or 'google_ads'"),
        ({"purpose": "marketing"}, "ad_list_matching"),
        ({"evidence": {"grade": "C"}}, "'A'> or <EvidenceGrade.B"),
        ({"evidence": {"notice": "optional"}}, "required"),
        ({"unknown": 1}, "Extra inputs"),
    ],
)
def test_a_rule_that_would_let_through_too_much_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        policy({**RULE, **change})
    assert said in str(caught.value)


def test_two_rules_of_one_rank_for_the_same_people_are_refused() -> None:
    with pytest.raises(ValidationError, match="two rules of the same rank cover ad_list_matching at meta in "):
        policy(RULE, {**RULE, "destinations": ["meta"]})


def test_the_narrowest_jurisdiction_decides() -> None:
    nested = [["EEA"], ["EU"], ["FR"], ["RE"]]
    rules = policy(*({**RULE, "jurisdictions": names, "minimum_size": 10 + n} for n, names in enumerate(nested)))
    found = {place: rules.rule(MATCHING, META, place) for place in ("NO", "DE", "FR", "GP", "RE")}
    assert {place: rule.minimum_size for place, rule in found.items() if rule} == {
        "NO": 10,
        "DE": 11,
        "FR": 12,
        "GP": 12,
        "RE": 13,
    }


def test_whatever_no_rule_names_is_denied() -> None:
    assert policy().rule(MATCHING, META, "US") is None
    assert policy().rule(MATCHING, META, "") is None
    assert policy().rule(Purpose.AD_LOOKALIKE_SEED, META, "FR") is None


def test_a_state_of_the_country_leaves_those_whose_state_is_unknown_without_a_rule() -> None:
    rules = policy({**RULE, "jurisdictions": ["US"]}, {**RULE, "jurisdictions": ["US-CA"]})
    assert rules.rule(MATCHING, META, "US") is None
    assert rules.needs_state(MATCHING, META, "US")
    assert rules.rule(MATCHING, META, "US-CA") is not None


def test_uk_is_gb_and_own_groups_are_lists_of_places() -> None:
    rules = policy({**RULE, "jurisdictions": ["UK", "DACH"]}, groups={"DACH": ["DE", "AT", "CH"]})
    assert all(rules.rule(MATCHING, META, place) for place in ("GB", "DE", "AT", "CH"))


@pytest.mark.parametrize("groups", [{"EU": ["FR"]}, {"DACH": ["D"]}, {"DACH": []}])
def test_a_group_that_means_something_else_or_nothing_is_refused(groups: dict[str, list[str]]) -> None:
    with pytest.raises(ValidationError, match="group"):
        policy(groups=groups)


def test_the_smallest_size_is_the_greatest_that_any_rule_asks() -> None:
    rules = policy({**RULE, "minimum_size": 50}, {**RULE, "jurisdictions": ["UK"], "minimum_size": 300})
    assert rules.minimum_size(MATCHING, META) == 300
    assert rules.minimum_size(Purpose.AD_MEASUREMENT, META) == 1


@pytest.mark.parametrize("span", ["24", "1w", "0h", "h", 86_400, True, None, "24 h"])
def test_a_time_span_needs_a_number_and_a_unit(span: object) -> None:
    with pytest.raises(ValidationError, match="time span such as `24h`"):
        policy(freshness={"crm": span})


def test_the_same_rules_have_one_digest_and_any_other_rule_another() -> None:
    again = Policy.model_validate(policy(freshness={"crm": "24h"}).document())
    assert again.digest == policy(freshness={"crm": "1440m"}).digest
    assert policy().digest != policy({**RULE, "validity_days": 729}).digest
    assert again.freshness == {"crm": 86_400}


def test_the_groups_hold_what_they_say() -> None:
    assert len(EU) == 27 + 7
    assert GROUPS["EEA"] - EU == {"IS", "LI", "NO"}
    assert all(members <= COUNTRIES for members in GROUPS.values())
    assert len(COUNTRIES) >= 249
    assert all(len(code) == 2 and code.isupper() for code in COUNTRIES)
    assert is_place("US-CA")
    assert not is_place("US-XX")
    assert not is_place("FR-")
