from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from passerelle.privacy.errors import HeldBack
from passerelle.segmentation.clusters.assign import assigned
from passerelle.segmentation.clusters.measures import agreement
from passerelle.segmentation.clusters.model import NONE
from tests.segmentation.clusters.crowd import BY_LOGARITHM, SIZES, fitted, kinds, people

METHODS: dict[str, dict[str, Any]] = {
    "kmeans": {},
    "hierarchical": {"method": "hierarchical"},
    "dbscan": {"method": "dbscan", "groups": None, "eps": 0.5},
    "hdbscan": {"method": "hdbscan", "groups": None},
    "pca": {"pca": {"keep": 0.9}},
}


@pytest.mark.parametrize("name", METHODS)
def test_each_method_finds_the_kinds_there_are(name: str) -> None:
    raw = people()
    model = fitted(raw, **METHODS[name])
    labels, distance = assigned(model, raw)
    assert agreement(labels, kinds()) > 0.95
    assert model.stability > 0.9
    assert not np.isnan(distance).any()


def test_groups_are_numbered_by_their_size() -> None:
    assert [(group.label, group.size) for group in fitted().groups] == list(enumerate(SIZES, 1))


def test_the_data_suggests_how_many_groups_and_says_why() -> None:
    model = fitted(groups={"from": 2, "to": 6})
    assert model.criteria is not None
    assert (model.criteria.suggested, model.settings["groups"], len(model.groups)) == (3, 3, 3)
    assert model.criteria.groups == [2, 3, 4, 5, 6]
    assert model.criteria.best_silhouette == 3
    assert "The silhouette is greatest at 3" in model.criteria.reason


def test_a_fixed_number_of_groups_is_compared_with_others_all_the_same() -> None:
    criteria = fitted(groups=2).criteria
    assert criteria is not None
    assert criteria.suggested == 3


def test_eps_is_read_off_where_the_distances_to_neighbours_turn() -> None:
    model = fitted(method="dbscan", groups=None)
    assert model.neighbour_distances == sorted(model.neighbour_distances)
    assert model.settings["eps"] in model.neighbour_distances


def test_each_group_is_described_by_what_makes_it_different() -> None:
    best, _, gone = fitted().groups
    assert "recency_days far below the usual" in best.words
    assert "revenue_365d far above the usual" in best.words
    assert "recency_days far above the usual" in gone.words
    assert "everybody" in gone.words


def test_traits_that_tell_groups_apart_have_great_effects_and_small_p() -> None:
    raw = people()
    noise = np.random.default_rng(5).normal(size=raw.num_rows)
    model = fitted(raw.append_column("noise", pa.array(noise)), traits={**BY_LOGARITHM, "noise": {"scale": "min_max"}})
    found = {each.trait: each for each in model.comparisons}
    assert found["revenue_365d"].eta_squared > 0.9
    assert found["noise"].eta_squared < 0.1
    for each in found.values():
        assert each.anova_p is not None
        assert each.welch_p is not None
        assert each.kruskal_p is not None
    assert (found["revenue_365d"].welch_p or 1) < 1e-6 < (found["noise"].anova_p or 0)


def test_directions_keep_the_variance_that_is_asked_for_and_name_what_they_are_made_of() -> None:
    model = fitted(pca={"keep": 0.85})
    assert sum(model.axes.turned_shares) >= 0.85
    assert len(model.axes.loadings) == len(model.features)
    assert sum(model.axes.shares) == pytest.approx(sum(sorted(model.axes.shares, reverse=True)))


def test_a_category_is_yes_or_no_and_rare_ones_are_none() -> None:
    raw = people()
    tier = ["or" if kind == 0 else "rare" if place == 1 else "argent" for place, kind in enumerate(kinds())]
    raw = raw.append_column("loyalty", pa.array(tier))
    model = fitted(raw, traits={**BY_LOGARITHM, "loyalty": {"one_hot": True}})
    assert [each.category for each in model.features if each.trait == "loyalty"] == ["argent", "or"]
    assert "loyalty = or for 100 %" in model.groups[0].words


