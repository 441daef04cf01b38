"""Hazards 12 and 13 of the field, and what they have in common: the same people, the same groups."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from passerelle.privacy.errors import IntegrityError
from passerelle.segmentation.clusters.assign import assigned, standing
from passerelle.segmentation.clusters.model import ClusterModel
from passerelle.segmentation.clusters.people import look
from tests.segmentation.clusters.crowd import DAY_LATER, fitted, people
from tests.segmentation.clusters.scene import in_world

SHRUNK = (45, 50, 55)
"""The same kinds, of other sizes: by size alone, they would be numbered the other way round."""


def test_12_a_refit_keeps_the_labels_of_groups_that_go_on() -> None:
    before = fitted()
    after = fitted(people(SHRUNK, seed=8), before, as_of=DAY_LATER)
    assert [group.label for group in fitted(people(SHRUNK, seed=8)).groups] == [1, 2, 3]
    raw = people()
    assert assigned(after, raw)[0].tolist() == assigned(before, raw)[0].tolist()
    assert [group.size for group in after.groups] == list(SHRUNK)
    assert set(after.alignment.kept) == {1, 2, 3}
    assert after.alignment.previous == before.version


def test_12_a_group_that_is_new_gets_a_number_that_nobody_had() -> None:
    before = fitted()
    after = fitted(None, before, as_of=DAY_LATER, groups={"from": 2, "to": 2})
    assert after.alignment.ended
    assert not after.alignment.new
    again = fitted(None, after, as_of=DAY_LATER + 1, groups={"from": 3, "to": 3})
    assert again.next_label == 5
    assert again.alignment.new == [4]


def test_12_a_label_never_comes_to_mean_other_people() -> None:
    before = fitted(groups={"from": 2, "to": 2})
    raw = people()
    # Everybody turns round: who was at one end is at the other.
    other = pa.table(
        {
            name: raw[name] if name == "subject_id" else pa.array(raw[name].to_numpy()[::-1] ** 3)
            for name in raw.column_names
        }
    )
    after = fitted(other, before, as_of=DAY_LATER, groups={"from": 4, "to": 4})
    for label in after.alignment.kept:
        was, now = assigned(before, other)[0] == label, assigned(after, other)[0] == label
        assert (was & now).sum() >= 0.5 * min(was.sum(), now.sum())


def test_13_the_silhouette_of_a_sample_is_the_same_each_time() -> None:
    raw = people((1_200, 1_000, 900))
    model = fitted()
    labels, distance = assigned(model, raw)
    one = standing(model, raw, labels, distance)
    assert one == standing(model, raw, labels, distance)
    assert 0.5 < one.silhouette < 1


@pytest.mark.parametrize("more", [{"seed": 2}, {"method": "hierarchical"}, {"method": "hdbscan", "groups": None}])
def test_the_same_inputs_give_the_same_bytes(more: dict[str, Any]) -> None:
    one, other = fitted(**more), fitted(**more)
    assert one.to_bytes() == other.to_bytes()
    assert ClusterModel.from_bytes(one.to_bytes(), one.version) == one


def test_a_model_that_was_changed_is_refused() -> None:
    model = fitted()
    with pytest.raises(IntegrityError):
        ClusterModel.from_bytes(model.to_bytes().replace(b'"seed": 1', b'"seed": 2'), model.version)


def test_the_order_of_rows_changes_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    found = []
    for name, step in (("one", 1), ("other", -1)):
        world = in_world(tmp_path_factory.mktemp(name), step)
        found.append(look("kinds", world.resolver, world.dataset, as_of=world.as_of, history=world.history).raw)
    assert found[0].equals(found[1])
    assert found[0].num_rows == 150


def test_a_person_has_the_same_group_whoever_else_is_looked_at() -> None:
    raw, model = people(), fitted(pca={})
    everybody, distance = assigned(model, raw)
    for part in (raw.slice(0, 1), raw.slice(10, 7), raw.slice(149)):
        start = part["subject_id"][0].as_py() - 1
        labels, apart = assigned(model, part)
        assert labels.tolist() == everybody[start : start + part.num_rows].tolist()
        assert np.array_equal(apart, distance[start : start + part.num_rows])
