"""Why an identifier is not sent: one code per cause, and one sentence that says how to repair it."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType


class Refusal(Enum):
    """A cause of refusal. Its value is the code that stands in results."""

    BLANK = "blank"
    UNSUPPORTED = "unsupported"
    NOT_TEXT = "not_text"
    ALREADY_HASHED = "already_hashed"
    EMAIL_INVALID = "email_invalid"
    EMAIL_SPACE = "email_space"
    PHONE_INVALID = "phone_invalid"
    PHONE_COUNTRY = "phone_country"
    PHONE_LETTERS = "phone_letters"
    PHONE_SPREADSHEET = "phone_spreadsheet"
    NAME_TITLE = "name_title"
    NAME_NO_LETTER = "name_no_letter"
    NOT_LATIN = "not_latin"
    PLACE_NO_LETTER = "place_no_letter"
    STATE_UNKNOWN = "state_unknown"
    POSTAL_CODE_INVALID = "postal_code_invalid"
    COUNTRY_UNKNOWN = "country_unknown"
    GENDER_UNKNOWN = "gender_unknown"
    BIRTH_INVALID = "birth_invalid"
    MOBILE_AD_ID_INVALID = "mobile_ad_id_invalid"
    MOBILE_AD_ID_ZERO = "mobile_ad_id_zero"
    EXTERNAL_ID_INVALID = "external_id_invalid"


REASONS: Mapping[str, str] = MappingProxyType(
    {
        Refusal.BLANK.value: "The value is empty: leave it out, or fill it in at the source.",
        Refusal.UNSUPPORTED.value: "This destination does not match people by this field: leave it out.",
        Refusal.NOT_TEXT.value: "The value is neither text nor a whole number: export the column as text.",
        Refusal.ALREADY_HASHED.value: (
            "The value looks like a hash, and what was hashed cannot be checked: give the value in clear."
        ),
        Refusal.EMAIL_INVALID.value: "This is not one e-mail address (name@domain.tld): correct it at the source.",
        Refusal.EMAIL_SPACE.value: "There is a space inside the e-mail address: correct it at the source.",
        Refusal.PHONE_INVALID.value: (
            "No such phone number exists in its country: check the digits, and the country it is read with."
        ),
        Refusal.PHONE_COUNTRY.value: (
            "The phone number has no country code: write it with +, or give a country or a default country."
        ),
        Refusal.PHONE_LETTERS.value: "There are words in the phone number: keep one number, in digits.",
        Refusal.PHONE_SPREADSHEET.value: (
            "A spreadsheet turned the phone number into 3.36E+10 and lost digits: export the column as text."
        ),
        Refusal.NAME_TITLE.value: "This is a title, not a name: map the column of names.",
        Refusal.NAME_NO_LETTER.value: "There is no letter in the name: correct it, or leave it out.",
        Refusal.NOT_LATIN.value: "Meta takes places and initials in the letters a to z only: give the Latin spelling.",
        Refusal.PLACE_NO_LETTER.value: "There is no letter in the place: check which column is mapped.",
        Refusal.STATE_UNKNOWN.value: "This is no state of the United States: give its name or its two letters.",
        Refusal.POSTAL_CODE_INVALID.value: (
            "This is no postal code of its country: check the column, and that leading zeros were kept."
        ),
        Refusal.COUNTRY_UNKNOWN.value: "This country is not known: give its ISO 3166 code, such as FR.",
        Refusal.GENDER_UNKNOWN.value: "The destination takes male and female alone; this says neither: leave it out.",
        Refusal.BIRTH_INVALID.value: (
            "This is no date of birth: give 1984-03-09 or 09/03/1984, or year (four digits), month and day as numbers."
        ),
        Refusal.MOBILE_AD_ID_INVALID.value: "This is no advertising id (8-4-4-4-12 hex digits): check the column.",
        Refusal.MOBILE_AD_ID_ZERO.value: "An advertising id of zeros means that its owner opted out: leave it out.",
        Refusal.EXTERNAL_ID_INVALID.value: "The external id holds a control character: correct it at the source.",
    }
)
"""Each code, and what to do about it. No sentence quotes a value."""
