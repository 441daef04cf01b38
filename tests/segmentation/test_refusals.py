import json
from typing import Any

import pytest
from pydantic import ValidationError

from passerelle.segmentation import Misdefined, ModelFile, SegmentFile, check
from tests.segmentation.world import MODEL, World, segment

DID = {"did": "purchase"}


def said(data: dict[str, Any], model: type[ModelFile] | type[SegmentFile] = SegmentFile) -> str:
    """What pydantic says of a document as the loader reads it."""
    with pytest.raises(ValidationError) as caught:
        model.model_validate_json(json.dumps(data), strict=True)
    return "; ".join(str(detail["msg"]) for detail in caught.value.errors(include_input=False, include_url=False))


def where(condition: object) -> str:
    return said({"segment": "it", "where": condition})


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ({"trai": "x"}, "is no condition. Did you mean `trait`?"),
        ({"trait": "x", "at_lest": 3}, "has no key `at_lest`. Did you mean `at_least`?"),
        ({"trait": "x"}, "compares with nothing"),
        ({"trait": "x", "did": "y"}, "is two things at once: `trait` and `did`"),
        ({"did": "x", "within": "0d"}, "must be longer than zero"),
        ({"did": "x", "within": "-7d"}, "must be longer than zero"),
        ({"did": "x", "within": "3 months"}, "months differ in length"),
        ({"did": "x", "within": 30}, "must be a length of time such as `30d`"),
        ({"did": "x", "within": "30d", "until": "30d"}, "can never hold"),
        ({"did": "x", "first_time": True}, "needs `within`"),
        ({"did": "x", "count": {}}, "says no number"),
        ({"did": "x", "regularly": {"periods": 5, "of": 4}}, "can never hold"),
        ({"did": []}, "at least 1 item"),
        ({"rfm": "champion"}, "Did you mean `champions`?"),
        ({"top": {"by": "x"}}, "must have either `n` or `percent`"),
        ({"top": {"by": "x", "percent": 120}}, "less than or equal to 100"),
        ({"all": []}, "at least 1 item"),
        ({"trait": "x", "at_least": {"threshold": "y", "time": 2}}, "has no key `time`. Did you mean `times`?"),
        ({"trait": "x", "between": [1]}, "must be two values"),
        ({"trait": "x", "at_least": 10**16}, "at most 15 digits"),
        ("purchase", "must be a condition"),
    ],
)
def test_a_condition_that_cannot_be_meant_is_refused(condition: object, sentence: str) -> None:
    assert sentence in where(condition)


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        ([{"event": "a"}], "at least 2 items"),
        ([{"absent": "a", "within": "1d"}, {"event": "b"}], "`absent` only as its last step"),
        ([{"event": "a"}, {"absent": "b", "within": "1d"}, {"event": "c"}], "`absent` only as its last step"),
        ([{"event": "a"}, {"absent": "b"}], "needs `within`"),
        ([{"event": "a"}, {"absent": "b", "within": "7d"}], "can never hold: waiting 7 days"),
        ([{"event": "a"}, {"absent": "b", "within": "8d"}], "can never hold: waiting 8 days"),
        ([{"event": "a", "within": "1d"}, {"event": "b"}], "use `within_last` there"),
        ([{"event": "a", "absent": "b"}, {"event": "b"}], "either `event` or `absent`"),
    ],
)
def test_a_sequence_that_can_never_hold_is_refused(steps: list[object], sentence: str) -> None:
    assert sentence in where({"sequence": {"within_last": "7d", "steps": steps}})


def test_the_place_of_a_mistake_is_told() -> None:
    document = {"segment": "it", "where": {"all": [DID, {"not": {"did": "x", "within": "0d"}}]}}
    with pytest.raises(ValidationError) as caught:
        SegmentFile.model_validate(document)
    keys = [part for part in caught.value.errors()[0]["loc"] if not str(part).startswith("<")]
    assert keys == ["where", "all", 1, "not", "within"]


def test_splits_and_holdouts_share_a_hundred_per_cent() -> None:
    holdout = {"percent": 20, "salt": "s"}
    assert "more than 100" in said({"segment": "it", "where": DID, "holdout": holdout, "splits": {"a": 50, "b": 40}})


