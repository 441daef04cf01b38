import datetime as dt

import pyarrow as pa
import pytest

from passerelle.privacy.identifiers import canonical, country_codes, match_key, normalize
from passerelle.privacy.identifiers.columns import sha256_hex
from passerelle.privacy.vocabulary import Destination, Field
from tests.privacy.identifiers.asking import META, form, pair, sha256


def test_every_row_has_an_answer_in_its_place_with_nulls_where_they_were() -> None:
    values = pa.array([None, "Zoe@example.fr", "", None, "Zoe@example.fr"])
    found = normalize(Field.EMAIL, META, values)
    assert found.value.to_pylist() == [None, "zoe@example.fr", None, None, "zoe@example.fr"]
    assert found.reason.to_pylist() == [None, None, "blank", None, None]


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
def test_text_of_every_arrow_type_is_taken(kind: pa.DataType) -> None:
    values = pa.array(["06 12 34 56 78", None]).cast(kind)
    assert normalize(Field.PHONE, META, values, "FR").value.to_pylist() == ["33612345678", None]


def test_chunks_and_slices_are_taken() -> None:
    values = pa.chunked_array([["a@example.fr"], [], ["B@example.fr", None]])
    assert normalize(Field.EMAIL, META, values).value.to_pylist() == ["a@example.fr", "b@example.fr", None]
    sliced = pa.array([f"0612345{row:03d}" for row in range(200)]).slice(50, 100)
    assert normalize(Field.PHONE, META, sliced, "FR").value[0].as_py() == "33612345050"


def test_no_rows_give_no_rows() -> None:
    for empty in (pa.array([], pa.string()), pa.chunked_array([], pa.string()), pa.nulls(0)):
        assert len(match_key(Field.PHONE, META, empty, "FR").value) == 0


def test_whole_numbers_and_dates_are_read_as_they_are_written() -> None:
    assert pair(normalize(Field.BIRTH_YEAR, META, pa.array([1984])))[0] == "1984"
    assert pair(normalize(Field.BIRTH_YEAR, META, pa.array([1984.0])))[0] == "1984"
    assert pair(normalize(Field.BIRTH_MONTH, META, pa.array([dt.date(1984, 3, 9)])))[0] == "03"
    assert pair(normalize(Field.PHONE, META, pa.array([612345678]), "FR"))[0] == "33612345678"


def test_what_is_neither_text_nor_a_whole_number_is_refused() -> None:
    found = normalize(Field.BIRTH_YEAR, META, pa.array([1984.5, float("nan"), float("inf"), None]))
    assert found.reason.to_pylist() == ["not_text", "not_text", "not_text", None]
    assert pair(normalize(Field.EMAIL, META, pa.array([True])))[1] == "not_text"
    assert pair(normalize(Field.EMAIL, META, pa.array([["a@example.fr"]])))[1] == "not_text"


def test_a_hash_per_row_with_nulls_kept() -> None:
    assert sha256_hex(pa.array(["a", None, "é"])).to_pylist() == [sha256("a"), None, sha256("é")]
    assert sha256_hex(pa.array([None], pa.string())).to_pylist() == [None]


def test_a_long_column_of_distinct_values_is_hashed_row_by_row() -> None:
    values = [None if row % 7 == 0 else f"Person.{row}@Example.com" for row in range(70_000)]
    keys = match_key(Field.EMAIL, META, pa.array(values)).value
    for row in (0, 1, 4_095, 4_097, 65_535, 65_537, 69_999):
        value = values[row]
        assert keys[row].as_py() == (None if value is None else sha256(value.lower()))


def test_rows_are_read_in_their_own_country() -> None:
    values = pa.array(["0612345678", "020 7183 8750", "0612345678", "0612345678"])
    countries = pa.array(["France", "UK", None, "XX"])
    found = normalize(Field.PHONE, META, values, countries)
    assert found.value.to_pylist() == ["33612345678", "442071838750", None, None]
    assert found.reason.to_pylist() == [None, None, "phone_country", "phone_country"]
    assert normalize(Field.PHONE, META, values, pa.chunked_array([countries])).value.equals(found.value)


def test_identity_does_not_depend_on_a_destination() -> None:
    assert pair(canonical(Field.EMAIL, pa.array(["Jane.Doe+x@Gmail.com"]))) == ("jane.doe+x@gmail.com", None)
    assert pair(canonical(Field.PHONE, pa.array(["06 12 34 56 78"]), "FR")) == ("+33612345678", None)
    assert pair(canonical(Field.EXTERNAL_ID, pa.array(["USER_1"]))) == ("USER_1", None)
    with pytest.raises(KeyError):
        canonical(Field.FIRST_NAME, pa.array(["Zoé"]))


COUNTRY_NAMES = {
    "FR": ["FRANCE", "france", "FRA", "fr", "Frankreich", "Francia", "République française"],
    "GB": ["Royaume-Uni", "UK", "United Kingdom", "Great Britain", "Angleterre", "GBR", "royaume uni"],
    "US": ["États-Unis", "Etats-Unis", "USA", "U.S.A.", "United States of America", "us"],
    "DE": ["Allemagne", "Deutschland", "Germany", "de"],
    "CI": ["Côte d'Ivoire", "Côte d\u2019Ivoire", "Ivory Coast"],
    "GR": ["Grèce", "Ελλάδα", "EL"],
    "RE": ["La Réunion", "Réunion"],
    "CD": ["Congo-Kinshasa", "RDC"],
    "TT": ["Trinidad & Tobago", "Trinité-et-Tobago", "Trinidad and Tobago"],
    "AD": ["AND", "Andorre"],
    "LA": ["LA", "Laos"],
    "BE": ["Belgique", "België", "Belgien"],
    "CH": ["Suisse", "Schweiz", "Svizzera"],
    "JP": ["日本", "Japon"],
}


@pytest.mark.parametrize(("code", "names"), COUNTRY_NAMES.items())
def test_a_country_is_known_by_its_names(code: str, names: list[str]) -> None:
    assert country_codes(pa.array(names)).to_pylist() == [code] * len(names)


def test_what_names_no_country_or_two_is_null() -> None:
    assert country_codes(pa.array(["ZZ", "", None, "Kongo", "Atlantide"])).to_pylist() == [None] * 5


@pytest.mark.parametrize("destination", Destination)
def test_the_country_of_a_row_may_be_a_name(destination: Destination) -> None:
    assert form(Field.PHONE, destination, "0612345678", "France") == form(Field.PHONE, destination, "0612345678", "FR")
