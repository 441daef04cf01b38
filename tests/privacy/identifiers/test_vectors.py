"""Golden vectors, from what Meta (Customer File Custom Audiences) and Google (Data Manager) document."""

import pytest

from passerelle.privacy.identifiers import is_hashed
from passerelle.privacy.vocabulary import Destination, Field
from tests.privacy.identifiers.asking import GOOGLE, META, form, sha256, wire

NBSP, ZERO_WIDTH, SOFT_HYPHEN, NARROW = "\u00a0", "\u200b", "\u00ad", "\u202f"

EMAILS = [
    ("Zoe.Dambrosio@Example.FR", "zoe.dambrosio@example.fr", "zoe.dambrosio@example.fr"),
    ("  zoe@example.fr\t\n", "zoe@example.fr", "zoe@example.fr"),
    (f"{NBSP}zoe{ZERO_WIDTH}@exam{SOFT_HYPHEN}ple.fr{NARROW}", "zoe@example.fr", "zoe@example.fr"),
    ("Jane.Doe+shop@gmail.com", "jane.doe+shop@gmail.com", "janedoe@gmail.com"),
    ("J.A.N.E@GoogleMail.com", "j.a.n.e@googlemail.com", "jane@googlemail.com"),
    ("jane.doe+shop@orange.fr", "jane.doe+shop@orange.fr", "jane.doe+shop@orange.fr"),
    ("jane.doe@mygmail.com", "jane.doe@mygmail.com", "jane.doe@mygmail.com"),
    ("zoe\uff20example.fr", "zoe@example.fr", "zoe@example.fr"),
    ("zoe@e\u0301cole.fr", "zoe@école.fr", "zoe@école.fr"),
    ("o'neil_1@sub.example.co.uk", "o'neil_1@sub.example.co.uk", "o'neil_1@sub.example.co.uk"),
]

PHONES = [
    ("06 12 34 56 78", "FR", "33612345678"),
    ("06.12.34.56.78", "FR", "33612345678"),
    ("06-12-34-56-78", "FR", "33612345678"),
    ("06/12/34/56/78", "FR", "33612345678"),
    (f"06{NBSP}12{NBSP}34{NBSP}56{NBSP}78", "FR", "33612345678"),
    (f"06{NARROW}12{NARROW}34{NARROW}56{NARROW}78", "FR", "33612345678"),
    (f"{ZERO_WIDTH}0612345678\ufeff", "FR", "33612345678"),
    ("\u202a+33 6 12 34 56 78\u202c", None, "33612345678"),
    ("\uff10\uff16\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18", "FR", "33612345678"),
    ("+33 (0)6 12 34 56 78", None, "33612345678"),
    ("(+33) 6 12 34 56 78", None, "33612345678"),
    ("+33 0612345678", None, "33612345678"),
    ("0033612345678", "FR", "33612345678"),
    ("0033 (0)6 12 34 56 78", None, "33612345678"),
    ("0033612345678", "US", "33612345678"),
    ("33612345678", "FR", "33612345678"),
    ("612345678", "FR", "33612345678"),
    ("612345678.0", "FR", "33612345678"),
    ("tel:+33-6-12-34-56-78", None, "33612345678"),
    ("01 42 68 53 00", "FR", "33142685300"),
    ("0142685300", "France", "33142685300"),
    ("0692 12 34 56", "RE", "262692123456"),
    ("+39 06 698 12345", "FR", "390669812345"),
    ("020 7183 8750", "Royaume-Uni", "442071838750"),
    ("(415) 555-2671", "US", "14155552671"),
    ("1 415 555 2671", "US", "14155552671"),
]

