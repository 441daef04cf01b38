import json
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pyarrow as pa
import pytest

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.cli.progress import Silent
from passerelle.workflows.demo import shop
from passerelle.workflows.engine import run_segments
from passerelle.workflows.pull import pull
from passerelle.workflows.scaffold.write import scaffold
from passerelle.workflows.verbs.contract import Result
from passerelle.workflows.verbs.registry import verb
from passerelle.workflows.verbs.rfm import RfmResult
from passerelle.workflows.verbs.segment import ExplainResult, ListResult, PreviewResult
from passerelle.workflows.verbs.segment_figures import BiasResult, KpisResult, OverlapResult
from passerelle.workflows.workspace import Workspace
from tests.workflows.surroundings import NOW, surroundings
from tests.workflows.verbs.people import shown


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop") / "ws"
    scaffold(folder)
    shop.generate(folder / "data", people=200, seed=1, now=NOW)
    with Workspace.open(folder) as workspace:
        pull(workspace, [], now=NOW, progress=Silent())
    return folder


def ask(folder: Path, name: str, words: dict[str, object], stdin: bytes = b"") -> Result:
    found = verb(name)
    assert found is not None
    result: Result = found.run(surroundings(folder, stdin=stdin), found.request.model_validate(words))
    assert shown(found, result)
    return result


def previewed(folder: Path, **words: object) -> PreviewResult:
    result = ask(folder, "segment preview", {"name": "lapsing_champions", **words})
    assert isinstance(result, PreviewResult)
    return result


def explained(folder: Path, stdin: bytes = b"", **words: object) -> ExplainResult:
    result = ask(folder, "segment explain", {"name": "cart_abandoners", **words}, stdin)
    assert isinstance(result, ExplainResult)
    return result


def first_contact(folder: Path) -> str:
    """An address of somebody in the shop that can be used."""
    lines = (folder / "data/contacts.csv").read_text(encoding="utf-8").splitlines()[1:]
    return next(line.split(";")[4] for line in lines if "@example." in line.split(";")[4])


def test_list_names_segments_and_who_sends_them(folder: Path) -> None:
    result = ask(folder, "segment list", {})
    assert isinstance(result, ListResult)
    assert [(row.segment, row.audiences) for row in result.segments] == [
        ("cart_abandoners", ["cart_abandoners"]),
        ("lapsing_champions", ["lapsing_champions"]),
        ("newsletter_readers", ["newsletter_readers"]),
    ]


def test_preview_shows_size_conditions_thresholds_and_a_breakdown(folder: Path) -> None:
    result = previewed(folder, by="loyalty")
    assert 0 < result.size < result.population
    assert [row.left for row in result.conditions] == sorted((row.left for row in result.conditions), reverse=True)
    assert [row.threshold for row in result.thresholds] == ["high_value"]
    assert sum(part.members for part in result.breakdown) == result.size


def test_preview_looks_from_another_instant(folder: Path) -> None:
    assert previewed(folder, as_of="2026-11-10").as_of == "2026-11-09T23:00:00Z"  # midnight in Paris
    assert previewed(folder, as_of="2026-11-10T08:00:00Z").as_of == "2026-11-10T08:00:00Z"


@pytest.mark.parametrize("as_of", ["yesterday", "2026-13-01", "2030-01-01"])
def test_preview_refuses_what_is_no_date_or_lies_ahead(folder: Path, as_of: str) -> None:
    with pytest.raises(DefinitionError, match="--as-of"):
        previewed(folder, as_of=as_of)


def test_preview_saves_nothing(folder: Path) -> None:
    with Workspace.open(folder) as workspace, workspace.store().read() as connection:
        before = connection.exec_driver_sql("SELECT count(*) FROM threshold").scalar()
    previewed(folder, as_of="2026-11-01")
    with Workspace.open(folder) as workspace, workspace.store().read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM threshold").scalar() == before


def test_explain_agrees_with_the_segment(folder: Path) -> None:
    with Workspace.open(folder) as workspace:
        members = run_segments(workspace, ["cart_abandoners"], as_of=None, now=NOW, progress=Silent())
        ids = members["cart_abandoners"].subject_ids
        with workspace.store().read() as connection:
            ref = workspace.subjects().refs(connection, pa.array([ids[0].as_py()], pa.int64()))[0].as_py()
    result = explained(folder, subject_ref=ref)
    assert (result.member, result.subject_ref) == (True, ref)
    assert result.where is not None
    assert result.where.condition == "cart in the last 7 days, then no purchase within 1 day after it"


def test_explain_takes_an_identifier_from_standard_input_or_a_file(folder: Path, tmp_path: Path) -> None:
    address = first_contact(folder)
    from_stdin = explained(folder, stdin=address.encode() + b"\n")
    (tmp_path / "who").write_text(address, encoding="utf-8")
    assert explained(folder, file=tmp_path / "who") == from_stdin
    assert from_stdin.known


def test_explain_never_shows_the_identifier(folder: Path) -> None:
    address = first_contact(folder).strip()
    assert address not in json.dumps(explained(folder, stdin=address.encode()).model_dump(mode="json"))


