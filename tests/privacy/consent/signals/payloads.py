"""Records as vendors give them, of invented people."""

from typing import Any

EMAIL, PHONE = "person.1@example.org", "+33612345678"
AGREED, LEFT, AGAIN = "2026-02-03T10:12:00Z", "2026-05-01T08:00:00Z", "2026-09-01T08:00:00Z"
ADS_PURPOSE = "ba8cab6d-a581-464b-8a6a-2a8de65f6d54"


def micros(iso: str) -> int:
    from datetime import datetime

    return round(datetime.fromisoformat(iso).timestamp() * 1_000_000)


def hubspot_status(**more: object) -> dict[str, Any]:
    plain = {
        "channel": "EMAIL",
        "source": "Preferences page",
        "status": "SUBSCRIBED",
        "subscriberIdString": EMAIL,
        "subscriptionId": 71,
        "subscriptionName": "Newsletter",
        "legalBasis": "CONSENT_WITH_NOTICE",
        "timestamp": AGREED,
    }
    return {**plain, **more}


def hubspot_wide(**more: object) -> dict[str, Any]:
    plain = {
        "channel": "EMAIL",
        "status": "UNSUBSCRIBED",
        "subscriberIdString": EMAIL,
        "timestamp": LEFT,
        "wideStatusType": "PORTAL_WIDE",
    }
    return {**plain, **more}


def salesforce_consent(**more: object) -> dict[str, Any]:
    plain = {
        "Id": "0ZYxx0000000001GAA",
        "PartyId": "0PKxx0000000001GAA",
        "ContactPointType": "Email",
        "PrivacyConsentStatus": "OptIn",
        "CaptureDate": "2026-02-03T10:12:00.000+0000",
        "CaptureSource": "web form",
        "CaptureContactPointType": "Web",
        "DataUsePurposeId": "",
        "EffectiveFrom": "",
        "EffectiveTo": "",
        "DoubleConsentCaptureDate": "",
        "IsDeleted": "false",
    }
    return {**plain, **more}


def salesforce_contact(**more: object) -> dict[str, Any]:
    plain = {"Id": "003xx0000000001AAA", "Email": EMAIL, "MobilePhone": PHONE, "HasOptedOutOfEmail": "false"}
    return {**plain, **more}


def shopify_customer(**more: object) -> dict[str, Any]:
    consent = {"marketingState": "SUBSCRIBED", "marketingOptInLevel": "SINGLE_OPT_IN", "consentUpdatedAt": AGREED}
    plain = {
        "id": "gid://shopify/Customer/1",
        "email": EMAIL,
        "phone": PHONE,
        "createdAt": "2025-11-01T09:00:00Z",
        "updatedAt": "2026-11-01T09:00:00Z",
        "emailMarketingConsent": {**consent, "sourceLocation": None},
        "smsMarketingConsent": {**consent, "consentCollectedFrom": "SHOPIFY"},
    }
    return {**plain, **more}


def brevo_contact(**more: object) -> dict[str, Any]:
    plain = {
        "id": 42,
        "email": EMAIL,
        "emailBlacklisted": False,
        "smsBlacklisted": False,
        "createdAt": "2026-01-01T09:00:00.000+01:00",
        "modifiedAt": "2026-11-01T09:00:00.000+01:00",
        "listIds": [3],
        "listUnsubscribed": None,
        "attributes": {"SMS": "33612345678", "FNAME": "Person"},
    }
    return {**plain, **more}


def klaviyo_profile(email: dict[str, Any] | None = None, sms: dict[str, Any] | None = None) -> dict[str, Any]:
    marketing = {
        "can_receive_email_marketing": True,
        "consent": "SUBSCRIBED",
        "consent_timestamp": AGREED,
        "last_updated": AGREED,
        "method": "PREFERENCE_PAGE",
        "method_detail": "example.org/signup",
        "double_optin": True,
        "suppression": [],
        "list_suppressions": [],
    }
    texts = {"can_receive_sms_marketing": False, "consent": "NEVER_SUBSCRIBED", "consent_timestamp": None}
    subscriptions = {
        "email": {"marketing": {**marketing, **(email or {})}},
        "sms": {"marketing": {**texts, **(sms or {})}},
    }
    attributes = {"email": EMAIL, "phone_number": PHONE, "external_id": None, "subscriptions": subscriptions}
    return {"type": "profile", "id": "01J0000000000000000000000", "attributes": attributes}


def mailchimp_member(**more: object) -> dict[str, Any]:
    plain = {
        "id": "0" * 32,
        "list_id": "a1b2c3d4e5",
        "email_address": EMAIL,
        "status": "subscribed",
        "timestamp_signup": "2026-02-03T10:00:00+00:00",
        "timestamp_opt": "2026-02-03T10:12:00+00:00",
        "last_changed": "2026-11-01T09:00:00+00:00",
        "source": "API - Generic",
        "marketing_permissions": [{"marketing_permission_id": "p1", "text": "Advertising", "enabled": True}],
    }
    return {**plain, **more}


def onetrust_receipt(purpose: dict[str, Any] | None = None, **more: object) -> dict[str, Any]:
    asked = {"id": ADS_PURPOSE, "name": "Ads", "version": 1, "transactionType": "CONFIRMED", "consentDate": AGREED}
    plain = {
        "id": "5a2c2d8f-fd08-41c9-b912-6fcd073f8d4f",
        "dataSubjectIdentifier": EMAIL,
        "identifierType": "Email",
        "collectionPointType": "WEB_FORM",
        "consentCreationDate": "2026-02-04T00:00:00Z",
        "interactionDate": "2026-02-03T10:12:30Z",
        "origin": "PREFERENCE_CENTER",
        "test": False,
        "purposes": [{**asked, **(purpose or {})}],
    }
    return {**plain, **more}


def didomi_event(*choices: tuple[str, bool | None], **more: object) -> dict[str, Any]:
    plain = {
        "id": "00b89328-e3d5-4068-b346-8f4fcb4618df",
        "created_at": AGREED,
        "updated_at": "2026-02-03T10:13:00Z",
        "organization_id": "shop",
        "regulation": "gdpr",
        "status": "confirmed",
        "user": {"id": "a3722cd3-f2e4-4451-a564-83f5e8921449", "organization_user_id": "C1"},
        "consents": {"purposes": [{"id": name, "enabled": enabled} for name, enabled in choices]},
        "proofs": [],
    }
    return {**plain, **more}


def usercentrics_record(*history: dict[str, Any], service: str = "B1Hk_zoTX") -> dict[str, Any]:
    return {"controllerId": "c0ffee", "customer": "C1", "services": [{"id": service, "history": list(history)}]}


def action(status: bool, at: str, action_: str = "onUpdateServices", type_: str = "explicit") -> dict[str, Any]:
    versions = {"application": "4.41.0", "service": "3.1.0", "settings": "12.0.1"}
    plain = {"status": status, "type": type_, "language": "fr", "versions": versions}
    return {"action": action_, "timestamp": micros(at) // 1000, **plain}
