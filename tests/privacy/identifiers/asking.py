"""One value in, one answer out: columns are long, sentences in tests are short."""

import hashlib

import pyarrow as pa

from passerelle.privacy.identifiers import Normalized, match_key, normalize
from passerelle.privacy.vocabulary import Destination, Field

META, GOOGLE = Destination.META, Destination.GOOGLE_ADS
DESTINATIONS = (META, GOOGLE)


def pair(found: Normalized, row: int = 0) -> tuple[str | None, str | None]:
    return found.value[row].as_py(), found.reason[row].as_py()


def form(field: Field, destination: Destination, value: str, country: str | None = None) -> str | None:
    return pair(normalize(field, destination, pa.array([value]), country))[0]


def reason(field: Field, destination: Destination, value: str, country: str | None = None) -> str | None:
    value_, reason_ = pair(normalize(field, destination, pa.array([value]), country))
    assert (value_ is None) == (reason_ is not None)
    key, key_reason = pair(match_key(field, destination, pa.array([value]), country))
    assert (key is None) == (value_ is None)
    assert key_reason == reason_
    return reason_


def wire(field: Field, destination: Destination, value: str, country: str | None = None) -> str | None:
    return pair(match_key(field, destination, pa.array([value]), country))[0]


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
