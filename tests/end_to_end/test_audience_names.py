"""What platforms are told of an audience: looked over before, told when it changes."""

from tests.end_to_end.conftest import Cli
from tests.end_to_end.shop import ShopWorkspace
from tests.end_to_end.test_outcomes import edit, row


def named(shop: ShopWorkspace, shown: str) -> None:
    edit(shop.folder / "audiences" / "everybody.yaml", "{meta: {}, google: {}}", f"{{meta: {shown}}}")


def test_a_name_that_meta_flags_is_held_back_before_anything_is_made(small: ShopWorkspace, cli: Cli) -> None:
    named(small, "{display_name: Diabétiques fidèles, description: Gros revenus. Kredit und Schulden}")
    words = ["diabetiques (health)", "schulden (financial)"]
    code, plan = cli(small, "plan")
    assert (code, row(plan, "meta")["held_by"], row(plan, "meta")["sensitive_words"]) == (3, ["sensitive_name"], words)
    assert "display_name" in plan["advice"]
    code, result = cli(small, "sync")
    assert (code, row(result, "meta")["sent"]) == (3, {"adds": 0, "removes": 0})
    assert row(result, "meta")["problem"].endswith(": diabetiques (health), schulden (financial).")
    assert small.at_twins() == {}
    told = [line for line in cli(small, "doctor", "--local")[1]["checks"] if line["area"] == "audiences"]
    assert [line["state"] for line in told] == ["warning"]
    assert "schulden" in told[0]["message"]


def test_an_approval_needs_a_reason_and_stands_in_the_log(small: ShopWorkspace, cli: Cli) -> None:
    named(small, "{display_name: Clients de la pharmacie}")
    assert cli(small, "sync", "--approve", "sensitive_name")[0] == 2
    assert small.at_twins() == {}
    assert cli(small, "sync", "--approve", "sensitive_name", "--reason", "Agreed with the DPO")[0] == 0
    assert list(small.at_twins()) == [("Clients de la pharmacie", "meta")]
    (act,) = cli(small, "audit", "access")[1]["tables"]["operators"]
    assert (act["action"], act["reason"]) == ("guards_overridden", "Agreed with the DPO")
    assert act["more"] | {"run": ""} == {
        "run": "",
        "destination": "meta",
        "audience": "everybody",
        "guards": ["sensitive_name"],
    }
    assert cli(small, "sync")[0] == 0, "what was approved once and told is not asked again"


def test_a_new_name_and_labels_are_told_although_nobody_comes_or_goes(small: ShopWorkspace, cli: Cli) -> None:
    named(small, "{display_name: Before}")
    assert cli(small, "sync")[0] == 0
    file = small.folder / "audiences" / "everybody.yaml"
    edit(file, "{display_name: Before}", "{display_name: After, labels: [at_risk]}")
    assert cli(small, "sync")[0] == 0
    assert list(small.at_twins()) == [("After", "meta")]
    before = dict(small.twins.calls())
    assert cli(small, "sync")[0] == 0
    assert dict(small.twins.calls()) == before, "told once, it is not told again"


def test_taking_people_out_tells_no_new_name(small: ShopWorkspace, cli: Cli) -> None:
    named(small, "{display_name: Before}")
    assert cli(small, "sync")[0] == 0
    edit(small.folder / "audiences" / "everybody.yaml", "{display_name: Before}", "{display_name: Malades}")
    code, result = cli(small, "sync")
    assert (code, row(result, "meta")["held_by"]) == (3, ["sensitive_name"])
    assert cli(small, "sync", "--removals-only")[0] == 0
    assert list(small.at_twins()) == [("Before", "meta")]


def test_a_rule_made_of_a_special_category_is_held_back_before_anything_is_made(small: ShopWorkspace, cli: Cli) -> None:
    model = small.folder / "model.yaml"
    model.write_text(
        model.read_text().replace(
            "\ntraits:\n", "\ntraits:\n  w1: {count: purchase, where: {status: {is: diabetes}}}\n", 1
        )
    )
    rule = small.folder / "segments" / "everybody.yaml"
    text = rule.read_text()
    rule.write_text(text + "exclude: [{trait: w1, at_least: 1}]\n")
    code, plan = cli(small, "plan")
    assert (code, row(plan, "google")["held_by"]) == (3, ["sensitive_name"])
    assert row(plan, "google")["sensitive_words"] == ["diabetes (health) in the rule"]
    assert cli(small, "sync")[0] == 3
    assert small.at_twins() == {}
    assert cli(small, "sync", "--approve", "sensitive_name", "--reason", "Agreed with the DPO")[0] == 0
    assert cli(small, "sync")[0] == 0, "what was approved once is not asked again"
