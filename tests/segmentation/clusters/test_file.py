from typing import Any

import pytest
from pydantic import ValidationError

from passerelle.segmentation.clusters.file import ClusterFile
from passerelle.workflows.settings.load import validated
from tests.segmentation.clusters.crowd import asked

WRONG: list[tuple[dict[str, object], str]] = [
    ({"groups": None}, "needs `groups`: a number, or a range"),
    ({"method": "dbscan"}, "takes no `groups`: dbscan finds out how many there are"),
    ({"eps": 0.5}, "takes no `eps`: that is dbscan's, and this is kmeans"),
    ({"neighbours": 5}, "takes no `neighbours`"),
    ({"groups": {"from": 5, "to": 3}}, "is empty: `to` must be at least `from`"),
    ({"groups": 1}, "greater than or equal to 2"),
    ({"grups": 3}, "has no key `grups`. Did you mean `groups`?"),
    ({"names": {"first": "best"}}, "leads from a group's number to its name"),
    ({"names": {"1": "best", "2": "best"}}, "gives two groups the same name"),
    ({"names": {"1": "2"}}, "which would be taken for another group's"),
    ({"traits": {"tier": {"one_hot": True, "log": True}}}, "is a text beside `one_hot`, which has no logarithm"),
    ({"traits": {}}, "needs `traits`"),
    ({"minimum_group": 4}, "greater than or equal to 5"),
]


@pytest.mark.parametrize(("more", "said"), WRONG)
def test_what_a_file_cannot_mean_is_refused(more: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError) as told:
        asked(**more)
    assert said in str(told.value)


def test_names_description_and_gates_do_not_ask_for_another_fit() -> None:
    one = asked()
    same = asked(names={"1": "best"}, description="x", stability={"rounds": 9, "at_least": 0.5})
    assert one.digest == same.digest
    others: list[dict[str, Any]] = [{"seed": 9}, {"minimum_group": 11}, {"groups": 4}, {"traits": {"points": {}}}]
    for more in (*others, {"pca": {}}):
        assert asked(**more).digest != one.digest


def test_a_group_without_a_name_is_called_by_its_number() -> None:
    file = asked(names={"2": "best"})
    assert [file.name_of(label) for label in (1, 2)] == ["1", "best"]


def test_a_trait_may_stand_alone() -> None:
    written: dict[str, Any] = {"cluster": "c", "traits": {"points": None}, "groups": 2}
    assert validated(ClusterFile, written).traits["points"].scale == "z_score"
