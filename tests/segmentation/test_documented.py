"""What docs/segments.md shows is true: each example is accepted, each word is shown, each refusal is the real one."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from passerelle.segmentation import DatasetTable, Misdefined, ModelFile, SegmentFile, check
from passerelle.segmentation.catalogue import Catalogue
from passerelle.segmentation.dataset import COLUMN_TYPES
from passerelle.segmentation.fitted import Fitted, Scaled, method
from passerelle.segmentation.language.traits import MinMaxTrait
from passerelle.segmentation.language.words import Closed
from passerelle.segmentation.rfm import GRID
from passerelle.segmentation.rules import digest
from passerelle.segmentation.wrong import Place
from passerelle.workflows.settings.document import Document, Value, parse
from passerelle.workflows.settings.load import validated
from passerelle.workflows.settings.problems import from_definition, from_validation

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/segments.md").read_text(encoding="utf-8")
CLUSTERS = (ROOT / "docs/clusters.md").read_text(encoding="utf-8")
SCORES = (ROOT / "docs/scores.md").read_text(encoding="utf-8")
JOURNEYS = (ROOT / "docs/journeys.md").read_text(encoding="utf-8")
SHOP = ROOT / "workflows/scaffold"


def read(text: str) -> Any:  # noqa: ANN401 - what a document holds
    """As the workspace reads it; a list of conditions is read under a key."""
    listed = text.startswith("- ")
    data = parse("it:\n" + re.sub("^", "  ", text, flags=re.MULTILINE) if listed else text, "docs/segments.md").data
    return data["it"] if listed else data


def blocks(language: str, page: str = PAGE) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)


def of_kind(key: str, page: str = PAGE) -> Iterator[Any]:
    """The YAML blocks that begin with this key."""
    return (data for data in map(read, blocks("yaml", page)) if isinstance(data, dict) and next(iter(data)) == key)


WRITTEN = [read(block) for page in (PAGE, JOURNEYS) for block in blocks("yaml", page)]
CONDITIONS = [condition for data in WRITTEN if isinstance(data, list) for condition in data]
OF_JOURNEYS = ("moments", "funnels", "ladders", "journeys")
MODEL_PARTS = [
    *of_kind("traits"),
    *of_kind("thresholds"),
    *(data for key in OF_JOURNEYS for data in of_kind(key, JOURNEYS)),
]


def shop_file(name: str) -> str:
    return (SHOP / name).read_text(encoding="utf-8")


def tables() -> dict[str, DatasetTable]:
    """The shop's tables, with the columns that the page adds to the contacts."""
    sources: Any = read(shop_file("passerelle.yaml"))["sources"]
    for data in of_kind("fields"):
        sources["crm"]["fields"] |= data["fields"]
    found = {}
    for name, source in sources.items():
        columns = {column: str(role["attribute"]) for column, role in source["fields"].items() if "attribute" in role}
        found[name] = DatasetTable(name, source["grain"], columns, [])
    return found


def written_model() -> dict[str, Any]:
    """The shop's model, with what the page adds to it."""
    written = read(shop_file("model.yaml"))
    for part in MODEL_PARTS:
        for key, values in part.items():
            written[key] = {**written.get(key, {}), **values}
    return dict(written)


def model() -> ModelFile:
    return validated(ModelFile, written_model())


def segments() -> dict[str, SegmentFile]:
    """The shop's segments and those of the page."""
    written = [read(file.read_text(encoding="utf-8")) for file in SHOP.glob("segments/*.yaml")]
    return {data["segment"]: validated(SegmentFile, data) for data in [*written, *of_kind("segment")]}


def fitted() -> dict[str, Fitted]:
    """Numbers for the page's scaled traits."""
    written, names = model(), Catalogue(model(), tables())
    found = {}
    for name, trait in written.traits.items():
        if isinstance(trait, Scaled):
            of = names.trait(trait.min_max if isinstance(trait, MinMaxTrait) else trait.z_score, Place(""))
            found[name] = Fitted(
                version=1,
                method=method(trait),
                definition=digest(of),
                among=trait.among or "",
                as_of=0,
                people=10,
                shift=Decimal(2_000),
                scale=Decimal("3000.5"),
            )
    return found