@pytest.mark.parametrize("stdin", [b"", b"  \n", b"a@example.com\nb@example.com", b"\xff\xfe"])
def test_explain_wants_one_identifier(folder: Path, stdin: bytes) -> None:
    with pytest.raises(DefinitionError) as caught:
        explained(folder, stdin=stdin)
    assert "example.com" not in caught.value.message + caught.value.advice


def test_explain_says_when_nobody_is_known(folder: Path) -> None:
    with pytest.raises(DefinitionError, match="Nobody is known"):
        explained(folder, stdin=b"nobody@example.com")


def test_a_persons_values_are_not_for_the_runner() -> None:
    found = verb("segment explain")
    assert found is not None
    assert not found.remote


def test_rfm_is_told_as_a_map_of_heat_without_cells_of_few(folder: Path, tmp_path: Path) -> None:
    result = ask(folder, "segment rfm", {"out": tmp_path / "rfm.svg"})
    assert isinstance(result, RfmResult)
    assert result.cells
    assert min([cell.people for cell in result.cells] + [row.people for row in result.groups]) >= 10
    picture = ET.fromstring((tmp_path / "rfm.svg").read_text(encoding="utf-8"))  # noqa: S314 - our own
    texts = [element.text for element in picture.iter() if element.tag.endswith("text")]
    assert [text for text in texts if text in {cell.mean for cell in result.cells}] == [
        cell.mean for cell in sorted(result.cells, key=lambda cell: (-cell.recency, cell.frequency))
    ]


def test_segments_share_as_many_people_as_they_have_or_fewer(folder: Path) -> None:
    names = ["newsletter_readers", "cart_abandoners", "lapsing_champions"]
    result = ask(folder, "segment overlap", {"names": names})
    assert isinstance(result, OverlapResult)
    sizes = {name: previewed(folder, name=name) for name in names}
    for row in result.segments:
        whole = sizes[row.segment].size + sizes[row.segment].held_out
        assert row.size == (whole if whole >= 10 or whole == 0 else None)
    assert [(pair.one, pair.other) for pair in result.pairs] == [
        (names[0], names[1]),
        (names[0], names[2]),
        (*names[1:],),
    ]
    for pair in result.pairs:
        assert pair.both is None or pair.both == 0 or (pair.both >= 10 and 0 < (pair.jaccard or 0) <= 1)


def test_bias_is_told_by_values_with_their_effect_and_by_numbers_with_their_distance(
    folder: Path, tmp_path: Path
) -> None:
    shop = Path(shutil.copytree(folder, tmp_path / "ws"))
    (shop / "segments" / "buyers.yaml").write_text("segment: buyers\nwhere: {trait: orders_365d, at_least: 2}\n")
    result = ask(shop, "segment bias", {"name": "buyers", "by": ["loyalty", "recency_days", "loyalty"]})
    assert isinstance(result, BiasResult)
    loyalty, recency = result.dimensions
    assert loyalty.effect is not None
    assert 0 <= loyalty.effect <= 1
    assert sum(row.share for row in loyalty.values) == pytest.approx(1)
    assert sum(row.members for row in loyalty.values) == previewed(shop, name="buyers").size
    assert recency.difference is not None
    assert (recency.values, recency.effect) == ([], None)


def test_bias_of_few_people_is_not_told(folder: Path) -> None:
    result = ask(folder, "segment bias", {"name": "newsletter_readers", "by": ["loyalty"]})
    assert isinstance(result, BiasResult)
    assert [(each.values, each.effect) for each in result.dimensions] == [([], None)]


def test_bias_asks_for_a_dimension_where_the_model_has_none(folder: Path) -> None:
    with pytest.raises(DefinitionError, match="no demographic trait") as refused:
        ask(folder, "segment bias", {"name": "newsletter_readers"})
    assert "--by" in refused.value.advice


def test_kpis_are_by_month_and_beside_everybody(folder: Path) -> None:
    asked = {"name": "newsletter_readers", "months": 3, "trait": ["recency_days"]}
    result = ask(folder, "segment kpis", asked)
    assert isinstance(result, KpisResult)
    assert (result.measure, len(result.months), len(result.traits)) == ("revenue_365d", 3, 1)
    for month in result.months:
        mine, everybody = month.members, month.everybody
        assert everybody.active is not None
        assert everybody.active >= (mine.active or 0)
        assert everybody.basket is not None
        assert everybody.basket > (everybody.per_person or 0) > 0
    counted = ask(folder, "segment kpis", {**asked, "measure": "orders_365d"})
    assert isinstance(counted, KpisResult)
    assert [month.everybody.active for month in counted.months] == [each.everybody.active for each in result.months]
    assert all(month.everybody.basket is None for month in counted.months)


def test_a_trait_without_a_mean_is_refused_among_the_kpis(folder: Path) -> None:
    with pytest.raises(DefinitionError, match="`loyalty` has no mean"):
        ask(folder, "segment kpis", {"name": "newsletter_readers", "trait": ["loyalty"]})
