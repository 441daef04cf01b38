"""HubSpot, Shopify, Brevo, Klaviyo, Mailchimp: a mailing's opt-in grants no advertising, and leaving it all vetoes."""

import pytest

from passerelle.privacy.consent.signals.reading import NO_ANSWER
from passerelle.privacy.vocabulary import (
    ADS,
    Channel,
    ConsentState,
    EvidenceGrade,
    Expression,
    Field,
    Precision,
    Purpose,
    Stop,
)
from tests.privacy.consent.signals.hearing import (
    GIVEN,
    REFUSED,
    WITHDRAWN,
    assert_only_ends_a_veto,
    assert_vetoed,
    heard,
    of,
    states,
)
from tests.privacy.consent.signals.payloads import (
    AGAIN,
    AGREED,
    EMAIL,
    LEFT,
    PHONE,
    brevo_contact,
    hubspot_status,
    hubspot_wide,
    klaviyo_profile,
    mailchimp_member,
    micros,
    shopify_customer,
)


# --- HubSpot
def test_a_hubspot_subscription_is_consent_to_mailing_only() -> None:
    (one,) = heard("hubspot", hubspot_status()).said
    assert (one.purpose, one.state, one.grade) == (Purpose.EMAIL_MARKETING, GIVEN, EvidenceGrade.B)
    assert (one.event_time, one.method, one.scope) == (micros(AGREED), "Preferences page", "email.type.71")


def test_leaving_everything_at_hubspot_vetoes_advertising_until_somebody_subscribes_again() -> None:
    left = heard("hubspot", hubspot_wide())
    assert_vetoed(left, Channel.EMAIL)
    assert states(left, Purpose.EMAIL_MARKETING) == {WITHDRAWN}
    back = heard("hubspot", hubspot_wide(status="SUBSCRIBED", timestamp=AGAIN))
    assert_only_ends_a_veto(back, Channel.EMAIL, left)
    assert all(one.channel is Channel.EMAIL for one in back.said)  # subscribes nobody to a newsletter either


def test_hubspot_answers_list_several_statuses_of_one_person() -> None:
    both = {"subscriberIdString": EMAIL, "statuses": [hubspot_status(), hubspot_status(subscriptionId=72)]}
    assert [one.scope for one in heard("hubspot", both).said] == ["email.type.71", "email.type.72"]
    wide = {"subscriberIdString": EMAIL, "wideStatuses": [hubspot_wide(), hubspot_wide(status="NOT_SPECIFIED")]}
    assert_vetoed(heard("hubspot", wide), Channel.EMAIL)
    old = {"id": "71", "name": "News", "status": "NOT_SUBSCRIBED", "sourceOfStatus": "PORTAL_WIDE_STATUS"}
    assert_vetoed(heard("hubspot", {"recipient": EMAIL, "subscriptionStatuses": [old]}), Channel.EMAIL)


def test_a_business_unit_of_hubspot_is_a_scope_of_its_own() -> None:
    one, other = (
        heard("hubspot", hubspot_wide(wideStatusType="BUSINESS_UNIT_WIDE", businessUnitId=unit)).said for unit in (1, 2)
    )
    assert {each.scope for each in one}.isdisjoint(each.scope for each in other)


@pytest.mark.parametrize("basis", ["LEGITIMATE_INTEREST_CLIENT", "PERFORMANCE_OF_CONTRACT", "NON_GDPR"])
def test_another_basis_than_consent_is_no_consent_at_hubspot(basis: str) -> None:
    assert states(heard("hubspot", hubspot_status(legalBasis=basis)), Purpose.EMAIL_MARKETING) == {ConsentState.UNKNOWN}


def test_a_hubspot_type_that_asks_about_advertising_grants_under_its_notice() -> None:
    (one,) = heard("hubspot", hubspot_status(), ["71"]).said
    assert (one.purpose, one.state, one.grade) == (Purpose.AD_LIST_MATCHING, GIVEN, EvidenceGrade.A)
    assert (one.notice, one.recipients, one.channel) == ("ads-2026@1", ("meta",), None)
    (without,) = heard("hubspot", hubspot_status(legalBasis=None), ["71"]).said
    assert without.state is ConsentState.UNKNOWN
    (undated,) = heard("hubspot", hubspot_status(timestamp=None), ["71"]).said
    assert undated.grade is EvidenceGrade.C


