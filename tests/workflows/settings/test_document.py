"""What a settings file may look like, and what is refused."""

from pathlib import Path

import pytest

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.settings.document import MAXIMUM_BYTES, MAXIMUM_DEPTH, parse, read


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-12", -12),
        ("12.50", 12.5),
        ("-0.5", -0.5),
        # text that YAML 1.1 takes for something else
        ("no", "no"),
        ("No", "No"),
        ("on", "on"),
        ("yes", "yes"),
        ("y", "y"),
        ("True", "True"),
        ("NULL", "NULL"),
        ("010", "010"),
        ("0x1F", "0x1F"),
        ("0b1", "0b1"),
        ("1_000", "1_000"),
        ("+5", "+5"),
        ("12:30:45", "12:30:45"),
        ("2026-11-20", "2026-11-20"),
        ("2026-11-20T08:00:00Z", "2026-11-20T08:00:00Z"),
        (".inf", ".inf"),
        (".nan", ".nan"),
        ("1e5", "1e5"),
        ("1.", "1."),
        ("=", "="),
        ("'123'", "123"),
        ('"true"', "true"),
        ("1234567890123456789012", "1234567890123456789012"),
    ],
)
def test_a_plain_word_is_what_it_looks_like(written: str, meant: object) -> None:
    value = parse(f"key: {written}\n", "f.yaml").data["key"]

    assert value == meant
    assert type(value) is type(meant)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "`a` is already set on line 1"),
        ("a: {x: 1, x: 2}\n", 1, "`x` is already set on line 1"),
        ("a: &anchor 1\nb: 2\n", 1, "anchors"),
        ("a: 1\nb: *anchor\n", 2, "aliases"),
        ("a: !!python/object/apply:os.system ['true']\n", 1, "tags"),
        ("a: !secret x\n", 1, "tags"),
        ("a: !!str 1\n", 1, "tags"),
        ("a: 1\n---\nb: 2\n", 2, "one document"),
        ("? [a, b]\n: 1\n", 1, "a key must be a single word"),
        ("a: 1\n b: 2\n", 2, "not YAML"),
        ("a: [1, 2\n", 2, "not YAML"),
        ("a:\n\t- 1\n", 2, "begins with a tab"),
        ("- 1\n- 2\n", 1, "must hold keys and values"),
        ("just text\n", 1, "must hold keys and values"),
        ("a: " + "[" * (MAXIMUM_DEPTH + 5) + "]" * (MAXIMUM_DEPTH + 5) + "\n", 1, "nested deeper"),
    ],
)
def test_what_could_mean_two_things_is_refused_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        parse(text, "policy.yaml")

    assert caught.value.message.startswith(f"policy.yaml, line {line}: ")
    assert said in caught.value.message


def test_a_very_deep_file_is_refused_without_running_out_of_stack() -> None:
    with pytest.raises(DefinitionError, match="nested deeper"):
        parse("a: " + "[" * 50_000, "policy.yaml")


def test_an_empty_file_holds_nothing() -> None:
    assert parse("# only a remark\n", "f.yaml").data == {}


def test_every_key_and_item_knows_its_line() -> None:
    document = parse("a:\n  b: 1\n  c:\n    - x\n    - y: 2\n", "f.yaml")

    assert document.line_of(("a", "b")) == 2
    assert document.line_of(("a", "c", 1, "y")) == 5
    assert document.line_of(("a", "c", 1, "gone", "too")) == 5
    assert document.line_of(("gone",)) == 1


def test_a_file_that_is_too_big_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "big.yaml"
    file.write_bytes(b"#" * (MAXIMUM_BYTES + 1))

    with pytest.raises(DefinitionError, match="too big"):
        read(file, "big.yaml")


def test_a_file_in_another_encoding_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "latin.yaml"
    file.write_bytes("a: 1\nville: Évry\n".encode("latin-1"))

    with pytest.raises(DefinitionError, match=r"latin.yaml, line 2: this is not UTF-8"):
        read(file, "latin.yaml")


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    file = tmp_path / "bom.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\n")

    assert read(file, "bom.yaml").data == {"a": 1}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"policy.yaml cannot be read"):
        read(tmp_path / "policy.yaml", "policy.yaml")
