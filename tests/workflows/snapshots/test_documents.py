"""How two versions of a definition differ, in lines that a person reads."""

from typing import Any

import pytest

from passerelle.workflows.snapshots.documents import Edit, edits, flow

RICH: dict[str, Any] = {"segment": "rich", "where": {"all": [{"trait": "spent", "at_least": 100}, {"did": "buy"}]}}
FILE = "segments/rich.yaml"


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (RICH, []),
        (
            {**RICH, "where": {"all": [{"trait": "spent", "at_least": 120}, {"did": "buy"}]}},
            [Edit(f"{FILE} where.all.item 1.at_least", "100", "120")],
        ),
        (
            {**RICH, "where": {"all": [{"did": "leave"}, {"trait": "spent", "at_least": 100}, {"did": "buy"}]}},
            [Edit(f"{FILE} where.all.item 1", "", "{did: leave}")],
        ),
        (
            {**RICH, "where": {"all": [{"trait": "spent", "at_least": 100}]}},
            [Edit(f"{FILE} where.all.item 2", "{did: buy}", "")],
        ),
        ({**RICH, "exclude": [{"did": "leave"}]}, [Edit(f"{FILE} exclude", "", "[{did: leave}]")]),
        ({**RICH, "where": {"did": "buy"}}, [
            Edit(f"{FILE} where.all", "[{trait: spent, at_least: 100}, {did: buy}]", ""),
            Edit(f"{FILE} where.did", "", "buy"),
        ]),
    ],
)  # fmt: skip
def test_each_difference_is_told_where_it_stands(after: dict[str, Any], told: list[Edit]) -> None:
    assert edits({FILE: RICH}, {FILE: after}) == told


def test_files_that_come_and_go_are_told_and_kinds_of_values_kept_apart() -> None:
    assert edits({"a.yaml": {"x": 1}}, {"b.yaml": {}}) == [Edit("a.yaml", "{x: 1}", ""), Edit("b.yaml", "", "{}")]
    assert edits({"a.yaml": {"x": True}}, {"a.yaml": {"x": 1}}) == [Edit("a.yaml x", "true", "1")]
    assert flow({"a": [1, "b", None, {"c": 1.5}]}) == "{a: [1, b, null, {c: 1.5}]}"
