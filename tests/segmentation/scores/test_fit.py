"""What a fit learns, tries, leaves out and refuses, on people whose outcome is known."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from passerelle.privacy.errors import DefinitionError, HeldBack, IntegrityError
from passerelle.segmentation.learning.features import Matrix
from passerelle.segmentation.learning.threads import learning
from passerelle.segmentation.scores import choose, learners
from passerelle.segmentation.scores.apply import expected
from passerelle.segmentation.scores.file import ScoreFile, Search, Select
from passerelle.segmentation.scores.fit import fit
from passerelle.segmentation.scores.measures import auc
from passerelle.segmentation.scores.model import ScoreModel
from passerelle.segmentation.scores.people import Cut, Learnable
from passerelle.segmentation.scores.predict import Linear
from tests.segmentation.scores.shoppers import asked
from tests.segmentation.world import DAY, T

TRAITS = {"recency_days": {"log": True}, "orders_365d": {}, "usual_gap_days": {}}
MANY = 400


def cut(place: int, seed: int = 1, **columns: Any) -> Cut:  # noqa: ANN401 - a column's values
    """People at a moment: whoever bought lately and often will buy again, mostly."""
    chance = np.random.default_rng([seed, place])
    recency, orders = chance.exponential(60, MANY).round(1), chance.poisson(4, MANY).astype(float)
    odds = 1.2 - 0.03 * recency + 0.25 * (orders - 4)
    outcome = (chance.uniform(size=MANY) < 1 / (1 + np.exp(-odds))).astype(float)
    gaps = np.where(orders < 2, np.nan, chance.gamma(4, 8, MANY).round(2))
    made = {"recency_days": recency, "orders_365d": orders, "usual_gap_days": gaps, "outcome": outcome}
    made |= {name: make(made, chance) if callable(make) else make for name, make in columns.items()}
    outcome = made.pop("outcome")
    raw = {name: pa.array(values, from_pandas=True) for name, values in made.items()}
    return Cut(T - (place + 1) * 30 * DAY, pa.table({"subject_id": np.arange(1, MANY + 1), **raw}), outcome)


def looked(moments: int = 3, *, excluded: dict[str, str] | None = None, **columns: Any) -> Learnable:  # noqa: ANN401
    cuts = tuple(cut(place, **columns) for place in range(moments))
    return Learnable(cuts, T, "a snapshot", "Whether they buy", excluded or {})


def file(**more: Any) -> ScoreFile:  # noqa: ANN401 - as a file says it
    return asked(**{"features": TRAITS, **more})


ALL: dict[str, dict[str, list[float]]] = {"logistic": {"c": [1]}, "random_forest": {"trees": [20], "depth": [4]}}
ALL |= {
    "gradient_boosting": {"trees": [20], "leaves": [4], "learning_rate": [0.1]},
    "mlp": {"neurons": [3], "alpha": [1]},
}


@pytest.fixture(scope="module")
def compared() -> ScoreModel:
    return fit(file(learners=ALL), looked())


def test_learners_stand_side_by_side_and_the_choice_has_its_reason(compared: ScoreModel) -> None:
    assert {each.learner for each in compared.compared} == set(ALL)
    assert all(0.75 < each.auc < 0.95 and 0.75 < each.fold_auc < 0.95 for each in compared.compared)
    best = max(each.fold_auc for each in compared.compared)
    mine = next(each for each in compared.compared if each.learner == compared.learner)
    assert mine.fold_auc >= best - 0.005
    assert f"{compared.learner} {mine.fold_auc:.3f}" in compared.reason


def test_the_card_is_measured_on_people_of_whom_nothing_was_learnt(compared: ScoreModel) -> None:
    test = looked().cuts[0]
    found = expected(compared, test.raw)
    yes = test.outcome.astype(int)
    assert compared.quality.auc == pytest.approx(auc(yes, found))
    assert sum(compared.quality.confusion) == MANY
    assert compared.quality.confusion[0] + compared.quality.confusion[2] == yes.sum()
    assert [each.used for each in compared.moments] == ["test", "train", "train"]
    assert compared.quality.error < next(each.error for each in compared.baselines if each.what == "everybody the same")
    assert compared.quality.calibration_error < 0.15
    assert sum(each.people for each in compared.reliability) == MANY


def test_what_matters_is_what_the_people_were_made_by(compared: ScoreModel) -> None:
    matters = {each.trait: each.auc_drop for each in compared.importance}
    assert compared.importance[0].trait == "recency_days"
    assert matters["recency_days"] > 0.1
    assert abs(matters["usual_gap_days"]) < 0.02


def test_the_same_inputs_give_the_same_bytes_and_other_bytes_are_refused(compared: ScoreModel) -> None:
    again = fit(file(learners=ALL), looked())
    assert again.to_bytes() == compared.to_bytes()
    assert ScoreModel.from_bytes(again.to_bytes(), compared.version) == compared
    with pytest.raises(IntegrityError, match="not what its fit wrote"):
        ScoreModel.from_bytes(again.to_bytes().replace(b'"seed": 1', b'"seed": 2'), compared.version)


def test_somebody_has_the_same_score_whoever_else_is_asked_about(compared: ScoreModel) -> None:
    raw = looked().cuts[0].raw
    everybody = expected(compared, raw)
    for start, length in ((0, 1), (7, 40), (MANY - 1, 1)):
        assert expected(compared, raw.slice(start, length)).tolist() == everybody[start : start + length].tolist()


@pytest.mark.parametrize("name", sorted(ALL))
def test_each_learner_leaves_numbers_that_say_what_it_said(name: str) -> None:
    """`learners` compares with the learner's own probabilities, and refuses where they differ."""
    chance = np.random.default_rng(3)
    rows = chance.normal(size=(300, 3))
    outcome = (rows[:, 0] + chance.normal(size=300) > 0).astype(np.int64)
    one = learners.learner(name)
    settings = learners.settings_of(one, ALL[name], name)[0]
    with learning():
        found = one.learn(rows, outcome, np.ones(300), settings, 1)
    assert auc(outcome, found.probability(rows)) > 0.8
    assert type(found).model_validate_json(found.model_dump_json()) == found


