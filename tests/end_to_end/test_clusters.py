"""An audience that rests on groups found in the data: sent while the model holds, left as it is when it does not."""

import pytest

from tests.end_to_end.conftest import Cli
from tests.end_to_end.shop import ShopWorkspace, member, only_audience

ASKED = """cluster: kinds
traits: {orders_365d: {log: true}, revenue_365d: {log: true}}
groups: {from: 2, to: 2}
stability: {rounds: 5, at_least: 0.2}
names: {1: many}
"""


@pytest.mark.slow
def test_an_audience_of_a_model_that_no_longer_holds_is_left_as_it_is_but_for_consent(
    small: ShopWorkspace, cli: Cli
) -> None:
    (small.folder / "clusters").mkdir()
    file = small.folder / "clusters/kinds.yaml"
    file.write_text(ASKED)
    only_audience(small, "many_orders", "{cluster: kinds, in: [many]}")

    code, plan = cli(small, "plan")
    assert (code, plan["outcome"]) == (3, "held_back")
    assert plan["advice"] == "The cluster `kinds` has not been fitted yet. Run `passerelle cluster fit kinds`."
    assert small.at_twins() == {}

    assert cli(small, "cluster", "fit", "kinds")[0] == 0
    code, sent = cli(small, "sync")
    assert code == 0
    there = small.at_twins()
    assert set(there.values()) == {sent["audiences"][0]["sent"]["adds"]}
    (people,) = set(there.values())
    assert people > 50

    file.write_text(ASKED.replace("at_least: 0.2", "at_least: 1").replace("to: 2", "to: 3"))
    cli(small, "consent", "withdraw", "--subject-ref", member(small))
    code, held = cli(small, "sync")
    assert (code, held["outcome"]) == (3, "held_back")
    assert all(each["held_by"] == ["model"] for each in held["audiences"])
    assert "asks for something else than what was fitted" in held["audiences"][0]["problem"]
    assert {name: count + 1 for name, count in small.at_twins().items()} == there

    file.write_text(ASKED)
    assert cli(small, "sync")[0] == 0
    assert {name: count + 1 for name, count in small.at_twins().items()} == there