# --- Shopify
def test_a_shopify_subscription_is_consent_to_its_own_channel_only() -> None:
    found = heard("shopify", shopify_customer())
    own = of(found, Purpose.EMAIL_MARKETING, Purpose.SMS_MARKETING)
    assert {(one.state, one.grade, one.channel) for one in own} == {(GIVEN, EvidenceGrade.B, None)}
    assert {one.channel for one in of(found, *ADS)} == {Channel.EMAIL, Channel.SMS}


@pytest.mark.parametrize("written", ["createdAt", "updatedAt"])
def test_a_shopify_date_that_may_be_the_time_of_sending_is_no_evidence(written: str) -> None:
    (one,) = of(heard("shopify", shopify_customer(**{written: "2026-02-03T10:12:20Z"})), Purpose.EMAIL_MARKETING)
    assert (one.event_time, one.precision, one.grade) == (None, Precision.UNKNOWN, EvidenceGrade.C)


def test_shopify_states_are_told_apart() -> None:
    left = {"marketingState": "UNSUBSCRIBED", "consentUpdatedAt": LEFT}
    found = heard("shopify", shopify_customer(emailMarketingConsent=left, smsMarketingConsent=None))
    assert_vetoed(found, Channel.EMAIL)
    never = shopify_customer(emailMarketingConsent={"marketingState": "NOT_SUBSCRIBED"}, smsMarketingConsent=None)
    assert [(one.purpose, one.state, one.expression) for one in heard("shopify", never).said] == [
        (Purpose.EMAIL_MARKETING, *NO_ANSWER)
    ]


def test_shopify_webhooks_and_new_fields_say_the_same() -> None:
    old = {"id": 1, "email": EMAIL, "email_marketing_consent": {"state": "unsubscribed", "consent_updated_at": LEFT}}
    address = {"emailAddress": EMAIL, "marketingState": "UNSUBSCRIBED", "marketingUpdatedAt": LEFT}
    new = heard("shopify", {"id": "1", "defaultEmailAddress": address})
    assert heard("shopify", old).said == new.said
    assert new.who[Field.EMAIL] == EMAIL


def test_the_shopify_opt_out_of_the_sale_of_data_is_a_hard_stop() -> None:
    customer = {"id": "1", "email": EMAIL, "dataSaleOptOut": True}
    assert {(one.purpose, one.stop) for one in heard("shopify", customer).said} == {(one, Stop.OPT_OUT) for one in ADS}


# --- Brevo
def test_brevo_blacklists_veto_and_grant_nothing() -> None:
    assert heard("brevo", brevo_contact()).left_out == "says_nothing"
    found = heard("brevo", brevo_contact(emailBlacklisted=True, listUnsubscribed=[3]))
    assert_vetoed(found, Channel.EMAIL)
    assert {one.scope for one in of(found, Purpose.EMAIL_MARKETING)} == {"email", "email.list.3"}
    assert_vetoed(heard("brevo", {"attributes": {"SMS": PHONE}, "sms_blacklisted": True}), Channel.SMS)


# --- Klaviyo
def test_klaviyo_consent_is_consent_to_mailing_and_a_double_opt_in_two_step() -> None:
    (one,) = of(heard("klaviyo", klaviyo_profile()), Purpose.EMAIL_MARKETING)
    assert (one.state, one.grade, one.expression) == (GIVEN, EvidenceGrade.B, Expression.TWO_STEP)


def test_that_klaviyo_may_mail_somebody_is_no_consent() -> None:
    implicit = klaviyo_profile({"consent": "NEVER_SUBSCRIBED", "can_receive_email_marketing": True})
    assert not any(one.state.permits for one in heard("klaviyo", implicit).said)
    alone = {"attributes": {"email": EMAIL, "subscriptions": {"email": {"marketing": {}}}}}
    alone["attributes"]["subscriptions"]["email"]["marketing"]["can_receive_email_marketing"] = True  # type: ignore[index]
    assert heard("klaviyo", alone).left_out == "says_nothing"


