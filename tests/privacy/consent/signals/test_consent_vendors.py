"""Salesforce, OneTrust, Didomi, Usercentrics: what counts as consent, from when, and of whom."""

import pytest

from passerelle.privacy.vocabulary import (
    ADS,
    Channel,
    ConsentState,
    EvidenceGrade,
    Expression,
    Field,
    Purpose,
    Stop,
)
from tests.privacy.consent.signals.hearing import GIVEN, REFUSED, WITHDRAWN, assert_vetoed, heard, of, states
from tests.privacy.consent.signals.payloads import (
    ADS_PURPOSE,
    AGREED,
    EMAIL,
    LEFT,
    PHONE,
    action,
    didomi_event,
    micros,
    onetrust_receipt,
    salesforce_consent,
    salesforce_contact,
    usercentrics_record,
)


# --- Salesforce
def test_a_salesforce_consent_counts_from_its_latest_date_until_effective_to() -> None:
    dated = salesforce_consent(
        EffectiveFrom="2026-03-01T00:00:00.000+0000",
        EffectiveTo="2027-03-01T00:00:00.000+0000",
        DoubleConsentCaptureDate="2026-02-03T11:00:00.000+0000",
    )
    (one,) = of(heard("salesforce", dated), Purpose.EMAIL_MARKETING)
    assert one.event_time == micros("2026-03-01T00:00:00Z")
    assert one.valid_until == micros("2027-03-01T00:00:00Z")
    assert one.expression is Expression.TWO_STEP


def test_salesforce_records_speak_each_for_itself_so_the_least_permissive_wins() -> None:
    yes = heard("salesforce", salesforce_consent())
    no = heard("salesforce", salesforce_consent(Id="0ZYxx0000000002GAA", PrivacyConsentStatus="OptOut"))
    assert {one.scope for one in yes.said}.isdisjoint(one.scope for one in no.said)
    assert_vetoed(no, Channel.EMAIL)


@pytest.mark.parametrize(
    ("contact", "channel"), [("Email", Channel.EMAIL), ("Phone", Channel.PHONE), ("MailingAddress", Channel.POST)]
)
def test_a_salesforce_purpose_by_mail_phone_or_post_never_grants_advertising(contact: str, channel: Channel) -> None:
    record = salesforce_consent(ContactPointType=contact, DataUsePurposeId="0ZW1")
    (one,) = heard("salesforce", record, ["0ZW1"]).said
    assert (one.purpose, one.channel) == (Purpose.AD_LIST_MATCHING, channel)


def test_a_salesforce_party_consent_may_grant_what_the_operator_maps() -> None:
    record = salesforce_consent(DataUsePurposeId="0ZW1")
    del record["ContactPointType"]
    (one,) = heard("salesforce", record, ["0ZW1"]).said
    assert (one.state, one.grade, one.channel) == (GIVEN, EvidenceGrade.A, None)
    assert heard("salesforce", record).left_out == "unmapped_purpose"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("OptInPending", ConsentState.REQUESTED),
        ("Seen", ConsentState.REQUESTED),
        ("NotSeen", ConsentState.UNKNOWN),
        ("anything", ConsentState.UNKNOWN),
    ],
)
def test_only_an_opt_in_of_salesforce_permits(status: str, state: ConsentState) -> None:
    found = heard("salesforce", salesforce_consent(PrivacyConsentStatus=status))
    assert states(found, Purpose.EMAIL_MARKETING) == {state}


def test_a_deleted_salesforce_consent_has_ended() -> None:
    found = heard("salesforce", salesforce_consent(IsDeleted="true"))
    assert states(found, Purpose.EMAIL_MARKETING) == {ConsentState.TERMINATED}


def test_salesforce_flags_refuse_when_set_and_say_nothing_when_not() -> None:
    assert heard("salesforce", salesforce_contact()).left_out == "says_nothing"
    left = heard("salesforce", salesforce_contact(HasOptedOutOfEmail="true"))
    assert_vetoed(left, Channel.EMAIL)
    assert {one.grade for one in left.said} == {EvidenceGrade.C}
    assert left.who[Field.PHONE] == PHONE


