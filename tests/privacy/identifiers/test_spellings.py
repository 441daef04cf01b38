"""Domains that are slips of the pen: suggested, looked up, and never taken for what was written."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.privacy.identifiers.spellings import Spellings
from passerelle.privacy.providers import WELL_KNOWN, slip_of

SPELLINGS = Spellings({"gmial.com": "gmail.com", "gmal.com": "gmail.com", "hotmial.fr": "hotmail.fr"})


@pytest.mark.parametrize(
    ("domain", "meant"),
    [
        ("gmial.com", "gmail.com"),
        ("gmai.com", "gmail.com"),
        ("gmaill.com", "gmail.com"),
        ("gmail.con", "gmail.com"),
        ("hotmial.fr", "hotmail.fr"),
        ("wanado.fr", "wanadoo.fr"),
        ("gmail.com", None),
        ("ymail.com", None),
        ("mail.com", None),
        ("hotmail.fr", None),
        ("tree.fr", None),
        ("example.org", None),
        ("", None),
    ],
)
def test_a_domain_one_letter_from_a_well_known_one_is_told(domain: str, meant: str | None) -> None:
    assert slip_of(domain) == meant


def test_no_provider_that_many_use_is_a_slip_of_another() -> None:
    assert {slip_of(domain) for domain in WELL_KNOWN} == {None}


def test_every_other_spelling_of_an_address_is_told_and_of_no_other_domain() -> None:
    place, others = SPELLINGS.others(pa.array(["a@gmial.com", "b@gmail.com", "c@example.org", "d@hotmail.fr"]))
    assert list(zip(place.tolist(), others.to_pylist(), strict=True)) == [
        (0, "a@gmail.com"),
        (0, "a@gmal.com"),
        (1, "b@gmal.com"),
        (1, "b@gmial.com"),
        (3, "d@hotmial.fr"),
    ]
    assert SPELLINGS.corrected(pa.array(["a@gmial.com", None, "é@example.org"])).to_pylist() == [
        "a@gmail.com",
        None,
        "é@example.org",
    ]


LOCALS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)
DOMAINS = st.sampled_from(["gmial.com", "gmal.com", "gmail.com", "hotmial.fr", "hotmail.fr", "example.org"])


@settings(max_examples=25)
@given(st.lists(st.tuples(LOCALS, DOMAINS), max_size=8))
def test_whoever_may_mean_somebody_may_be_meant_by_them(people: list[tuple[str, str]]) -> None:
    addresses = pa.array([f"{local}@{domain}" for local, domain in people], pa.string())
    place, others = SPELLINGS.others(addresses)
    for at, other in zip(place.tolist(), others.to_pylist(), strict=True):
        back = SPELLINGS.others(pa.array([other]))[1].to_pylist()
        assert addresses[at].as_py() in back
        assert other.rsplit("@", 1)[0] == people[at][0]
