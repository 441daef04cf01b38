import random
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.privacy.identifiers import canonical, is_hashed, match_key, normalize, supported
from passerelle.privacy.identifiers.columns import Normalized
from passerelle.privacy.identifiers.reasons import Refusal
from passerelle.privacy.identifiers.rules import RULES
from passerelle.privacy.vocabulary import IDENTITY_FIELDS, Destination, Field
from tests.exploring import examples
from tests.privacy.identifiers.asking import pair, sha256

CASES = [(field, destination) for destination in Destination for field in Field if supported(field, destination)]
HASHED = [case for case in CASES if is_hashed(*case)]

LIKELY = st.sampled_from(
    [
        *("Zoé", "Zoe\u0301", "M. Dupont", "Mme", "D'Ambrosio", "Jean-Pierre", "M-r Dupont", "Smith Jr.", "Me, jr"),
        *("06 12 34 56 78", "+33 (0)6 12 34 56 78", "0033612345678", "+1 415 555 2671", "33612345678"),
        *("Jane.Doe+x@gmail.com", "zoe@example.fr", "zo e@example.fr", "+@gmail.com", "é@é.fr"),
        *("59000", "M1 1AE", "94025-1234", "1000", "France", "UK", "Paris Cedex 08", "N.Y.", "1984-03-09", "Homme"),
        *("aebe52e7-03ee-455a-b3c4-e57283966239", "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"),
    ]
)
SOILED = st.builds(
    lambda text, place, dirt: text[: place % (len(text) + 1)] + dirt + text[place % (len(text) + 1) :],
    LIKELY,
    st.integers(0, 60),
    st.sampled_from(
        ["\u00a0", "\u200b", "\u00ad", " ", ".", "-", "'", "+", "\u0301", "\t", "İ", "ß", "1", "m. ", "\uff11"]
    ),
)
FEW = settings(max_examples=25, deadline=None)
VALUES = LIKELY | SOILED | st.text(max_size=40)
COUNTRIES = st.sampled_from([None, "FR", "US", "GB", "IT", "RE", "France", "Nowhere"])


@pytest.mark.parametrize(("field", "destination"), CASES)
@FEW
@given(value=VALUES, country=COUNTRIES)
def test_normalising_twice_is_normalising_once(
    field: Field, destination: Destination, value: str, country: str | None
) -> None:
    once, _ = pair(normalize(field, destination, pa.array([value]), country))
    if once is not None:
        again = f"+{once}" if field is Field.PHONE and destination is Destination.META else once
        assert pair(normalize(field, destination, pa.array([again]), country)) == (once, None)


@pytest.mark.parametrize(("field", "destination"), CASES)
@FEW
@given(value=VALUES, country=COUNTRIES)
def test_there_is_a_form_or_a_reason_and_never_an_empty_form(
    field: Field, destination: Destination, value: str, country: str | None
) -> None:
    form, reason = pair(normalize(field, destination, pa.array([value]), country))
    assert (form is None) != (reason is None)
    assert form is None or form.strip()


@pytest.mark.parametrize(("field", "destination"), CASES)
@FEW
@given(value=VALUES, country=COUNTRIES)
def test_a_key_is_the_hash_of_the_form_and_nothing_refused_is_hashed(
    field: Field, destination: Destination, value: str, country: str | None
) -> None:
    form, reason = pair(normalize(field, destination, pa.array([value]), country))
    key, key_reason = pair(match_key(field, destination, pa.array([value]), country))
    assert key_reason == reason
    assert key == (sha256(form) if form is not None and is_hashed(field, destination) else form)
    assert key != sha256("")


@pytest.mark.parametrize(("field", "destination"), [case for case in CASES if case[0] is not Field.EXTERNAL_ID])
@FEW
@given(value=VALUES, country=COUNTRIES)
def test_composed_and_decomposed_letters_are_the_same(
    field: Field, destination: Destination, value: str, country: str | None
) -> None:
    both = pa.array([unicodedata.normalize("NFC", value), unicodedata.normalize("NFD", value)])
    found = normalize(field, destination, both, country)
    assert pair(found, 0) == pair(found, 1)


@pytest.mark.parametrize(("field", "destination"), CASES)
@settings(max_examples=10, deadline=None)
@given(values=st.lists(VALUES | st.none(), min_size=1, max_size=90), country=COUNTRIES, seed=st.integers(0, 99))
def test_the_answer_depends_on_no_other_row(
    field: Field, destination: Destination, values: list[str | None], country: str | None, seed: int
) -> None:
    many = [*values, *(f"{value}" for value in range(100))]
    order = list(range(len(many)))
    random.Random(seed).shuffle(order)  # noqa: S311 - an order, not a secret
    straight = _pairs(normalize(field, destination, pa.array(many, pa.string()), country))
    shuffled = _pairs(normalize(field, destination, pa.array([many[row] for row in order], pa.string()), country))
    assert [straight[row] for row in order] == shuffled
    alone = [_pairs(normalize(field, destination, pa.array([value], pa.string()), country))[0] for value in values]
    assert straight[: len(values)] == alone


@FEW
@given(values=st.lists(st.tuples(VALUES, COUNTRIES), min_size=1, max_size=20))
def test_a_country_per_row_reads_each_row_as_one_country_for_all_would(values: list[tuple[str, str | None]]) -> None:
    numbers, countries = zip(*values, strict=True)
    together = _pairs(match_key(Field.PHONE, Destination.META, pa.array(numbers), pa.array(countries, pa.string())))
    apart = [_pairs(match_key(Field.PHONE, Destination.META, pa.array([one]), place))[0] for one, place in values]
    assert together == apart


@pytest.mark.parametrize("field", IDENTITY_FIELDS)
@FEW
@given(value=VALUES, country=COUNTRIES)
def test_the_canonical_form_is_its_own_canonical_form(field: Field, value: str, country: str | None) -> None:
    once, _ = pair(canonical(field, pa.array([value]), country))
    if once is not None:
        assert pair(canonical(field, pa.array([once]), country)) == (once, None)


@pytest.mark.parametrize(("field", "destination"), [case for case in CASES if RULES[case[1]][case[0]].many])
@settings(max_examples=examples(50), deadline=None)
@given(value=VALUES.filter(bool), country=st.sampled_from([None, "FR", "US", "GB"]))
def test_columns_agree_with_the_rule_for_one_value(
    field: Field, destination: Destination, value: str, country: str | None
) -> None:
    rule = RULES[destination][field]
    assert rule.many is not None
    quick = rule.many(pa.array([value]), country)
    form, reason = pair(quick)
    if form is not None or reason is not None:
        slow = rule.one(value, country)
        assert (form, reason) == ((None, slow.value) if isinstance(slow, Refusal) else (slow, None))


def _pairs(found: Normalized) -> list[tuple[str | None, str | None]]:
    return list(zip(found.value.to_pylist(), found.reason.to_pylist(), strict=True))