@pytest.mark.parametrize("reason", ["UNSUBSCRIBE", "SPAM_COMPLAINT", "USER_SUPPRESSED", "HARD_BOUNCE"])
def test_a_klaviyo_suppression_vetoes_whatever_the_profile_says(reason: str) -> None:
    suppressed = heard("klaviyo", klaviyo_profile({"suppression": [{"reason": reason, "timestamp": AGREED}]}))
    assert_vetoed(suppressed, Channel.EMAIL)
    assert states(suppressed, Purpose.EMAIL_MARKETING) == {WITHDRAWN}
    back = heard("klaviyo", klaviyo_profile({"consent_timestamp": AGAIN}))
    assert_only_ends_a_veto(back, Channel.EMAIL, suppressed)


def test_a_klaviyo_suppression_that_is_still_listed_is_not_older_than_the_consent() -> None:
    both = {"consent_timestamp": AGAIN, "suppression": [{"reason": "UNSUBSCRIBE", "timestamp": AGREED}]}
    assert {one.event_time for one in of(heard("klaviyo", klaviyo_profile(both)), *ADS)} == {micros(AGAIN)}


def test_leaving_one_klaviyo_list_vetoes_that_list_only() -> None:
    lists = [{"list_id": "Y6nRLr", "reason": "UNSUBSCRIBE", "timestamp": LEFT}]
    found = heard("klaviyo", klaviyo_profile({"list_suppressions": lists}))
    assert {one.scope for one in found.said if one.state is WITHDRAWN} == {"email.list.Y6nRLr"}


def test_leaving_klaviyo_texts_vetoes_through_sms() -> None:
    found = heard("klaviyo", klaviyo_profile({"consent": None}, {"consent": "UNSUBSCRIBED", "consent_timestamp": LEFT}))
    assert_vetoed(found, Channel.SMS)


# --- Mailchimp
def test_a_mailchimp_opt_in_is_dated_by_its_confirmation_and_an_opt_out_by_the_last_change() -> None:
    (one,) = of(heard("mailchimp", mailchimp_member()), Purpose.EMAIL_MARKETING)
    assert (one.state, one.event_time, one.expression) == (GIVEN, micros(AGREED), Expression.TWO_STEP)
    left = heard("mailchimp", mailchimp_member(status="unsubscribed"))
    assert_vetoed(left, Channel.EMAIL)
    assert {one.event_time for one in left.said} == {micros("2026-11-01T09:00:00Z")}


@pytest.mark.parametrize("status", ["pending", "transactional", "archived"])
def test_other_mailchimp_members_have_not_agreed_and_not_refused_advertising(status: str) -> None:
    found = heard("mailchimp", mailchimp_member(status=status))
    assert not any(one.state.permits for one in found.said)
    assert of(found, *ADS) == []


def test_a_cleaned_mailchimp_address_is_suppressed() -> None:
    assert_vetoed(heard("mailchimp", mailchimp_member(status="cleaned")), Channel.EMAIL)


def test_a_mailchimp_gdpr_field_has_no_date_so_it_can_only_veto() -> None:
    (yes,) = [one for one in heard("mailchimp", mailchimp_member(), ["p1"]).said if one.channel is None and one.notice]
    assert (yes.purpose, yes.grade, yes.event_time) == (Purpose.AD_LIST_MATCHING, EvidenceGrade.C, None)
    off = mailchimp_member(marketing_permissions=[{"marketing_permission_id": "p1", "enabled": False}])
    assert REFUSED in states(heard("mailchimp", off, ["p1"]), Purpose.AD_LIST_MATCHING)
    assert all(one.notice is None for one in heard("mailchimp", mailchimp_member()).said)


def test_mailchimp_texts_are_a_channel_of_their_own() -> None:
    gone = {"sms_subscription_status": "unsubscribed", "sms_subscription_last_updated": LEFT, "status": None}
    assert_vetoed(heard("mailchimp", mailchimp_member(sms_phone_number=PHONE, **gone)), Channel.SMS)