def half(rows: Matrix) -> Matrix:
    """Other probabilities than those of any numbers."""
    return np.full(len(rows), 0.5)


def test_numbers_that_say_something_else_than_their_learner_are_refused() -> None:
    with pytest.raises(Exception, match="What was read out of a liar of this version"):
        learners.checked(Linear(weights=[1.0], start=0.0), half, np.array([[1.0], [-1.0]]), by="a liar")


def test_folds_learn_from_what_lies_before_only() -> None:
    moment = np.repeat([1, 2, 3], 4)
    folds = choose.Training(np.zeros((12, 1)), np.zeros(12, np.int64), moment).folds()
    assert [(set(moment[before]), set(moment[later])) for before, later in folds] == [({2, 3}, {1}), ({3}, {2})]


def test_a_random_search_draws_the_same_settings_each_time() -> None:
    options = [{"c": float(each)} for each in range(20)]
    drawn = choose.searched(options, Search(by="random", tries=4), 7)
    assert len(drawn) == 4
    assert drawn == choose.searched(options, Search(by="random", tries=4), 7)
    assert drawn != choose.searched(options, Search(by="random", tries=4), 8)
    assert choose.searched(options, Search(), 7) == options


def _tried(name: str, fold_auc: float) -> choose.Tried:
    return choose.Tried(name, learners.learner(name), {}, 1, fold_auc, ())


@pytest.mark.parametrize(
    ("found", "wins"),
    [
        ({"logistic": 0.796, "random_forest": 0.798, "gradient_boosting": 0.8}, "logistic"),
        ({"logistic": 0.79, "random_forest": 0.798, "gradient_boosting": 0.8}, "random_forest"),
        ({"logistic": 0.7, "mlp": 0.8}, "mlp"),
        ({"mlp": 0.6}, "mlp"),
    ],
)
def test_of_learners_that_do_as_well_the_simplest_is_taken(found: dict[str, float], wins: str) -> None:
    best, reason = choose.chosen([_tried(name, value) for name, value in found.items()])
    assert best.name == wins
    assert f"{found[wins]:.3f}" in reason


