"""The page about groups: what it shows, and what it never shows."""

import math
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from passerelle.segmentation.clusters.model import ClusterModel
from passerelle.workflows.clusters.heaps import Dot, heaps
from passerelle.workflows.clusters.models import Run
from passerelle.workflows.clusters.pictures import Series, Spot, figure, lines, plane, tree
from passerelle.workflows.clusters.report import report
from tests.segmentation.clusters.crowd import asked, fitted, people
from tests.segmentation.world import DAY, T
from tests.workflows.segments.page import Seen

SECTIONS = [
    "The groups",
    "From run to run",
    "How many groups",
    "The main directions",
    "Who would be joined first",
    "Where the groups differ",
]


def runs(model: ClusterModel, count: int = 3) -> list[Run]:
    sizes = {group.label: group.size for group in model.groups}
    return [Run(T + day * DAY, model.version, {**sizes, 3: 9 + day}, 0, 0, 0.5, 100.0) for day in range(count)]


def test_the_page_has_every_section_and_loads_nothing() -> None:
    model = fitted()
    page = report(asked(names={"1": "best"}), model, runs(model))
    seen = Seen(page)
    assert seen.texts["h2"] == SECTIONS
    assert seen.addresses == []
    assert "default-src &#x27;none&#x27;" in page
    assert "<script" not in page
    assert page.count("<svg") == 9
    assert all(group.words in seen.texts["p"] for group in model.groups)
    assert "1 best" in seen.texts["h3"]
    assert page == report(asked(names={"1": "best"}), model, runs(model))


def test_a_sample_is_drawn_in_patches_of_several_people_where_asked_for() -> None:
    model = fitted(embedding={"sample": 150})
    found = model.embedding
    assert found is not None
    assert (found.sample, {patch.label for patch in found.patches}) == (150, {1, 2, 3})
    assert min(patch.people for patch in found.patches) >= model.minimum_group
    assert sum(patch.people for patch in found.patches) == 150
    assert found.trust > 0.9
    assert found == fitted(embedding={"sample": 150}).embedding, "the same people, the same picture"
    kinds = {label: [patch.at for patch in found.patches if patch.label == label] for label in (1, 2, 3)}
    for label, places in kinds.items():  # three kinds of people are three heaps
        middle = np.mean(places, axis=0)
        inside = max(math.dist(middle, place) for place in places)
        assert all(
            inside < math.dist(middle, place) for other, theirs in kinds.items() if other != label for place in theirs
        )
    page = report(asked(embedding={"sample": 150}), model, runs(model))
    assert "Who is like whom" in Seen(page).texts["h2"]
    assert page.count("<svg") == 10
    few = model.model_copy(update={"embedding": found.model_copy(update={"patches": []})})
    assert "Who is like whom" not in report(asked(), few, [])
    assert asked(embedding={}).digest == asked().digest, "a picture decides nothing"


def test_a_page_before_any_run_and_of_dense_places_has_its_own_pictures() -> None:
    model = fitted(people(), method="dbscan", groups=None)
    seen = Seen(report(asked(method="dbscan", groups=None), model, []))
    wanted = [name for name in SECTIONS if name not in {"From run to run", "How many groups"}]
    assert [name for name in seen.texts["h2"] if name != "Where distances turn"] == wanted
    assert "Where distances turn" in seen.texts["h2"]


def test_a_group_that_has_become_too_small_is_not_shown() -> None:
    model = fitted()
    small = [Run(T, model.version, {1: 60, 2: 9}, 0, 0, 0.5, 9.0)]
    page = report(asked(), model, small)
    shown = page[page.index("From run to run") : page.index("How many groups")]
    assert ">60<" in shown
    assert ">9<" not in shown.split("Calinski")[0]
    assert model.tree is not None
    lonely = model.model_copy(update={"tree": model.tree.model_copy(update={"leaves": [0] * len(model.tree.leaves)})})
    assert "&lt;10" in report(asked(), lonely, [])


def test_an_unstable_model_says_so_at_the_top() -> None:
    page = report(asked(), fitted().model_copy(update={"stability": 0.3}), [])
    assert "are held back" in page[: page.index("The groups</h2>")]


def test_names_are_escaped() -> None:
    model = fitted()
    strange = model.model_copy(
        update={"features": [model.features[0].model_copy(update={"trait": "<b>&"}), *model.features[1:]]}
    )
    assert "<b>&" not in report(asked(description="<i>"), strange, [])


PICTURES: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (lines, ([Series("one", [1.0, None, 3.0]), Series("other", [3.0, 2.0, 3.0])], ["a", "b", "c"])),
    (lines, ([Series("flat", [0.0, 0.0])], ["a", "b"])),
    (lines, ([Series("alone", [5.0])], ["a"])),
    (lines, ([Series("nothing", [None, None])], ["a", "b"])),
    (lines, ([Series("below", [-1.0, 2.0])], ["a", "b"])),
    (
        plane,
        (
            [Spot("one", (0.0, 0.0), (1.0, 0.5, 0.3), 0.5), Spot("two", (9.0, 1.0), (0.0, 0.0, 0.0), 0.5)],
            [("x", 1.0, 0.2)],
        ),
    ),
    (plane, ([Spot("one", (0.0, 0.0), (0.0, 0.0, 0.0), 1.0)], [])),
    (tree, ([[5.0, 5.0, 15.0, 15.0]], [[0.0, 2.0, 2.0, 0.0]], ["3", "4"])),
    (tree, ([], [], [])),
    (heaps, ([Dot((0.0, 0.0), 10, 0), Dot((90.0, -3.0), 20, None)], ["one"])),
    (heaps, ([Dot((5.0, 5.0), 10, 0)], ["one", "two"])),
]


@pytest.mark.parametrize(("draw", "what"), PICTURES)
def test_a_picture_is_drawn_inside_its_frame(draw: Callable[..., Any], what: tuple[Any, ...]) -> None:
    root = ET.fromstring(draw(*what, title="A title"))  # noqa: S314 - our own
    assert root.findtext("{http://www.w3.org/2000/svg}title") == "A title"
    wide, high = map(float, root.attrib["viewBox"].split()[2:])
    for each in root.iter():
        assert "nan" not in str(each.attrib)
        for points in each.attrib.get("points", "").split():
            x, y = map(float, points.split(","))
            assert (0 <= x <= wide, 0 <= y <= high) == (True, True)
        if "cx" in each.attrib:
            assert 0 <= float(each.attrib["cx"]) <= wide
            assert 0 <= float(each.attrib["cy"]) <= high


def test_a_value_twice_as_great_is_twice_as_high() -> None:
    root = ET.fromstring(lines([Series("s", [1.0, 2.0, 4.0])], ["a", "b", "c"], title=""))  # noqa: S314 - our own
    line = next(each for each in root.iter() if each.tag.endswith("polyline"))
    one, two, four = (206 - float(point.split(",")[1]) for point in line.attrib["points"].split())
    assert [two / one, four / one] == pytest.approx([2, 4])


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0"), (12.0, "12"), (0.1234, "0.123"), (1234.5, "1,234"), (-3.0, "-3")]
)
def test_numbers_at_axes_are_short(value: float, shown: str) -> None:
    assert figure(value) == shown


def test_the_model_behind_a_page_names_nobody(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(report(asked(), fitted(), []))
    assert "subject" not in (tmp_path / "page.html").read_text()