def test_an_individual_who_objects_to_processing_is_stopped_everywhere() -> None:
    found = heard("salesforce", {"Id": "0PKxx0000000001GAA", "HasOptedOutProcessing": True})
    assert {one.purpose for one in found.said} == set(Purpose)
    assert {(one.state, one.stop) for one in found.said} == {(REFUSED, Stop.OBJECTION)}
    solicited = heard("salesforce", {"Id": "0PKxx0000000001GAA", "HasOptedOutSolicit": True})
    assert {one.purpose for one in solicited.said} >= set(ADS)


# --- OneTrust
def test_a_onetrust_purpose_means_nothing_until_it_is_mapped() -> None:
    assert heard("onetrust", onetrust_receipt()).left_out == "unmapped_purpose"
    (one,) = heard("onetrust", onetrust_receipt(), [ADS_PURPOSE]).said
    assert (one.state, one.grade, one.notice, one.channel) == (GIVEN, EvidenceGrade.A, "ads-2026@1", None)


@pytest.mark.parametrize("test", [True, "true", "yes"])
def test_onetrust_test_receipts_are_ignored(test: object) -> None:
    assert heard("onetrust", onetrust_receipt(test=test), [ADS_PURPOSE]).left_out == "test_receipt"


def test_the_three_dates_of_onetrust() -> None:
    agreed = onetrust_receipt()
    assert [one.event_time for one in heard("onetrust", agreed, [ADS_PURPOSE]).said] == [micros(AGREED)]
    plain = onetrust_receipt({"consentDate": None})
    assert [one.event_time for one in heard("onetrust", plain, [ADS_PURPOSE]).said] == [micros("2026-02-03T10:12:30Z")]
    gone = onetrust_receipt({"transactionType": "WITHDRAWN", "withdrawnDate": LEFT})
    assert [one.event_time for one in heard("onetrust", gone, [ADS_PURPOSE]).said] == [micros(LEFT)]
    created_only = onetrust_receipt({"consentDate": None}, interactionDate=None)
    (one,) = heard("onetrust", created_only, [ADS_PURPOSE]).said
    assert (one.event_time, one.grade, one.recorded_at) == (None, EvidenceGrade.C, micros("2026-02-04T00:00:00Z"))


def test_a_onetrust_purpose_that_has_both_dates_is_agreed_to_and_then_withdrawn() -> None:
    profile = onetrust_receipt({"transactionType": None, "status": "ACTIVE", "withdrawnDate": LEFT})
    found = heard("onetrust", profile, [ADS_PURPOSE])
    assert [(one.state, one.event_time) for one in found.said] == [(GIVEN, micros(AGREED)), (WITHDRAWN, micros(LEFT))]


@pytest.mark.parametrize("kind", ["NO_CHOICE", "CHANGE_PREFERENCES", "NO_OPT_OUT"])
def test_some_onetrust_transactions_say_nothing(kind: str) -> None:
    assert heard("onetrust", onetrust_receipt({"transactionType": kind}), [ADS_PURPOSE]).said == []


@pytest.mark.parametrize("kind", ["PENDING", "OPT_OUT", "HARD_OPT_OUT", "EXPIRED", "NOTGIVEN", "IMPLICIT", "new"])
def test_other_onetrust_transactions_do_not_permit(kind: str) -> None:
    (one,) = heard("onetrust", onetrust_receipt({"transactionType": kind}), [ADS_PURPOSE]).said
    assert not one.state.permits


def test_leaving_everything_at_onetrust_vetoes_advertising() -> None:
    assert_vetoed(heard("onetrust", onetrust_receipt(unsubscribeAll=True)), Channel.EMAIL)


def test_onetrust_identifiers_are_what_the_receipt_or_the_mapping_says() -> None:
    assert heard("onetrust", onetrust_receipt(), [ADS_PURPOSE]).who == {Field.EMAIL: EMAIL}
    untyped = onetrust_receipt(identifierType=None)
    assert heard("onetrust", untyped, [ADS_PURPOSE]).who == {Field.EXTERNAL_ID: EMAIL}
    assert heard("onetrust", untyped, [ADS_PURPOSE], who={"email": "dataSubjectIdentifier"}).who == {Field.EMAIL: EMAIL}
    assert heard("onetrust", onetrust_receipt(isAnonymous=True), [ADS_PURPOSE]).left_out == "nobody"


# --- Didomi
def test_a_didomi_event_speaks_only_of_the_purposes_that_it_names() -> None:
    found = heard("didomi", didomi_event(("ads", True), ("other", None)), ["ads", "other", "third"])
    assert [(one.state, one.scope, one.channel) for one in found.said] == [(GIVEN, "gdpr.ads", Channel.WEB)]
    assert heard("didomi", didomi_event(("ads", True))).left_out == "unmapped_purpose"