def test_missing_values_are_left_out_and_counted_or_filled_as_the_file_says() -> None:
    raw = people()
    holes = pa.array([None if place < 8 else value for place, value in enumerate(raw["orders_365d"].to_pylist())])
    raw = raw.set_column(2, "orders_365d", holes)
    model = fitted(raw)
    assert (model.left_out, model.people) == (8, raw.num_rows - 8)
    labels, distance = assigned(model, raw)
    assert (labels[:8] == NONE).all()
    assert np.isnan(distance[:8]).all()
    filled = fitted(raw, traits={**BY_LOGARITHM, "orders_365d": {"log": True, "fill": 1}})
    assert (filled.left_out, filled.people) == (0, raw.num_rows)
    assert (assigned(filled, raw)[0] != NONE).all()


def test_people_far_from_every_dense_place_belong_to_no_group() -> None:
    raw = people()
    model = fitted(raw, **METHODS["dbscan"])
    stranger = pa.table({"subject_id": [9], "recency_days": [5.0], "orders_365d": [1.0], "revenue_365d": [90_000.0]})
    labels, distance = assigned(model, stranger)
    assert labels.tolist() == [NONE]
    assert distance[0] > max(model.reach.values())
    assert assigned(fitted(raw), stranger)[0].tolist() != [NONE]


def test_no_point_of_a_model_is_one_person() -> None:
    raw = people((60, 50, 6))
    model = fitted(raw, method="hdbscan", groups=None, neighbours=5)
    assert min(group.size for group in model.groups) >= 10
    rows = {tuple(row) for row in model.points}
    alone = fitted(raw, groups=4)
    assert all(group.size >= 10 for group in alone.groups)
    assert len(rows) == len(model.points) <= 116 // 10


def _alike(raw: pa.Table) -> pa.Table:
    return raw.set_column(1, "recency_days", pa.array([5.0] * raw.num_rows))


def _negative(raw: pa.Table) -> pa.Table:
    return raw.set_column(3, "revenue_365d", pa.array([-1.0, -2.0, *raw["revenue_365d"].to_pylist()[2:]]))


@pytest.mark.parametrize(
    ("raw", "more", "said"),
    [
        (people().slice(0, 29), {}, "29 people are too few to find groups in: at least 30 are needed."),
        (_alike(people()), {}, "Everybody has the same `recency_days`, so it tells nobody apart."),
        (_negative(people()), {}, "2 people have a negative `revenue_365d`, which has no logarithm."),
        (
            people(),
            {"method": "dbscan", "groups": None, "eps": 50},
            "dbscan found one group alone of at least 10 people",
        ),
        (people(), {"method": "dbscan", "groups": None, "eps": 0.001}, "dbscan found no group of at least 10 people."),
    ],
)
def test_data_without_groups_is_said_to_be_so(raw: pa.Table, more: dict[str, Any], said: str) -> None:
    with pytest.raises(HeldBack) as told:
        fitted(raw, **more)
    assert said in told.value.message
    assert told.value.advice


def test_too_few_different_people_are_said_to_be_so() -> None:
    raw = people()
    twice = pa.table({"subject_id": raw["subject_id"], **{name: [1.0, 2.0, 3.0] * 50 for name in BY_LOGARITHM}})
    with pytest.raises(HeldBack, match="only 3 different sets of values, too few for 4 groups"):
        fitted(twice, groups=4)


def test_groups_that_chance_finds_are_not_stable() -> None:
    cloud = np.random.default_rng(3).normal(size=(400, 3))
    raw = pa.table({"subject_id": np.arange(400), **{name: cloud[:, i] for i, name in enumerate(BY_LOGARITHM)}})
    model = fitted(raw, traits={name: {} for name in BY_LOGARITHM}, groups=7)
    assert model.stability < 0.7