def test_of_two_features_that_go_together_the_weaker_is_left_out() -> None:
    chance = np.random.default_rng(2)
    strong = chance.normal(size=500)
    rows = np.column_stack([strong + 0.1 * chance.normal(size=500), strong, chance.normal(size=500), np.zeros(500)])
    outcome = (strong > 0).astype(np.int64)
    out = choose.selected(rows, outcome, ["twin", "strong", "other", "same"], Select(correlation=0.9))
    assert out[0].startswith("goes together with strong (correlation +0.99")
    assert out[3] == "everybody has the same value"
    assert set(out) == {0, 3}


def test_so_many_features_are_kept_as_asked() -> None:
    model = fit(file(select={"features": 1, "correlation": 1}), looked())
    assert [each.shown for each in model.columns] == ["recency_days"]
    assert [each.reason for each in model.left_out][-1].endswith("(RFE)")


def test_weighing_the_rarer_outcome_changes_no_order_of_magnitude() -> None:
    kept, weighed = (fit(file(imbalance=how), looked()) for how in ("keep", "weigh"))
    assert "counted as much as the other" in weighed.imbalance
    assert weighed.quality.calibration_error < kept.quality.calibration_error + 0.03
    assert weighed.quality.auc == pytest.approx(kept.quality.auc, abs=0.02)
    assert weighed.predictor != kept.predictor


def test_an_unknown_value_counts_as_the_mean_and_as_unknown() -> None:
    columns = [each.shown for each in fit(file(select={"correlation": 1}), looked()).columns]
    assert columns == ["recency_days", "orders_365d", "usual_gap_days", "usual_gap_days is missing"]
    filled = file(features={**TRAITS, "usual_gap_days": {"fill": 0}}, select={"correlation": 1})
    assert [each.shown for each in fit(filled, looked()).columns] == columns[:3]


def _few(made: dict[str, Any], _: object) -> Any:  # noqa: ANN401 - a column's values
    return np.where(np.arange(MANY) < 5, made["outcome"] * 0 + 1, 0.0)


def test_too_few_who_did_it_is_said() -> None:
    with pytest.raises(HeldBack, match=f"only 5 of {MANY} people did it, which is too few to learn from"):
        fit(file(), looked(outcome=_few))


def test_a_feature_that_knows_the_outcome_is_refused_unless_it_is_vouched_for() -> None:
    leak: dict[str, Any] = {"status": lambda made, chance: made["outcome"] + chance.normal(0, 0.05, MANY)}
    features = {**TRAITS, "status": {}}
    with pytest.raises(HeldBack, match="`status` alone tells almost surely what becomes of people") as told:
        fit(file(features=features), looked(**leak))
    assert "known_before: true" in told.value.advice
    vouched = file(features={**TRAITS, "status": {"known_before": True}})
    assert fit(vouched, looked(**leak)).quality.auc > 0.99


def test_special_categories_are_left_out_and_said() -> None:
    model = fit(file(), looked(excluded={"orders_365d": "health"}))
    assert "orders_365d" not in {each.feature.trait for each in model.columns}
    assert {each.feature: each.reason for each in model.left_out}["orders_365d"] == "a special category: health"
    with pytest.raises(HeldBack, match="Every feature of the score `buys` is of a special category"):
        fit(file(), looked(excluded=dict.fromkeys(TRAITS, "health")))


@pytest.mark.parametrize(
    ("asked_learners", "said"),
    [
        ({"logistik": {}}, "There is no learner `logistik`. Did you mean `logistic`?"),
        ({"logistic": {"d": [1]}}, "The learner `logistic` has no `d`."),
    ],
)
def test_a_misspelt_learner_or_setting_is_named(asked_learners: dict[str, Any], said: str) -> None:
    with pytest.raises(DefinitionError) as told:
        fit(file(learners=asked_learners), looked())
    assert said in f"{told.value.message} {told.value.advice}"
