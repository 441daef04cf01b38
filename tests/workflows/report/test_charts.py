"""Pictures that stand alone."""

import xml.etree.ElementTree as ET

from passerelle.workflows.report.charts import Cell, Line, Point, heat, steps
from passerelle.workflows.report.markup import Markup

SVG = "{http://www.w3.org/2000/svg}"


def drawn(picture: Markup, name: str) -> list[ET.Element]:
    return list(ET.fromstring(picture).iter(f"{SVG}{name}"))  # noqa: S314 - our own


def line(*values: float, label: str = "or", kept: int | None = None) -> Line:
    return Line(label, [Point(at, value, f"{value}", at == kept) for at, value in enumerate(values)])


def test_a_value_stays_until_the_next_one_and_what_was_kept_is_hollow() -> None:
    picture = steps([line(1, 3, 2, kept=1)], title="it", dates=("a", "b"))
    (path,) = drawn(picture, "polyline")
    corners = [tuple(map(float, pair.split(","))) for pair in str(path.get("points")).split()]
    assert corners == [(108, 207), (334, 207), (334, 48), (560, 48), (560, 127.5)]
    assert [point.get("fill") for point in drawn(picture, "circle")] == ["#1a1a1a", "#ffffff", "#1a1a1a"]


def test_of_many_points_only_hollow_ones_are_drawn() -> None:
    picture = steps([line(*range(200), kept=70)], title="it", dates=("a", "b"))
    assert [point.get("fill") for point in drawn(picture, "circle")] == ["#ffffff"]


def test_one_point_and_equal_values_lie_in_the_middle() -> None:
    for values in ([5.0], [5.0, 5.0]):
        picture = steps([line(*values)], title="it", dates=("a", "a"))
        assert {point.get("cy") for point in drawn(picture, "circle")} == {"127.5"}
        assert [text.text for text in drawn(picture, "text")].count("5.0") == 1


def test_names_are_escaped_and_long_ones_are_cut() -> None:
    picture = steps([line(1, label="<script>alert(1)</script> & more")], title="a < b", dates=("a", "b"))
    assert drawn(picture, "script") == []
    assert "<script>alert(1)</s…" in [text.text for text in drawn(picture, "text")]


def test_darker_cells_have_light_letters_and_what_is_not_told_is_white() -> None:
    cells = [[Cell(None, []), Cell(0.0, ["10"])], [Cell(1.0, ["900", "5.00"]), Cell(0.5, ["400"])]]
    picture = heat(cells, title="it", rows=["2", "1"], columns=["1", "2"])
    fills = [str(cell.get("fill")) for cell in drawn(picture, "rect")[1:]]
    assert fills[0] == "#ffffff"
    assert fills[1] > fills[3] > fills[2]
    letters = {text.text: text.get("fill") for text in drawn(picture, "text")}
    assert (letters["900"], letters["10"]) == ("#ffffff", "#1a1a1a")
    assert picture == heat(cells, title="it", rows=["2", "1"], columns=["1", "2"])
