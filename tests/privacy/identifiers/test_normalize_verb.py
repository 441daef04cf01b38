import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest

from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.vocabulary import Destination
from passerelle.workflows.verbs.contract import Environment
from passerelle.workflows.verbs.normalize import VERBS, NormalizeRequest, NormalizeResult
from tests.privacy.identifiers.asking import sha256


class Quiet:
    """Progress that nobody watches."""

    def step(self, _label: str, *, total: int | None = None) -> Self:  # noqa: ARG002 - the protocol's name
        return self

    def advance(self, count: int = 1) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        pass


def ask(text: bytes, **request: Any) -> tuple[NormalizeResult, list[dict[str, Any]]]:  # noqa: ANN401 - options
    with asking(text) as (environment, answers):
        result = VERBS[0].run(environment, NormalizeRequest(**{"destination": Destination.META, **request}))
    return result, answers


@contextmanager
def asking(text: bytes) -> Iterator[tuple[Environment, list[dict[str, Any]]]]:
    out, answers = io.BytesIO(), list[dict[str, Any]]()
    yield Environment(Path(), lambda: 0, io.BytesIO(text), out, Quiet()), answers
    answers += [json.loads(line) for line in out.getvalue().splitlines()]


def lines(*given: object) -> bytes:
    return "".join(f"{json.dumps(each, ensure_ascii=False)}\n" for each in given).encode()


def test_a_hash_a_plain_value_or_a_reason_comes_back_in_order() -> None:
    result, answers = ask(
        lines(
            {"field": "phone", "value": "06 12 34 56 78", "country": "FR"},
            {"field": "external_id", "value": "USER_1"},
            {"field": "gender", "value": "?"},
            {"field": "email", "value": " Zoe@Example.fr"},
            {"field": "city", "value": None},
        )
    )
    assert answers == [
        {"field": "phone", "sha256": sha256("33612345678")},
        {"field": "external_id", "value": "USER_1"},
        {"field": "gender", "reason": "gender_unknown"},
        {"field": "email", "sha256": sha256("zoe@example.fr")},
        {"field": "city", "reason": "blank"},
    ]
    assert (result.lines, result.normalized, result.refused, result.malformed) == (5, 3, 2, 0)


def test_show_adds_the_normal_form() -> None:
    _, answers = ask(lines({"field": "country", "value": "France"}, {"field": "email", "value": "x"}), show=True)
    assert answers == [
        {"field": "country", "sha256": sha256("fr"), "normalized": "fr"},
        {"field": "email", "reason": "email_invalid"},
    ]


def test_google_has_its_own_rules() -> None:
    given = lines({"field": "postal_code", "value": "59000"}, {"field": "gender", "value": "F"})
    _, answers = ask(given, destination=Destination.GOOGLE_ADS)
    assert answers == [{"field": "postal_code", "value": "59000"}, {"field": "gender", "reason": "unsupported"}]


def test_the_country_option_is_for_lines_that_name_none() -> None:
    given = lines(
        {"field": "phone", "value": "0612345678"},
        {"field": "phone", "value": "020 7183 8750", "country": "GB"},
        {"field": "phone", "value": "0612345678", "country": None},
    )
    _, answers = ask(given, country="France", show=True)
    assert [answer["normalized"] for answer in answers] == ["33612345678", "442071838750", "33612345678"]


def test_numbers_are_read_as_they_are_written() -> None:
    text = (
        b'{"field":"phone","value":612345678}\n{"field":"birth_year","value":1984.0}\n{"field":"phone","value":6.1e8}\n'
    )
    _, answers = ask(text, country="FR", show=True)
    assert [answer.get("normalized", answer.get("reason")) for answer in answers] == [
        "33612345678",
        "1984",
        "phone_spreadsheet",
    ]


@pytest.mark.parametrize(
    "line",
    [
        b"canary",
        b'{"field": "email", "value": "canary@example.fr"',
        b'["email", "canary@example.fr"]',
        b'"canary"',
        b'{"field": "e-mail", "value": "canary@example.fr"}',
        b'{"field": "email", "value": ["canary@example.fr"]}',
        b'{"field": "email", "value": true}',
        b'{"field": ["canary"], "value": "x"}',
        b'{"field": "email", "value": "x", "country": ["33"]}',
        b'{"field": "email", "value": "x", "canary": 1}',
        b'{"field": "email"}',
        b'{"field": "email", "value": "\\ud800canary"}',
        b'{"field": "email", "value": "\xe9canary"}',
    ],
)
def test_a_malformed_line_is_told_in_its_place_and_at_the_end_without_its_value(line: bytes) -> None:
    text = (
        lines({"field": "email", "value": "a@example.fr"})
        + b"\n"
        + line
        + b"\n"
        + lines({"field": "country", "value": "FR"})
    )
    with asking(text) as (environment, answers), pytest.raises(DefinitionError) as raised:
        VERBS[0].run(environment, NormalizeRequest(destination=Destination.META))
    assert [answer["field"] for answer in answers] == ["email", None, "country"]
    assert "canary" not in answers[1]["reason"]
    assert raised.value.message == "Malformed lines: 3."
    assert raised.value.exit_code == 2


def test_a_line_without_end_is_malformed_and_does_not_fill_the_memory() -> None:
    text = b'{"field": "email", "value": "' + b"x" * (3 << 20) + b'"}\n' + lines({"field": "country", "value": "FR"})
    with pytest.raises(DefinitionError, match=r"Malformed lines: 1\."):
        ask(text)


def test_many_malformed_lines_are_counted() -> None:
    with pytest.raises(DefinitionError, match=r"17, 18, 19, 20 and 5 more\."):
        ask(b"oops\n" * 25)


def test_more_lines_than_a_batch_keep_their_order() -> None:
    given = lines(*({"field": "external_id", "value": f"U{row}"} for row in range(25_001)))
    result, answers = ask(given)
    assert [answer["value"] for answer in answers] == [f"U{row}" for row in range(25_001)]
    assert result.lines == 25_001


def test_an_unknown_country_option_is_refused_before_anything_is_read() -> None:
    with pytest.raises(DefinitionError, match="country is not known"):
        ask(b"", country="Atlantide")


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    _, answers = ask(b"\xef\xbb\xbf" + lines({"field": "country", "value": "FR"}))
    assert answers == [{"field": "country", "sha256": sha256("fr")}]
