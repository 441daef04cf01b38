"""Google's words for a refusal, what each means for a marketer, and what to do about it.

Data Manager: https://developers.google.com/data-manager/api/reference/rest/v1/ErrorReason
Google Ads: https://developers.google.com/google-ads/api/docs/common-errors
"""

_TERMS = "In Google Ads: Tools, Data manager, Customer Match: accept the customer data terms for this account."
_ACCESS = (
    "Give the service account or user write access to this account, or to its manager, in Google Ads: Admin, Access."
)
_GONE = "If somebody removed the list in Google Ads, give the audience another name here; else check the account."
_ELIGIBLE = "Ask Google Ads support whether this account may use Customer Match."
_SIGN_IN = "Renew the credentials_file. It needs the scope https://www.googleapis.com/auth/datamanager."
_RENAME = "Give the audience another display_name, or rename the other list in Google Ads."
_DEFECT = "Report this as a defect of Passerelle."
_OWNER = "Use the account that owns the list, or give the audience another name here so that a list of its own is made."

REASONS: dict[str, tuple[str, str]] = {
    "TERMS_AND_CONDITIONS_NOT_SIGNED": ("The Customer Match terms are not accepted for this account.", _TERMS),
    "ADVERTISER_TOS_NOT_ACCEPTED": ("The customer data terms are not accepted for this account.", _TERMS),
    "CUSTOMER_NOT_ACCEPTED_CUSTOMER_DATA_TERMS": (
        "The customer data terms are not accepted for this account.",
        _TERMS,
    ),
    "NOT_ALLOWLISTED": ("This account may not use Customer Match.", _ELIGIBLE),
    "ADVERTISER_NOT_ALLOWLISTED_FOR_UPLOADED_DATA": ("This account may not use uploaded lists.", _ELIGIBLE),
    "USER_LIST_TYPE_NOT_SUPPORTED_FOR_ACCOUNT": ("This account may not have lists of customers.", _ELIGIBLE),
    "PERMISSION_DENIED": ("Google denies access to this account.", _ACCESS),
    "USER_PERMISSION_DENIED": ("Google denies access to this account.", _ACCESS),
    "IAM_PERMISSION_DENIED": ("Google denies access to this account.", _ACCESS),
    "ACTION_NOT_PERMITTED": ("Google does not permit this for these credentials.", _ACCESS),
    "NOT_ADS_USER": ("The credentials belong to no user of Google Ads.", _ACCESS),
    "OPERATING_ACCOUNT_LOGIN_ACCOUNT_MISMATCH": (
        "The login account has no access to this account.",
        "Set login_account to the manager account that is linked to it.",
    ),
    "UNAUTHENTICATED": ("Google does not accept the credentials.", _SIGN_IN),
    "CREDENTIALS_MISSING": ("Google does not accept the credentials.", _SIGN_IN),
    "ACCESS_TOKEN_EXPIRED": ("Google does not accept the credentials any more.", _SIGN_IN),
    "OAUTH_TOKEN_EXPIRED": ("Google does not accept the credentials any more.", _SIGN_IN),
    "OAUTH_TOKEN_INVALID": ("Google does not accept the credentials.", _SIGN_IN),
    "OAUTH_TOKEN_REVOKED": ("Somebody revoked the credentials.", _SIGN_IN),
    "OAUTH_TOKEN_DISABLED": ("Somebody disabled the credentials.", _SIGN_IN),
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": (
        "The credentials lack a scope.",
        "Authorise them for https://www.googleapis.com/auth/datamanager and https://www.googleapis.com/auth/adwords.",
    ),
    "SERVICE_DISABLED": (
        "The API is not enabled in the Google Cloud project of the credentials.",
        "In that project's Google Cloud console, under APIs and services, enable Data Manager and Google Ads.",
    ),
    "INVALID_USER_LIST_ID": ("This list does not exist at Google any more.", _GONE),
    "INVALID_USER_LIST_TYPE": ("This list is not one of customers.", "Give the audience another display_name."),
    "INVALID_DESTINATION": ("Google does not know this account or list.", _GONE),
    "INVALID_RESOURCE_NAME": ("Google does not know this account or list.", _GONE),
    "INVALID_CUSTOMER_ID": ("Google does not know this account.", "Check `account`: ten digits, without dashes."),
    "CUSTOMER_NOT_FOUND": ("Google does not know this account.", "Check `account`: ten digits, without dashes."),
    "DESTINATION_ACCOUNT_TYPE_MISMATCH": ("This is no Google Ads account.", "Check `account`."),
    "NOT_FOUND": ("This list does not exist at Google any more.", _GONE),
    "DISPLAY_NAME_ALREADY_USED": ("Another list of this account has the same name.", _RENAME),
    "NAME_ALREADY_USED": ("Another list of this account has the same name.", _RENAME),
    "ALREADY_EXISTS": ("Another list of this account has the same name.", _RENAME),
    "INVALID_DISPLAY_NAME": ("Google does not take this name for a list.", "Give the audience another display_name."),
    "USER_LIST_NAME_RESERVED": ("Google keeps this name for itself.", "Give the audience another display_name."),
    "INVALID_DESCRIPTION": ("Google does not take this description.", "Give the audience another description."),
    "MEMBERSHIP_DURATION_TOO_LONG": ("Google keeps members for 540 days at most.", "Set a shorter retention_days."),
    "SENSITIVE_USER_LIST_IMMUTABLE": (
        "Google flagged this list as sensitive and takes no changes.",
        "Look at the list in Google Ads, Audience manager.",
    ),
    "USER_LIST_MUTATION_NOT_SUPPORTED": ("This list cannot be changed by an API.", _OWNER),
    "OWNERSHIP_REQUIRED_FOR_UPDATE": ("This list belongs to another account.", _OWNER),
    "DATA_PARTNER_USER_LIST_MUTATE_NOT_ALLOWED": ("This list belongs to a data partner.", _OWNER),
    "EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED": (
        "Google asks whether this account's campaigns hold EU political advertising.",
        "In Google Ads, open each campaign's settings and declare it.",
    ),
    "CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION": (
        "The Google Cloud project of the credentials may only call test accounts.",
        "Ask for Explorer or Basic access in the project's API settings.",
    ),
    "CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE": (
        "Google Ads takes Customer Match uploads of this project through Data Manager only.",
        "Set `route: data_manager` for this destination, and enable the Data Manager API in the Google Cloud project.",
    ),
    "DEVELOPER_TOKEN_PROHIBITED": (
        "The Google Cloud project is tied to another access level.",
        "Use credentials of the project that has access to the Google Ads API.",
    ),
    "CUSTOMER_NOT_ENABLED": ("This account is not active.", "Activate it in Google Ads."),
    "UNSUPPORTED_VERSION": ("This version of Google's API has ended.", "Update Passerelle."),
    "TOO_MANY_AUDIENCE_MEMBERS": ("A request held too many people.", _DEFECT),
    "TOO_MANY_USER_IDENTIFIERS": ("A person was sent with too many identifiers.", _DEFECT),
    "TOO_MANY_DESTINATIONS": ("A request named too many lists.", _DEFECT),
    "MULTIPLE_DATA_TYPES_NOT_ALLOWED": ("A request mixed kinds of data.", _DEFECT),
    "CONFLICTING_OPERATION": ("A job mixed additions and removals.", _DEFECT),
    "INVALID_OPERATION_ORDER": ("A job had its operations in the wrong order.", _DEFECT),
}
"""Google's word -> what it means and what to do."""

FORGOTTEN = {"REQUEST_TOO_OLD", "INVALID_REQUEST_ID"}
"""Google does not know (any more) what became of a request: it keeps that for about 50 days."""

CONSENT = {"NO_CONSENT", "DENIED_CONSENT", "UNKNOWN_CONSENT"}
"""Reasons for which Google drops members while processing, and which must never be: each is sent with both consents."""
