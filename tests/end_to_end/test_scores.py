"""An audience that rests on a score: sent while the model is good enough, left as it is when it is not."""

import pytest

from tests.end_to_end.conftest import Cli
from tests.end_to_end.shop import ShopWorkspace, member, only_audience

ASKED = """score: soon
will: purchase
within: 60d
population: {did: purchase}
features: {recency_days: {log: true}}
learners: {logistic: {c: [1]}}
cuts: 3
gates: {min_auc: 0.5, max_calibration_error: 1, max_drift: 9}
"""


@pytest.mark.slow
def test_an_audience_of_a_score_that_is_too_weak_is_left_as_it_is_but_for_consent(
    small: ShopWorkspace, cli: Cli
) -> None:
    (small.folder / "scores").mkdir()
    file = small.folder / "scores/soon.yaml"
    file.write_text(ASKED)
    only_audience(small, "soon_again", "{score: soon, top_percent: 60}")

    code, plan = cli(small, "plan")
    assert (code, plan["outcome"]) == (3, "held_back")
    assert plan["advice"] == "The score `soon` has not been fitted yet. Run `passerelle score fit soon`."
    assert small.at_twins() == {}

    assert cli(small, "score", "fit", "soon")[0] == 0
    code, sent = cli(small, "sync")
    assert code == 0
    there = small.at_twins()
    assert set(there.values()) == {sent["audiences"][0]["sent"]["adds"]}
    code, replayed = cli(small, "segment", "replay", "soon_again")
    assert (code, replayed["same"], replayed["missing"]) == (0, True, [])
    (model,) = (small.folder / "var/scores/soon").glob("*.json")
    model.rename(aside := model.with_suffix(".aside"))
    code, replayed = cli(small, "segment", "replay", "soon_again")
    assert (code, replayed["missing"]) == (3, [f"The model {model.stem[:12]} of the score `soon`."])
    aside.rename(model)

    file.write_text(ASKED.replace("min_auc: 0.5", "min_auc: 1"))
    cli(small, "consent", "withdraw", "--subject-ref", member(small))
    code, held = cli(small, "sync")
    assert (code, held["outcome"]) == (3, "held_back")
    assert all(each["held_by"] == ["model"] for each in held["audiences"])
    assert "The score `soon` is weak" in held["audiences"][0]["problem"]
    assert {name: count + 1 for name, count in small.at_twins().items()} == there


@pytest.mark.slow
def test_a_score_is_sent_as_a_value_and_nobody_comes_or_goes_while_it_may_not_be_relied_on(
    small: ShopWorkspace, cli: Cli
) -> None:
    (small.folder / "scores").mkdir()
    file = small.folder / "scores/soon.yaml"
    file.write_text(ASKED)
    only_audience(small, "buyers", "{did: purchase}")
    (shown,) = (small.folder / "audiences").glob("*.yaml")
    plain = shown.read_text().replace("google: {}", "")
    shown.write_text(plain + "value: {trait: score.son}\n")
    code, told = cli(small, "plan")
    assert (code, "there is no score `son`. Did you mean `soon`?" in str(told)) == (2, True)
    shown.write_text(plain + "value: {trait: score.soon, digits: 3}\n")

    code, plan = cli(small, "plan")
    assert (code, plan["audiences"][0]["held_by"], plan["audiences"][0]["withheld"]) == (3, ["model"], {})
    assert plan["advice"] == "The score `soon` has not been fitted yet. Run `passerelle score fit soon`."

    assert cli(small, "score", "fit", "soon")[0] == 0
    code, sent = cli(small, "sync")
    assert code == 0
    (there,) = small.twins.audiences("meta").values()
    values = [value or 0.0 for value in small.twins.values(there).values()]
    assert len(values) == sent["audiences"][0]["sent"]["adds"] > 10
    assert all(0 < value < 1 and float(f"{value:.3g}") == value for value in values)
    assert len(set(values)) > 3

    file.write_text(ASKED.replace("min_auc: 0.5", "min_auc: 1"))
    cli(small, "consent", "withdraw", "--subject-ref", member(small))
    code, held = cli(small, "sync")
    assert (code, held["audiences"][0]["held_by"]) == (3, ["model"])
    assert "The score `soon` is weak" in held["audiences"][0]["problem"]
    (there,) = small.twins.audiences("meta").values()
    assert len(small.twins.values(there)) == len(values) - 1, "who withdraws leaves all the same"