@pytest.mark.parametrize(
    ("condition", "message", "advice", "path"),
    [
        ({"trait": "revenue_356d", "at_least": 1}, "no trait `revenue_356d`", "`revenue_365d`", ("trait",)),
        ({"attribute": "loyalti", "is": "or"}, "no attribute `loyalti`", "`loyalty`", ("attribute",)),
        ({"attribute": "crm.loyalty", "is": "or"}, "no person table `crm`", "`customers`", ("attribute",)),
        ({"did": "purchace"}, "no event `purchace`", "`purchase`", ("did",)),
        ({"did": "view", "where": {"amount": {"is": 1}}}, "no column of these events `amount`", "", ("did",)),
        ({"in_segment": "champs"}, "no segment `champs`", "", ("in_segment",)),
        ({"trait": "rfm.r", "at_least": "four"}, "must be a number", "", ("at_least",)),
        ({"trait": "revenue_365d", "at_least": "much"}, "an amount such as 120.50", "", ("at_least",)),
        (
            {"trait": "revenue_365d", "at_least": {"threshold": "hi"}},
            "no threshold `hi`",
            "",
            ("at_least", "threshold"),
        ),
        ({"trait": "revenue_365d", "more_than": {"trait": "orders_365d"}}, "A money is compared", "", ("more_than",)),
        ({"attribute": "loyalty", "at_least": "or"}, "has no more or less", "", ("at_least",)),
        ({"attribute": "loyalty", "is": 3}, "put a number in quotes", "", ("is",)),
        ({"attribute": "vip", "is": "yes"}, "`true` or `false`", "", ("is",)),
        ({"attribute": "joined", "at_least": "last week"}, "a date such as", "", ("at_least",)),
        ({"attribute": "points", "contains": "3"}, "`contains` is for a text", "", ("contains",)),
        ({"attribute": "loyalty", "newer_than": "3d"}, "`newer_than` is for a date", "", ("newer_than",)),
        ({"attribute": "points", "between": [5, 1]}, "can never hold", "", ("between",)),
        ({"top": {"n": 3, "by": "loyal"}}, "no trait `loyal`", "", ("top", "by")),
        (
            {"did": "purchase", "where": {"amount": {"at_least": {"quantile": 0.5, "of": "x"}}}},
            "plain values",
            "",
            None,
        ),
    ],
)
def test_a_wrong_name_or_type_is_refused_with_its_place(
    world: World, condition: object, message: str, advice: str, path: tuple[str, ...] | None
) -> None:
    with pytest.raises(Misdefined) as caught:
        world.run(segment("it", {"all": [condition]}))
    assert message in caught.value.message
    assert advice in caught.value.advice
    assert caught.value.document == "segments/it.yaml"
    if path is not None:
        assert caught.value.path[:3] == ("where", "all", 0)
        assert caught.value.path[3:][: len(path)] == path


def test_a_definition_is_refused_before_any_data_is_read(world: World) -> None:
    dataset = world.dataset()
    for table in dataset.tables.values():
        for file in table.files:
            file.unlink()
    it = segment("it", {"trait": "no_such", "is": 1})
    assert [problem.message for problem in check(world.modelled(), {"it": it}, dataset.tables)] == [
        "There is no trait `no_such`."
    ]


@pytest.mark.parametrize(
    ("change", "message", "path"),
    [
        ({"tables": {"web": {"from": "wep", "grain": "event"}}}, "in the lake `wep`", ("tables", "web", "from")),
        ({"tables": {"web": {"from": "web", "grain": "person"}}}, "one row per event", ("tables", "web", "grain")),
        ({"traits": {"x": {"sum": "purchase.status"}}}, "has no sum", ("traits", "x", "sum")),
        ({"traits": {"x": {"sum": "purchase.amont"}}}, "`amont`", ("traits", "x", "sum")),
        ({"traits": {"x": {"column": "customers.nope"}}}, "`nope`", ("traits", "x", "column")),
        ({"traits": {"x": {"count": "purchase", "default": "none"}}}, "a number", ("traits", "x", "default")),
        ({"thresholds": {"x": {"quantile": 0.5, "of": "nope"}}}, "no trait `nope`", ("thresholds", "x", "of")),
        (
            {"thresholds": {"x": {"moving_average": "m", "days": 3}}},
            "no metric `m`",
            ("thresholds", "x", "moving_average"),
        ),
        ({"metrics": {"m": {"sum": "purchase.status"}}}, "has no sum", ("metrics", "m", "sum")),
        ({"population": ["clients"]}, "no table `clients`", ("population", 0)),
        ({"rfm": {"recency": "a", "frequency": "b", "monetary": "c"}}, "no trait `a`", ("rfm", "recency")),
        (
            {"thresholds": {"x": {"quantile": 0.5, "of": "recency_days", "over": {"in_segment": "y"}}}},
            "cannot refer to segments",
            ("thresholds", "x", "over", "in_segment"),
        ),
    ],
)
def test_a_wrong_model_is_refused_with_its_place(
    world: World, change: dict[str, Any], message: str, path: tuple[object, ...]
) -> None:
    world.model = change
    problems = check(world.modelled(), {}, world.dataset().tables)
    assert [(problem.document, problem.path) for problem in problems] == [("model.yaml", path)]
    assert message in problems[0].message


def test_all_problems_are_found_at_once(world: World) -> None:
    world.model = {"thresholds": {"a": {"quantile": 0.5, "of": "nope"}}}
    files = {"it": segment("it", {"did": "purchace"}), "ok": segment("ok", DID)}
    documents = [problem.document for problem in check(world.modelled(), files, world.dataset().tables)]
    assert documents == ["model.yaml", "segments/it.yaml"]


def test_events_are_a_closed_list_only_where_the_model_lists_them(world: World) -> None:
    tables = {name: {"from": table["from"], "grain": table["grain"]} for name, table in MODEL["tables"].items()}
    world.model = {"tables": tables}
    assert world.members({"did": "anything_at_all"}) == set()
    world.model = {"tables": tables, "events": ["purchase", "view"]}
    with pytest.raises(Misdefined, match="no event `anything_at_all`"):
        world.members({"did": "anything_at_all"})


def test_a_column_of_two_tables_must_say_which(world: World) -> None:
    world.model = {"tables": {"again": {"from": "crm", "grain": "person"}}}
    with pytest.raises(Misdefined) as caught:
        world.members({"attribute": "loyalty", "is": "or"})
    assert "`again.loyalty`" in caught.value.advice


def test_json_schemas_know_every_kind_of_condition() -> None:
    schema = SegmentFile.model_json_schema()
    kinds = {name.removesuffix("Condition") for name in schema["$defs"] if name.endswith("Condition")}
    assert {"Trait", "Attribute", "Did", "DidNot", "Sequence", "Rfm", "InSegment", "Top", "All", "Any", "Not"} <= kinds
    assert schema["$defs"]["TraitCondition"]["additionalProperties"] is False
