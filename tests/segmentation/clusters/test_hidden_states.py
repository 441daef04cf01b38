"""Hidden states of a journey as groups: found in events, used in segments like any, held back when they must be."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest

from passerelle.privacy.errors import HeldBack
from passerelle.segmentation import MemoryHistory, SegmentFile
from passerelle.segmentation.clusters.file import ClusterFile
from passerelle.segmentation.clusters.fit import fit
from passerelle.segmentation.clusters.model import ClusterModel
from passerelle.segmentation.clusters.people import groups_of, look
from passerelle.segmentation.wrong import Misdefined
from passerelle.workflows.clusters.report import report
from passerelle.workflows.settings.load import validated
from tests.segmentation.clusters.scene import ClusterWorld
from tests.segmentation.journeys.test_hidden import TRUE, walks
from tests.segmentation.world import T, World, event, persons
from tests.workflows.segments.page import Seen

SYMBOLS = ("view", "cart", "purchase")
PEOPLE, LONG = 120, 15
JOURNEY = {"states": {name: {"event": name} for name in SYMBOLS}}


def asked(**more: Any) -> ClusterFile:  # noqa: ANN401 - as a file says it
    plain: dict[str, Any] = {
        "cluster": "kinds",
        "method": "hidden_states",
        "journey": "it",
        "groups": 2,
        "stability": {"rounds": 5},
    }
    return validated(ClusterFile, {**plain, **more})


def in_world(folder: Path, step: int = 1) -> ClusterWorld:
    """People who walk by a model that we know, and one who never came; `step` -1: told in another order."""
    seen, _ = walks(TRUE, PEOPLE, LONG, 4)
    rows = [
        event(person + 1, SYMBOLS[symbol], float(LONG - at))
        for person, path in enumerate(seen.tolist())
        for at, symbol in enumerate(path)
    ]
    orders = [{**row, "amount": 100} for row in rows if row["event"] == "purchase"]
    web = [row for row in rows if row["event"] != "purchase"]
    world = World(folder, persons(*range(1, PEOPLE + 2)), orders[::step], web[::step])
    world.model = {"journeys": {"it": JOURNEY}}
    return ClusterWorld(world, asked(), MemoryHistory(), world.dataset(), {}).using(None)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> ClusterWorld:
    return in_world(tmp_path_factory.mktemp("hidden"))


@pytest.fixture(scope="module")
def model(here: ClusterWorld) -> ClusterModel:
    return here.fit()


def test_states_are_found_and_told_in_words(here: ClusterWorld, model: ClusterModel) -> None:
    hidden = model.hidden
    assert hidden is not None
    assert hidden.symbols == list(SYMBOLS)
    shows = sorted(hidden.shows, reverse=True)
    assert np.array(shows) == pytest.approx(TRUE.shows, abs=0.08)
    assert (model.people, model.left_out, hidden.observations) == (PEOPLE, 1, PEOPLE * LONG)
    assert [group.label for group in model.groups] == [1, 2]
    assert sum(group.size for group in model.groups) == PEOPLE
    assert {group.words.split(" ")[0] for group in model.groups} == {"view", "purchase"}
    assert all("stay " in group.words and "go on to" in group.words for group in model.groups)
    assert model.stability > 0.7
    page = report(here.file, model, [])
    assert Seen(page).texts["h2"] == ["The groups", "What each state shows", "Where each state leads"]
    assert "subject" not in page


def test_the_same_events_in_another_order_give_the_same_model(model: ClusterModel, tmp_path: Path) -> None:
    assert replace_snapshot(in_world(tmp_path, -1).fit()) == replace_snapshot(model)


def replace_snapshot(model: ClusterModel) -> ClusterModel:
    return model.model_copy(update={"snapshot": ""})


def test_a_state_chooses_people_like_any_group(here: ClusterWorld, model: ClusterModel) -> None:
    using = here.using(model)
    buying = next(group for group in model.groups if group.words.startswith("purchase"))
    where: dict[str, Any] = {"all": [{"cluster": "kinds", "in": [str(buying.label)]}]}
    segment = validated(SegmentFile, {"segment": "s", "where": where})
    sure = validated(
        SegmentFile,
        {"segment": "sure", "where": {"all": [*where["all"], {"trait": "cluster.kinds.distance", "at_most": 0.05}]}},
    )
    found = using.run(segment, sure)
    rows = groups_of(["kinds"], using.resolver, using.dataset, as_of=T, history=using.history)["kinds"].rows
    expected = rows.filter(pc.equal(rows["group"], str(buying.label)))["subject_id"].to_pylist()
    assert found["s"].subject_ids.to_pylist() == expected
    assert len(expected) == buying.size
    assert 0 < len(found["sure"].subject_ids) < len(expected)
    assert found["s"].models[0].version == model.version


def test_a_journey_that_was_changed_holds_segments_back(here: ClusterWorld, model: ClusterModel) -> None:
    using = here.using(model)
    changed, before = using.world, using.world.model
    changed.model = {"journeys": {"it": {**JOURNEY, "gap": "30min"}}}
    try:
        with pytest.raises(HeldBack, match="another one than"):
            groups_of(["kinds"], using.resolver, using.dataset, as_of=T, history=using.history)
        wheres: dict[str, Any] = {"s": {"cluster": "kinds", "in": ["1"]}, "other": {"did": "purchase"}}
        found = using.run(
            *(validated(SegmentFile, {"segment": name, "where": where}) for name, where in wheres.items())
        )
        held = found["s"].held
        assert held is not None
        assert "another one than" in held.reason
        assert found["other"].held is None
        assert found["other"].size > 0
    finally:
        changed.model = before


def test_labels_go_on_from_fit_to_fit(here: ClusterWorld, model: ClusterModel) -> None:
    looked = look("kinds", here.resolver, here.dataset, as_of=T, history=here.history)
    again = fit(asked(seed=9), looked, model)
    assert set(again.alignment.kept) == {1, 2}
    assert again.alignment.new == []
    assert {group.label: group.words[:8] for group in again.groups} == {
        group.label: group.words[:8] for group in model.groups
    }
    ranged = fit(asked(groups={"from": 2, "to": 3}), looked)
    assert ranged.hidden is not None
    assert sorted(ranged.hidden.criterion) == [2, 3]
    assert len(ranged.hidden.start) == 2
    assert "How many states" in Seen(report(here.file, ranged, [])).texts["h2"]


def test_too_few_people_are_said(here: ClusterWorld) -> None:
    looked = look("kinds", here.resolver, here.dataset, as_of=T, history=here.history)
    with pytest.raises(HeldBack, match="at least 300 are needed"):
        fit(asked(minimum_group=100), looked)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"journey": None}, "needs a `journey`"),
        ({"traits": {"x": {}}}, "takes no `traits`"),
        ({"method": "kmeans"}, "takes no `journey`"),
        ({"groups": None}, "needs `groups`"),
        ({"pca": {}}, "takes neither"),
    ],
)
def test_a_file_that_asks_for_both_is_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        asked(**more)


def test_a_journey_through_values_has_no_named_states(here: ClusterWorld) -> None:
    before = here.world.model
    here.world.model = {"journeys": {"it": {"values": "view.page"}}}
    try:
        with pytest.raises(Misdefined, match="whose states are named"):
            here.resolver.clustered("kinds")
    finally:
        here.world.model = before