def checked(more: Mapping[str, SegmentFile]) -> list[Misdefined]:
    return check(model(), {**segments(), **more}, tables(), fitted=fitted())


def segments_of(page: str) -> list[SegmentFile]:
    """The segments of a page about models; a test beside its models' own checks them."""
    return [validated(SegmentFile, data) for data in map(read, blocks("yaml", page)) if "segment" in data]


def problems(more: Mapping[str, SegmentFile]) -> list[str]:
    return [f"{item.message} {item.path}" for item in checked(more)]


def test_each_block_is_a_segment_a_list_of_conditions_a_part_of_the_model_or_columns() -> None:
    firsts = {next(iter(data)) for data in map(read, blocks("yaml")) if isinstance(data, dict)}
    assert firsts == {"fields", "traits", "thresholds", "segment"}
    journeys = {next(iter(data)) for data in map(read, blocks("yaml", JOURNEYS)) if isinstance(data, dict)}
    assert journeys <= {*OF_JOURNEYS}
    assert all(column in COLUMN_TYPES for table in tables().values() for column in table.columns.values())


def test_the_model_and_the_segments_of_the_page_hold() -> None:
    assert problems({}) == []


@pytest.mark.parametrize("condition", CONDITIONS, ids=[f"condition-{index}" for index in range(len(CONDITIONS))])
def test_each_condition_of_the_page_holds(condition: Value) -> None:
    it = validated(SegmentFile, {"segment": "it", "where": condition})
    assert problems({"it": it}) == []


def words_of(part: object) -> Iterator[tuple[str, str]]:
    """The words that are written in a definition, each with the part of the language that it belongs to."""
    if isinstance(part, Closed):
        for name in part.model_fields_set:
            yield owner(type(part), name)
            yield from words_of(getattr(part, name))
    elif isinstance(part, Mapping | list):
        for inner in part.values() if isinstance(part, Mapping) else part:
            yield from words_of(inner)


def owner(kind: type[Closed], name: str) -> tuple[str, str]:
    """Where a word is defined: once for all traits, say, that have it."""
    return next(
        parent.__name__ for parent in reversed(kind.mro()) if name in vars(parent).get("__annotations__", {})
    ), name


def language(kind: type[Closed] = Closed) -> Iterator[tuple[str, str]]:
    """Every word there is."""
    yield from (owner(kind, name) for name in kind.model_fields)
    for inner in kind.__subclasses__():
        if inner.__module__.startswith("passerelle.segmentation.language."):
            yield from language(inner)


def test_each_word_of_the_language_is_shown() -> None:
    each = [validated(SegmentFile, {"segment": "it", "where": condition}) for condition in CONDITIONS]
    shown = {word for part in [model(), *segments().values(), *each] for word in words_of(part)}
    said = {(part, name) for part, name in language() if name in {"description", "version"} or part == "Count"}
    shown |= {word for page in (CLUSTERS, SCORES) for file in segments_of(page) for word in words_of(file)}
    once = {("ModelFile", "population"), ("ModelFile", "events"), ("Rfm", "bins")}  # for whoever writes the model
    assert set(language()) - shown - said - once == set()


def test_the_rfm_grid_is_the_real_one() -> None:
    rows = re.findall(r"^\| ([1-5]) \| (.*) \|$", PAGE, re.MULTILINE)
    assert {int(score): tuple(groups.split(" | ")) for score, groups in rows} == GRID


def refusal(document: Document) -> list[str]:
    try:
        file = validated(SegmentFile, document.data)
    except ValidationError as error:
        return [str(problem) for problem in from_validation(error, SegmentFile, document)]
    return [str(problem) for error in checked({file.segment: file}) for problem in from_definition(error, document)]


def test_the_refusals_shown_are_the_real_ones() -> None:
    name = "segments/lapsing_champions.yaml"
    said: list[str] = []
    for right, wrong in (("revenue_365d", "revenue_356d"), ("at_least", "at_lest")):
        said += refusal(parse(shop_file(name).replace(right, wrong, 1), name))
    assert said == blocks("text")[0].splitlines()