NAMES = [
    (Field.FIRST_NAME, "Zoe\u0301", "zoé", "zoé"),
    (Field.FIRST_NAME, "  ÉLODIE ", "élodie", "élodie"),
    (Field.FIRST_NAME, "Jean-Pierre", "jeanpierre", "jean-pierre"),
    (Field.FIRST_NAME, "Anne   Marie", "anne marie", "anne marie"),
    (Field.FIRST_NAME, f"Anne{NBSP}Marie", "anne marie", "anne marie"),
    (Field.LAST_NAME, "D'Ambrosio", "dambrosio", "d'ambrosio"),
    (Field.LAST_NAME, "D\u2019Ambrosio", "dambrosio", "d'ambrosio"),
    (Field.LAST_NAME, "M. Dupont", "dupont", "dupont"),
    (Field.LAST_NAME, "M DUPONT", "dupont", "dupont"),
    (Field.LAST_NAME, "M.Dupont", "dupont", "dupont"),
    (Field.LAST_NAME, "Mme Lefèvre", "lefèvre", "lefèvre"),
    (Field.LAST_NAME, "Mlle. Lefèvre", "lefèvre", "lefèvre"),
    (Field.LAST_NAME, "M. et Mme Martin", "martin", "martin"),
    (Field.LAST_NAME, "Dr. Müller", "müller", "müller"),
    (Field.LAST_NAME, "M. le Goff", "le goff", "le goff"),
    (Field.FIRST_NAME, "Mrs. Jane", "jane", "jane"),
    (Field.FIRST_NAME, "M Hamed", "m hamed", "m hamed"),
    (Field.FIRST_NAME, "Drake", "drake", "drake"),
    (Field.LAST_NAME, "Smith Jr.", "smith jr", "smith"),
    (Field.LAST_NAME, "King, III", "king iii", "king"),
    (Field.LAST_NAME, "Лебедев", "лебедев", "лебедев"),
    (Field.LAST_NAME, "王", "王", "王"),
    (Field.LAST_NAME, "Großmann", "großmann", "großmann"),
]

OTHERS = [
    (Field.FIRST_INITIAL, "Élodie", None, "e", None),
    (Field.FIRST_INITIAL, "Œdipe", None, "o", None),
    (Field.FIRST_INITIAL, "M", None, "m", None),
    (Field.FIRST_INITIAL, "M.", None, "m", None),
    (Field.GENDER, "Homme", None, "m", None),
    (Field.GENDER, "FEMME", None, "f", None),
    (Field.GENDER, "M.", None, "m", None),
    (Field.GENDER, "Mme", None, "f", None),
    (Field.GENDER, "Fe\u0301minin", None, "f", None),
    (Field.GENDER, "Monsieur", None, "m", None),
    (Field.GENDER, "female", None, "f", None),
    (Field.GENDER, "f", None, "f", None),
    (Field.BIRTH_YEAR, "1984", None, "1984", None),
    (Field.BIRTH_YEAR, "1984-03-09", None, "1984", None),
    (Field.BIRTH_MONTH, "3", None, "03", None),
    (Field.BIRTH_MONTH, "1984-03-09T00:00:00Z", None, "03", None),
    (Field.BIRTH_MONTH, "09/03/1984", "FR", "03", None),
    (Field.BIRTH_MONTH, "09/03/1984", "US", "09", None),
    (Field.BIRTH_DAY, "9.3.1984", None, "09", None),
    (Field.BIRTH_DAY, "19840309", None, "09", None),
    (Field.BIRTH_DAY, "9.0", None, "09", None),
    (Field.CITY, "Évry", "FR", "evry", None),
    (Field.CITY, "Saint-Étienne", "FR", "saintetienne", None),
    (Field.CITY, "L'Haÿ-les-Roses", "FR", "lhaylesroses", None),
    (Field.CITY, "PARIS CEDEX 08", "FR", "paris", None),
    (Field.CITY, "Lyon 3ème arrondissement", "FR", "lyon", None),
    (Field.CITY, "Paris 12e", "FR", "paris", None),
    (Field.CITY, "Łódź", "PL", "lodz", None),
    (Field.CITY, "Menlo Park", "US", "menlopark", None),
    (Field.STATE, "California", "US", "ca", None),
    (Field.STATE, "N.Y.", "United States", "ny", None),
    (Field.STATE, "Île-de-France", "FR", "iledefrance", None),
    (Field.POSTAL_CODE, "59000", "FR", "59000", "59000"),
    (Field.POSTAL_CODE, " 59 000 ", "FR", "59000", "59000"),
    (Field.POSTAL_CODE, "F-59000", "FR", "59000", "59000"),
    (Field.POSTAL_CODE, "1000", "FR", "01000", "01000"),
    (Field.POSTAL_CODE, "1000", "BE", "1000", "1000"),
    (Field.POSTAL_CODE, "94025-1234", "US", "94025", "94025-1234"),
    (Field.POSTAL_CODE, "M1 1AE", "GB", "m11ae", "M1 1AE"),
    (Field.POSTAL_CODE, "SW1A 1AA", "UK", "sw1a1aa", "SW1A 1AA"),
    (Field.POSTAL_CODE, "1234-567", "PT", "1234567", "1234-567"),
    (Field.COUNTRY, "France", None, "fr", "FR"),
    (Field.COUNTRY, "us", None, "us", "US"),
    (Field.COUNTRY, "Royaume-Uni", None, "gb", "GB"),
    (Field.COUNTRY, "UK", None, "gb", "GB"),
    (Field.MOBILE_AD_ID, "AEBE52E7-03EE-455A-B3C4-E57283966239", None, *["aebe52e7-03ee-455a-b3c4-e57283966239"] * 2),
    (Field.EXTERNAL_ID, "USER_1", None, "USER_1", "USER_1"),
    (Field.EXTERNAL_ID, "C000042  ", None, "C000042", "C000042"),
]


