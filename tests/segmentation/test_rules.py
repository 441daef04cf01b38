"""Any rule that the language can say, on random people: what is compiled chooses whom the naive words choose."""

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from passerelle.segmentation import Dataset, evaluate
from passerelle.segmentation.clusters.file import ClusterFile
from passerelle.segmentation.clusters.known import Clusters
from passerelle.segmentation.language.comparisons import COMPARISONS, Comparison
from passerelle.segmentation.language.conditions import _KINDS
from passerelle.segmentation.learning.model import Feature
from passerelle.segmentation.scores.file import ScoreFile
from passerelle.segmentation.scores.known import Scores
from passerelle.segmentation.scores.model import Column
from passerelle.segmentation.scores.predict import Linear
from passerelle.workflows.settings.load import validated
from tests.segmentation.any_rule import BASE, HELD_OUT, LEAVES, PARTS, crowd, rules
from tests.segmentation.clusters.crowd import by_hand
from tests.segmentation.naive_rules import HOLDS, Naive
from tests.segmentation.naive_traits import MIDDLES
from tests.segmentation.naive_words import COMPARING
from tests.segmentation.scores.by_hand import model as scored_by_hand
from tests.segmentation.test_properties import Chosen, examples
from tests.segmentation.world import DAY, MODEL, Row, T, World, segment


def dataset(world: World) -> Dataset:
    """With a score and groups that were made by hand."""
    asked: dict[str, Any] = {"score": "soon", "will": "purchase", "within": "30d", "population": {"did": "purchase"}}
    score = validated(ScoreFile, {**asked, "features": {"spent": {}}})
    linear = Linear(weights=[0.4], start=-0.2)
    soon = scored_by_hand(score, [Column(feature=Feature(trait="spent", centre=2.0, spread=1.5))], linear)
    cluster = validated(ClusterFile, {"cluster": "kinds", "traits": {"points": {}, "orders_365d": {}}, "groups": 3})
    features = [Feature(trait="points"), Feature(trait="orders_365d")]
    kinds = by_hand(cluster, features, [list(middle) for middle in MIDDLES.values()])
    return replace(
        world.dataset(),
        scores=Scores({"soon": score}, {"soon": soon}),
        clusters=Clusters({"kinds": cluster}, {"kinds": kinds}),
    )


def chosen(world: World, written: Mapping[str, Mapping[str, Any]]) -> Chosen:
    """Who is in each of these segments; those that others refer to have a holdout."""
    world.model = PARTS
    files = {name: segment(name, **each) for name, each in written.items()}
    files |= {name: segment(name, **each, holdout=HELD_OUT) for name, each in BASE.items()}
    found = evaluate(list(written), model=world.modelled(), segments=files, dataset=dataset(world), as_of=T)
    return {name: set(each.subject_ids.to_pylist()) for name, each in found.items()}


@examples
@given(rules(), st.integers(0, 2**32))
def test_any_rule_chooses_whom_its_words_choose_whatever_the_rows_order_doubled_people_and_nulls(
    world: World, written: dict[str, dict[str, Any]], seed: int
) -> None:
    """The words are asked of tidy rows; the engine has them in no order, people twice, and rows without their own."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    who, orders, web = crowd(chance)
    nobodys: list[Row] = [
        {"subject_id": 1, "event": None, "at": T - DAY},
        {"subject_id": 2, "event": "view", "at": None},
    ]
    world.people = chance.sample([*who, *who[:7]], len(who) + 7)
    world.orders = chance.sample([*orders, {**nobodys[0], "amount": 7}], len(orders) + 1)
    world.web = chance.sample([*web, *nobodys], len(web) + 2)
    here = Naive(who, [*orders, *web], {**MODEL, **PARTS})
    here.segments = {**BASE, **written}
    # Who is asked about follows from all that is asked at once: so trees are asked for one by one.
    alone = [{name: each} for name, each in written.items() if name.startswith("tree")]
    together = {name: each for name, each in written.items() if not name.startswith("tree")}
    found = {name: who for some in (together, *alone) for name, who in chosen(world, some).items()}
    for name, each in written.items():
        assert found[name] == here.members(name), (name, each)


def test_no_condition_and_no_comparison_of_the_language_goes_without_naive_words() -> None:
    kinds = {kind.tag.strip("<>") for kind in _KINDS}
    assert kinds == set(HOLDS) == {*LEAVES, "all", "any", "not"}
    assert {Comparison.model_fields[name].alias or name for name in COMPARISONS} == COMPARING
