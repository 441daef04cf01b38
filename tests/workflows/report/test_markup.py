"""HTML and SVG as values: nothing that comes in means anything to a browser."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from passerelle.workflows.report.blocks import Blocks
from passerelle.workflows.report.language import CODES, Language, texts
from passerelle.workflows.report.markup import joined, page, tag
from passerelle.workflows.report.pictures import Bar, Column, bars, columns

HOSTILE = st.one_of(
    st.text(), st.sampled_from(["<script>alert(1)</script>", '" onload="x', "'><img src=x>", "]]>", "&lt;"])
)


class Texts(HTMLParser):
    """The elements and texts of a page, as a browser's parser sees them."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - its shape
        self.elements.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@given(HOSTILE)
def test_text_and_attributes_come_out_of_a_parser_as_they_went_in(text: str) -> None:
    seen = Texts()
    seen.feed(tag("p", text, title=text))
    seen.close()
    assert seen.elements == ["p"]
    shown = "".join(
        letter if (letter >= " " and letter != "\x7f") or letter in "\t\n\r" else "\ufffd" for letter in text
    )
    assert "".join(seen.texts) == shown


@given(st.lists(HOSTILE, min_size=1, max_size=4))
def test_a_table_of_hostile_names_has_no_other_elements(names: list[str]) -> None:
    seen = Texts()
    seen.feed(
        Blocks(Language("fr")).table([{"audience": name or "x", "people": 1} for name in names], ("audience", "people"))
    )
    assert set(seen.elements) <= {"table", "thead", "tbody", "tr", "th", "td", "wbr"}


@given(st.lists(st.tuples(HOSTILE, st.floats(0, 1e9)), max_size=5))
def test_pictures_are_well_formed_whatever_the_labels(rows: list[tuple[str, float]]) -> None:
    clean = [("".join(letter for letter in label if letter.isprintable()), value) for label, value in rows]
    for drawn in (
        bars([Bar(label, value, "1", value * 2) for label, value in clean], title="a < b"),
        columns([Column(label, value, value) for label, value in clean], title="t", legend=("<", "&")),
    ):
        root = ET.fromstring(drawn)  # noqa: S314 - our own
        assert root.tag.endswith("svg")


def test_a_page_loads_nothing() -> None:
    made = page("en", "<title>", "p {}", joined([tag("p", "text")]))
    assert "default-src &#x27;none&#x27;" in made
    assert "<title>&lt;title&gt;</title>" in made
    assert "http" not in made.replace("http-equiv", "")


def test_every_text_is_there_in_both_languages_with_the_same_values() -> None:
    for key, (english, french) in texts().items():
        assert english
        assert french, key
        assert re.findall("{[a-z]+}", english) == re.findall("{[a-z]+}", french), key


def test_numbers_are_written_as_each_language_does() -> None:
    assert [Language(code).cell(1234567.5) for code in CODES] == ["1,234,567.5", "1\u202f234\u202f567,5"]
    assert [Language(code).cell([True, None, 3]) for code in CODES] == ["yes, , 3", "oui, , 3"]
    assert Language("fr").word("reason", "something_new") == "something new"
