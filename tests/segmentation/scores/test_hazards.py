"""What makes a score worthless without anybody noticing: each hazard as a test."""

from pathlib import Path
from typing import Any

import pytest

from passerelle.privacy.errors import HeldBack
from passerelle.segmentation import Misdefined, check
from passerelle.segmentation.clusters.known import Clusters
from passerelle.segmentation.scores.known import Scores
from tests.segmentation.clusters.crowd import asked as clustered
from tests.segmentation.scores.shoppers import ScoreWorld, asked, in_world, orders, spending
from tests.segmentation.world import DAY, T, persons, purchase, segment


@pytest.fixture
def here(tmp_path: Path) -> ScoreWorld:
    return in_world(tmp_path)


def test_what_happens_at_a_moment_or_later_is_in_no_feature(tmp_path: Path) -> None:
    """Doubling everything from the test's moment on leaves the features of each moment as they are, to the byte."""
    moment = 30
    later = [purchase(row["subject_id"], 12.5, 99_999) for row in orders() if (T - row["at"]) / DAY < moment]
    plain, more = in_world(tmp_path / "one"), in_world(tmp_path / "two", orders=[*orders(), *later])
    for one, other in zip(plain.look().cuts, more.look().cuts, strict=True):
        assert one.raw.equals(other.raw)


