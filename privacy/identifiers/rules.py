"""Which rule holds for which field at which destination, and which of them are hashed."""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from passerelle.privacy.identifiers.columns import Normalized, Rule
from passerelle.privacy.identifiers.countries import country
from passerelle.privacy.identifiers.devices import common_external_ids, external_id, mobile_ad_id
from passerelle.privacy.identifiers.emails import common_emails, email
from passerelle.privacy.identifiers.names import common_names, first_initial, name
from passerelle.privacy.identifiers.person import birth, gender
from passerelle.privacy.identifiers.places import (
    city,
    common_cities,
    common_postal_codes,
    postal_code,
    state,
)
from passerelle.privacy.identifiers.reasons import Refusal
from passerelle.privacy.vocabulary import Destination, Field

META, GOOGLE_ADS = Destination.META, Destination.GOOGLE_ADS

_PLAIN = {
    META: {Field.MOBILE_AD_ID, Field.EXTERNAL_ID},
    GOOGLE_ADS: {Field.POSTAL_CODE, Field.COUNTRY, Field.MOBILE_AD_ID, Field.EXTERNAL_ID},
}


def is_hashed(field: Field, destination: Destination) -> bool:
    """Whether `destination` wants `field` as a SHA-256; False where it wants it plain or not at all."""
    return supported(field, destination) and field not in _PLAIN[destination]


def supported(field: Field, destination: Destination) -> bool:
    """Whether `destination` matches people by `field`."""
    return field in RULES[destination]


def e164(without_plus: bool = False) -> Rule:
    """The rule for phone numbers, with or without the plus sign. What countries number by is read when first asked."""
    first = 1 if without_plus else 0

    def one(value: str, region: str | None) -> str | Refusal:
        from passerelle.privacy.identifiers.phones import phone

        found = phone(value, region)
        return found if isinstance(found, Refusal) else found[first:]

    def many(values: pa.StringArray, region: str | None) -> Normalized:
        from passerelle.privacy.identifiers.phones import common_phones

        found, invalid, no_country = common_phones(values, region)
        reason = pc.if_else(pa.array(invalid), Refusal.PHONE_INVALID.value, pa.scalar(None, pa.string()))
        reason = pc.if_else(pa.array(no_country), Refusal.PHONE_COUNTRY.value, reason)
        return Normalized(pc.utf8_slice_codeunits(found, 1) if without_plus else found, reason)

    return Rule(one, many, by_country=True)


def _columns(common: Callable[[pa.StringArray], pa.StringArray]) -> Callable[[pa.StringArray, str | None], Normalized]:
    """A column function that knows values but no refusals."""

    def many(values: pa.StringArray, _country: str | None) -> Normalized:
        return Normalized(common(values), pa.nulls(len(values), pa.string()))

    return many


def _email(destination: Destination) -> Rule:
    return Rule(
        lambda value, _country: email(value, destination),
        _columns(lambda values: common_emails(values, destination)),
    )


def _name(field: Field, destination: Destination) -> Rule:
    return Rule(
        lambda value, _country: name(value, field, destination),
        _columns(lambda values: common_names(values, destination)),
    )


def _postal_code(destination: Destination) -> Rule:
    def many(values: pa.StringArray, country: str | None) -> Normalized:
        known = common_postal_codes(values) if country != "GB" else pa.nulls(len(values), pa.string())
        return Normalized(known, pa.nulls(len(values), pa.string()))

    return Rule(lambda value, country: postal_code(value, country, destination), many, by_country=True)


def _birth(field: Field) -> Rule:
    return Rule(lambda value, country: birth(value, field, country), by_country=True)


_EXTERNAL_ID = Rule(lambda value, _country: external_id(value), _columns(common_external_ids))

RULES: dict[Destination, dict[Field, Rule]] = {
    META: {
        Field.EMAIL: _email(META),
        Field.PHONE: e164(without_plus=True),
        Field.FIRST_NAME: _name(Field.FIRST_NAME, META),
        Field.LAST_NAME: _name(Field.LAST_NAME, META),
        Field.FIRST_INITIAL: Rule(lambda value, _country: first_initial(value, META)),
        Field.GENDER: Rule(lambda value, _country: gender(value)),
        Field.BIRTH_YEAR: _birth(Field.BIRTH_YEAR),
        Field.BIRTH_MONTH: _birth(Field.BIRTH_MONTH),
        Field.BIRTH_DAY: _birth(Field.BIRTH_DAY),
        Field.CITY: Rule(lambda value, _country: city(value), _columns(common_cities)),
        Field.STATE: Rule(state, by_country=True),
        Field.POSTAL_CODE: _postal_code(META),
        Field.COUNTRY: Rule(lambda value, _country: country(value, META)),
        Field.MOBILE_AD_ID: Rule(lambda value, _country: mobile_ad_id(value)),
        Field.EXTERNAL_ID: _EXTERNAL_ID,
    },
    GOOGLE_ADS: {
        Field.EMAIL: _email(GOOGLE_ADS),
        Field.PHONE: e164(),
        Field.FIRST_NAME: _name(Field.FIRST_NAME, GOOGLE_ADS),
        Field.LAST_NAME: _name(Field.LAST_NAME, GOOGLE_ADS),
        Field.POSTAL_CODE: _postal_code(GOOGLE_ADS),
        Field.COUNTRY: Rule(lambda value, _country: country(value, GOOGLE_ADS)),
        Field.MOBILE_AD_ID: Rule(lambda value, _country: mobile_ad_id(value)),
        Field.EXTERNAL_ID: _EXTERNAL_ID,
    },
}
"""Fields that are missing are not taken by that destination."""

CANONICAL: dict[Field, Rule] = {
    Field.EMAIL: _email(META),
    Field.PHONE: e164(),
    Field.EXTERNAL_ID: _EXTERNAL_ID,
}
"""The forms of which an equal one means the same person."""