@pytest.mark.parametrize(
    ("status", "reason"), [("pending_approval", "pending"), ("PENDING_APPROVAL", "pending"), ("other", "not_confirmed")]
)
def test_didomi_events_that_are_not_confirmed_do_not_count(status: str, reason: str) -> None:
    assert heard("didomi", didomi_event(("ads", False), status=status), ["ads"]).left_out == reason


def test_a_didomi_event_without_a_status_refuses_and_does_not_grant() -> None:
    unsaid = didomi_event(("ads", True), ("off", False), status=None)
    assert [one.state for one in heard("didomi", unsaid, ["ads", "off"]).said] == [REFUSED]


def test_a_didomi_event_under_the_cpra_never_touches_a_consent_under_the_gdpr() -> None:
    european = heard("didomi", didomi_event(("ads", True)), ["ads"])
    (out,) = heard("didomi", didomi_event(("ads", False), regulation="cpra"), ["ads"]).said
    assert (out.scope, out.stop) == ("cpra.ads", Stop.OPT_OUT)
    assert out.scope not in {one.scope for one in european.said}
    back = heard("didomi", didomi_event(("ads", True), regulation="cpra"), ["ads"])
    assert back.said == []  # not opted out is not opted in


def test_didomi_webhooks_are_events_in_an_envelope() -> None:
    event = didomi_event(("ads", False), regulation=None)
    envelope = {"type": "event.created", "regulation": "CPRA", "parameters": {"entity": event}}
    (one,) = heard("didomi", envelope, ["ads"]).said
    assert one.scope == "cpra.ads"
    updated = {"type": "event.updated", "parameters": {"old_entity": {}, "new_entity": event}}
    assert [one.scope for one in heard("didomi", updated, ["ads"]).said] == ["gdpr.ads"]
    assert heard("didomi", {"type": "user.created", "parameters": {"entity": {}}}, ["ads"]).left_out == "not_an_event"


def test_a_didomi_visitor_without_an_id_of_ours_is_nobody() -> None:
    assert heard("didomi", didomi_event(("ads", True), user={"id": "cookie"}), ["ads"]).left_out == "nobody"


# --- Usercentrics
SERVICE = "B1Hk_zoTX"


def test_a_usercentrics_history_is_read_in_the_order_of_its_times() -> None:
    record = usercentrics_record(
        action(status=False, at=LEFT, action_="onDenyAllServices"), action(status=True, at=AGREED)
    )
    found = heard("usercentrics", record, [SERVICE], who={"external_id": "customer"})
    assert [(one.state, one.event_time) for one in found.said] == [(GIVEN, micros(AGREED)), (REFUSED, micros(LEFT))]
    assert {one.channel for one in found.said} == {Channel.WEB}
    assert found.who == {Field.EXTERNAL_ID: "C1"}


def test_implicit_actions_of_usercentrics_say_nothing_but_that_a_yes_is_over() -> None:
    loaded = action(status=True, at=AGREED, action_="onNonEURegion", type_="implicit")
    unasked = action(status=False, at=AGREED, action_="onInitialPageLoad", type_="implicit")
    assert heard("usercentrics", usercentrics_record(loaded, unasked), [SERVICE]).left_out == "says_nothing"
    reset = action(status=False, at=LEFT, action_="onInitialPageLoad", type_="implicit")
    found = heard("usercentrics", usercentrics_record(action(status=True, at=AGREED), reset), [SERVICE])
    assert [one.state for one in found.said] == [GIVEN, ConsentState.UNKNOWN]


def test_a_browser_is_nobody_until_the_mapping_names_a_key() -> None:
    record = usercentrics_record(action(status=True, at=AGREED))
    assert heard("usercentrics", record, [SERVICE]).left_out == "nobody"


def test_the_csv_of_usercentrics_is_read_too() -> None:
    row = {
        "Controller ID": "c0ffee",
        "Timestamp": str(micros(LEFT) // 1000),
        "Consent Action": "onDenyAllServices",
        "Data Processing Service ID": SERVICE,
        "Consent Given": "false",
    }
    found = heard("usercentrics", row, [SERVICE], who={"external_id": "Controller ID"})
    assert [(one.state, one.event_time) for one in found.said] == [(REFUSED, micros(LEFT))]