@pytest.mark.parametrize(("value", "meta", "google"), EMAILS)
def test_an_email_has_its_documented_form_at_each_destination(value: str, meta: str, google: str) -> None:
    assert form(Field.EMAIL, META, value) == meta
    assert form(Field.EMAIL, GOOGLE, value) == google


def test_google_takes_white_space_out_of_an_email() -> None:
    assert form(Field.EMAIL, GOOGLE, "jane doe @ example.com") == "janedoe@example.com"


@pytest.mark.parametrize(("value", "country", "digits"), PHONES)
def test_a_phone_number_is_in_e164_with_a_plus_for_google_alone(value: str, country: str | None, digits: str) -> None:
    assert form(Field.PHONE, META, value, country) == digits
    assert form(Field.PHONE, GOOGLE, value, country) == f"+{digits}"


@pytest.mark.parametrize(("field", "value", "meta", "google"), NAMES)
def test_a_name_has_its_documented_form_at_each_destination(field: Field, value: str, meta: str, google: str) -> None:
    assert form(field, META, value) == meta
    assert form(field, GOOGLE, value) == google


@pytest.mark.parametrize(("field", "value", "country", "meta", "google"), OTHERS)
def test_every_other_field_has_its_documented_form(
    field: Field, value: str, country: str | None, meta: str, google: str | None
) -> None:
    assert form(field, META, value, country) == meta
    assert form(field, GOOGLE, value, country) == google


def test_hashes_are_sha256_of_the_normal_form_in_lower_hex() -> None:
    assert wire(Field.EMAIL, META, " Jane@Example.com") == sha256("jane@example.com")
    assert wire(Field.FIRST_NAME, META, "Zoe\u0301") == sha256("zoé")
    assert wire(Field.EMAIL, META, "test@example.com") == (
        "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"
    )


def test_one_person_has_two_hashes() -> None:
    assert wire(Field.PHONE, META, "0612345678", "FR") == sha256("33612345678")
    assert wire(Field.PHONE, GOOGLE, "0612345678", "FR") == sha256("+33612345678")


@pytest.mark.parametrize("destination", Destination)
@pytest.mark.parametrize("field", [Field.MOBILE_AD_ID, Field.EXTERNAL_ID])
def test_ids_are_never_hashed(field: Field, destination: Destination) -> None:
    value = "aebe52e7-03ee-455a-b3c4-e57283966239"
    assert not is_hashed(field, destination)
    assert wire(field, destination, value) == value


def test_google_takes_postal_code_and_country_in_clear_and_meta_hashed() -> None:
    for field, value in ((Field.POSTAL_CODE, "59000"), (Field.COUNTRY, "FR")):
        assert wire(field, GOOGLE, value, "FR") == value
        assert wire(field, META, value, "FR") == sha256(value.lower())
