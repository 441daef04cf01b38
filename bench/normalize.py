"""Normalise and hash every field of both platforms, against a plain loop that only strips, lowers and hashes."""

import hashlib
import os
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.measure import Measure, in_process, ratio
from passerelle.privacy.identifiers import match_key
from passerelle.privacy.vocabulary import Destination, Field

GOAL = 1.0
ROUNDS = 5
PEOPLE = int(os.environ.get("PASSERELLE_BENCH_PEOPLE", "200000"))

META = (
    *(Field.EMAIL, Field.PHONE, Field.FIRST_NAME, Field.LAST_NAME, Field.GENDER, Field.BIRTH_YEAR, Field.BIRTH_MONTH),
    *(Field.BIRTH_DAY, Field.CITY, Field.STATE, Field.POSTAL_CODE, Field.COUNTRY),
)
GOOGLE = (Field.EMAIL, Field.PHONE, Field.FIRST_NAME, Field.LAST_NAME)

_SYLLABLES = ["be", "bou", "cha", "da", "du", "fa", "gue", "la", "le", "mé", "mo", "pe", "ri", "ro", "sa", "ti", "vi"]
_FIRST = ["Zoé", "Léa", "Jean-François", "Aïcha", "Théo", "Marie", "Benoît", "Camille", "Loïc", "Anne Laure"]
_CITIES = ["Paris", "LYON", "Évry", "Saint-Étienne", "Lille", "Les Sables-d'Olonne", "Brest", "Nice", "Paris Cedex 08"]
_DOMAINS = ["gmail.com", "orange.fr", "Gmail.com", "free.fr", "hotmail.fr", "example.org"]
_REGIONS = ["Bretagne", "Île-de-France", "Hauts-de-France", "Occitanie", "Grand Est"]


def run() -> dict[str, Measure]:
    """The ratio over both platforms, and over each alone."""
    people = invent(PEOPLE)
    plain = {field: column.to_pylist() for field, column in people.items()}
    results = {}
    for name, jobs in {
        "normalize_hash": ((Destination.META, META), (Destination.GOOGLE_ADS, GOOGLE)),
        "normalize_hash_meta": ((Destination.META, META),),
        "normalize_hash_google": ((Destination.GOOGLE_ADS, GOOGLE),),
    }.items():
        fields = [field for _, wanted in jobs for field in wanted]
        taken, peak = in_process(partial(ratio, partial(ours, people, jobs), partial(yardstick, plain, fields), ROUNDS))
        results[name] = Measure(taken, GOAL, peak)
    return results


def ours(people: dict[Field, pa.Array], jobs: tuple[tuple[Destination, tuple[Field, ...]], ...]) -> None:
    for destination, fields in jobs:
        for field in fields:
            match_key(field, destination, people[field], people[Field.COUNTRY])


def yardstick(people: dict[Field, list[str]], fields: list[Field]) -> None:
    for field in fields:
        [hashlib.sha256(value.strip().lower().encode()).hexdigest() for value in people[field]]


def invent(count: int) -> dict[Field, pa.Array]:
    """People as a French shop knows them: accents, three ways to write a phone, one in thirty of them wrong."""
    chance = np.random.default_rng(2026)
    first = _pick(_names(400, chance) + _FIRST, chance, count)
    last = _pick([name.upper() for name in _names(count // 5, chance)], chance, count)
    handles = pc.replace_substring_regex(pc.ascii_lower(first), r"[^a-z]", "")
    number = pa.array(np.arange(count)).cast(pa.string())
    email = pc.binary_join_element_wise(handles, ".", number, "@", _pick(_DOMAINS, chance, count), "")
    return {
        Field.EMAIL: email,
        Field.PHONE: _phones(chance, count),
        Field.FIRST_NAME: first,
        Field.LAST_NAME: last,
        Field.GENDER: _pick(["Homme", "Femme", "F", "M"], chance, count),
        Field.BIRTH_YEAR: pa.array(chance.integers(1935, 2008, count)).cast(pa.string()),
        Field.BIRTH_MONTH: pa.array(chance.integers(1, 13, count)).cast(pa.string()),
        Field.BIRTH_DAY: pa.array(chance.integers(1, 29, count)).cast(pa.string()),
        Field.CITY: _pick(_CITIES + _names(count // 50, chance), chance, count),
        Field.STATE: _pick(_REGIONS, chance, count),
        Field.POSTAL_CODE: pc.utf8_lpad(pa.array(chance.integers(1000, 95999, count)).cast(pa.string()), 5, "0"),
        Field.COUNTRY: _pick(["FR", "France", "FR", "FR", "Belgique", "FR", "Suisse", "FR", "FR", "FR"], chance, count),
    }


def _phones(chance: np.random.Generator, count: int) -> pa.Array:
    pairs = [pc.utf8_lpad(pa.array(chance.integers(0, 100, count)).cast(pa.string()), 2, "0") for _ in range(4)]
    ways = chance.integers(0, 30, count)
    spaced = pc.binary_join_element_wise(pa.scalar("06"), *pairs, " ")
    joined = pc.binary_join_element_wise(pa.scalar("+336"), *pairs, "")
    dotted = pc.binary_join_element_wise(pa.scalar("06"), *pairs, ".")
    wrong = pc.binary_join_element_wise(pa.scalar("06"), pairs[0], pairs[1], "")
    choices = pc.if_else(pa.array(ways < 12), spaced, pc.if_else(pa.array(ways < 20), joined, dotted))
    return pc.if_else(pa.array(ways == 29), wrong, choices)


def _names(count: int, chance: np.random.Generator) -> list[str]:
    parts = chance.integers(0, len(_SYLLABLES), (max(count, 1), 4))
    return ["".join(_SYLLABLES[part] for part in row).capitalize() for row in parts.tolist()]


def _pick(words: list[str], chance: np.random.Generator, count: int) -> pa.Array:
    return pa.array(words).take(pa.array(chance.integers(0, len(words), count)))