@pytest.fixture(autouse=True)
def folders(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()


MICROSECOND = 1 / DAY


@pytest.mark.parametrize(
    ("ago", "before", "did"), [(30.0, 0, True), (30.0 + MICROSECOND, 1, False), (MICROSECOND, 0, True)]
)
def test_an_event_at_the_very_moment_belongs_to_the_outcome_alone(
    tmp_path: Path, ago: float, before: int, did: bool
) -> None:
    rows = [purchase(1, 100), purchase(1, ago), *(purchase(each, each / 15) for each in range(2, 30))]
    scene = in_world(tmp_path, people=persons(*range(1, 30)), orders=[*rows, purchase(2, 200)])
    cut = scene.look().cuts[0]
    person = cut.raw["subject_id"].to_pylist().index(1)
    assert cut.raw["orders_365d"].to_pylist()[person] == 1 + before
    assert bool(cut.outcome[person]) is did


def test_the_end_of_the_time_is_not_in_it(tmp_path: Path) -> None:
    """At `as_of` itself nothing is seen any more: what happens then belongs to the next moment."""
    rows = [purchase(1, 100), purchase(1, 0), purchase(2, 100), purchase(2, 0.01)]
    scene = in_world(tmp_path, people=persons(1, 2), orders=rows)
    assert scene.look().cuts[0].outcome.tolist() == [0, 1]


def problem(here: ScoreWorld, **more: Any) -> Misdefined:  # noqa: ANN401 - as a file says it
    known = Scores({"buys": asked(**more)}, {})
    here.world.model = {
        "traits": {
            "tier": {"column": "customers.loyalty"},
            "points": {"column": "customers.points", "default": 0},
            "points_each": {"formula": "points / orders_365d"},
            "diabetes_views": {"count": "view", "where": {"page": {"contains": "diabète"}}},
        }
    }
    segments = {"tiered": segment("tiered", {"trait": "tier", "is": "or"}), "grouped": GROUPED}
    found = check(
        here.world.modelled(),
        segments,
        here.dataset.tables,
        scores=known,
        clusters=Clusters({"kinds": clustered()}, {}),
    )
    assert found, "this is refused"
    return found[0]


GROUPED = segment("grouped", {"cluster": "kinds", "in": [1]})
LEAKS: list[tuple[dict[str, Any], str, str]] = [
    ({"features": {"points": {}}}, "`points` rests on the column `points`", "features.points"),
    ({"features": {"points_each": {}}}, "`points_each` rests on the column `points`", "features.points_each"),
    (
        {"population": {"all": [{"did": "purchase"}, {"attribute": "loyalty", "is": "or"}]}},
        "It rests on the column `loyalty`",
        "population",
    ),
    ({"population": {"in_segment": "tiered"}}, "It rests on the column `loyalty`", "population"),
    ({"population": {"in_segment": "grouped"}}, "A score cannot rest on groups or scores", ""),
    ({"features": {"cluster.kinds.distance": {}}}, "A score cannot rest on groups or scores", ""),
    ({"features": {"score.buys": {}}}, "A score cannot rest on groups or scores", ""),
    (
        {"population": {"trait": "tier", "is": "or"}, "unchanging": ["tier"]},
        "must follow from what people did",
        "population",
    ),
]


@pytest.mark.parametrize(("more", "said", "where"), LEAKS)
def test_what_is_known_only_as_it_is_today_is_refused(
    here: ScoreWorld, more: dict[str, Any], said: str, where: str
) -> None:
    found = problem(here, **more)
    assert said in found.message
    assert (found.document, ".".join(map(str, found.path))) == ("scores/buys.yaml", where)


def test_a_column_that_never_changes_may_be_learnt_from(tmp_path: Path) -> None:
    everybody = [{**row, "loyalty": ["or", "argent"][row["subject_id"] % 2]} for row in persons(*range(1, 521))]
    file = asked(
        features={"recency_days": {"log": True}, "tier": {"one_hot": True}},
        unchanging=["tier"],
        population={"all": [{"did": "purchase"}, {"attribute": "loyalty", "in": ["or", "argent"]}]},
    )
    scene = in_world(tmp_path, file, people=everybody)
    scene.world.model = {"traits": {"tier": {"column": "customers.loyalty", "default": "none"}}}
    columns = [each.shown for each in scene.using(None).fit().columns]
    assert columns[0] == "recency_days"
    assert any(each.startswith("tier = ") for each in columns)


def test_a_pull_that_is_missing_is_not_taken_for_customers_who_left(here: ScoreWorld) -> None:
    late = ScoreWorld(here.world, here.file, here.history, here.dataset, {}, as_of=T + 10 * DAY)
    with pytest.raises(HeldBack, match=r"last happened 24[0-9] hours ago") as told:
        late.look()
    assert "--as-of" in told.value.advice


def test_special_categories_are_neither_learnt_from_nor_foretold(here: ScoreWorld) -> None:
    here.world.model = {"traits": {"diabetes_views": {"count": "view", "where": {"page": {"contains": "diabète"}}}}}
    file = asked(features={"recency_days": {}, "diabetes_views": {}})
    scene = ScoreWorld(here.world, file, here.history, here.dataset, {}).using(None)
    assert dict(scene.look().excluded) == {"diabetes_views": "health"}
    assert "diabetes_views" not in scene.look().cuts[0].raw.column_names
    found = problem(here, will="view", where={"page": {"contains": "diabète"}})
    assert "What is foretold is of a special category (health)." in found.message


def test_the_order_of_rows_changes_nothing(tmp_path: Path) -> None:
    one, other = (in_world(tmp_path / name, step=step).fit() for name, step in (("one", 1), ("two", -1)))
    assert one.model_copy(update={"snapshot": ""}).to_bytes() == other.model_copy(update={"snapshot": ""}).to_bytes()


def test_somebody_who_was_merged_counts_once_with_all_they_did(tmp_path: Path) -> None:
    rows = [*orders(), purchase(510, 200), purchase(510, 5)]
    scene = in_world(tmp_path, orders=rows, merges={510: 1})
    newest = scene.look().cuts[0]
    ids = newest.raw["subject_id"].to_pylist()
    assert 510 not in ids
    assert newest.outcome[ids.index(1)] == 1


def test_nobody_comes_back_from_nothing(tmp_path: Path) -> None:
    scene = in_world(tmp_path, spending(), orders=[purchase(person, 150 + person % 40) for person in range(1, 90)])
    late = ScoreWorld(scene.world, scene.file, scene.history, scene.dataset, {}, as_of=T - 150 * DAY)
    with pytest.raises(HeldBack, match="people bought on more than one day"):
        late.using(None).fit()
