"""`audit recipients · policy · min-size · sensitive · vendors`: answered by the workspace's own settings."""

from pathlib import Path

import pytest
import yaml

from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.sensitive_words import tripped, unfit_names, words
from passerelle.workflows.verbs.contract import Outcome
from tests.workflows.surroundings import NOW
from tests.workflows.verbs.audit.shop import Shop
from tests.workflows.verbs.people import ask


def change(shop: Shop, file: str, **words: object) -> None:
    """Change top-level keys of a settings file."""
    path = shop.folder / file
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text("utf-8")), **words}, allow_unicode=True), "utf-8")


def test_the_record_of_processing_says_who_what_where_and_on_which_basis(shop: Shop) -> None:
    change(shop, "passerelle.yaml", controller={"name": "Atelier SAS", "dpo": "Cabinet Droit"})
    result = shop.ask("recipients")
    assert (result.outcome, result.facts["controller"]) == (Outcome.DONE, "Atelier SAS")
    line = result.tables["processing"][0]
    assert (line["purpose"], line["basis"], line["jurisdictions"]) == ("ad_list_matching", ["consent"], ["EEA"])
    assert line["identifiers"]["email"] == "SHA-256"
    crm = next(one for one in result.tables["sources"] if one["source"] == "crm")
    assert "phone" in crm["identifiers"]
    assert crm["consents"] == ["ad_list_matching", "email_marketing"]


def test_a_record_without_a_controller_is_a_finding(shop: Shop) -> None:
    path = shop.folder / "passerelle.yaml"
    settings = yaml.safe_load(path.read_text("utf-8"))
    settings.pop("controller", None)
    path.write_text(yaml.safe_dump(settings), "utf-8")
    assert shop.ask("recipients").findings[0]["finding"] == "the record names no controller"


def test_the_policy_is_shown_with_its_changes_and_their_differences(shop: Shop) -> None:
    rules = yaml.safe_load((shop.folder / "policy.yaml").read_text("utf-8"))["rules"]
    change(shop, "policy.yaml", version=2, rules=[{**rules[0], "validity_days": 365}])
    result = shop.ask("policy", diff=["1"])
    assert result.facts["version"] == 2
    assert result.facts["on_file"] is False
    assert [line["version"] for line in result.tables["changes"]] == [1]
    changed = result.tables["differences"]
    assert {(one["destination"], one["what"], one["was"], one["is"]) for one in changed} == {
        ("meta", "validity_days", 730, 365),
        ("google_ads", "validity_days", 730, 365),
    }


def test_the_policy_of_then_is_in_force_then(shop: Shop) -> None:
    change(shop, "policy.yaml", version=2)
    assert shop.ask("policy", as_of="2026-11-20T18:00:00Z").facts["version"] == 1


def test_a_version_that_is_not_on_file_is_refused(shop: Shop) -> None:
    with pytest.raises(DefinitionError, match="no such version"):
        shop.ask("policy", diff=["7"])


def test_an_audience_below_the_smallest_size_is_a_finding(shop: Shop) -> None:
    result = shop.ask("min-size")
    (line,) = result.tables["audiences"]
    assert (line["members"], line["minimum"], line["below"]) == (1, 100, True)
    assert result.outcome is Outcome.HELD_BACK


def test_the_example_workspace_holds_no_sensitive_word(shop: Shop) -> None:
    assert shop.ask("sensitive").tables["words"] == []


def test_sensitive_words_are_found_with_file_and_line(shop: Shop) -> None:
    path = shop.folder / "audiences" / "cart_abandoners.yaml"
    path.write_text(path.read_text("utf-8").replace("Atelier - Cart abandoners", "Diabétiques en surpoids"), "utf-8")
    result = shop.ask("sensitive")
    first = result.tables["words"][0]
    assert (first["file"], first["category"], first["word"]) == (
        "audiences/cart_abandoners.yaml",
        "health",
        "diabetiques",
    )
    assert (first["meta_status"], first["seen_at_platform"]) == ("471", True)
    assert [one["count"] for one in result.findings] == [2, 2]


@pytest.mark.parametrize(
    ("text", "categories"),
    [
        ("Santé et bien-être", {"health"}),
        ("achat_halal_90d", {"religion"}),
        ("lowIncome", {"financial"}),
        ("femmes ENCEINTES", {"health"}),
        ("score de crédit", {"financial"}),
        ("Adhérents d'un syndicat", {"union"}),
        ("Cancelled orders, annulées", set()),
        ("carte or, trace, embrace", set()),
        ("Reorder rate of best customers", set()),
        ("prisonnier", {"crime"}),
        ("Schwangere und Überschuldete", {"health", "financial"}),
        ("Mujeres embarazadas con hipoteca", {"health", "financial"}),
        ("Pazienti con debiti", {"health", "financial"}),
        ("Treue Kunden, clientes fieles, clienti fedeli", set()),
        ("Abnehmer, Kreditkarte, recettes", set()),
    ],
)
def test_words_are_found_whole_in_five_languages(text: str, categories: set[str]) -> None:
    assert {category for category, _, _ in tripped(text)} == categories


def test_a_name_may_speak_of_children_and_names_each_word_once() -> None:
    assert unfit_names(("Mode enfants", "low income", "LowIncome, church")) == (
        "income (financial)",
        "low income (financial)",
        "church (religion)",
    )


def test_the_list_of_words_is_well_formed_and_says_nothing_twice() -> None:
    assert len({word.pattern.pattern for word in words()}) == len(words())
    assert {word.flagged for word in words()} == {"471", ""}


def test_recipients_need_terms_arrangement_and_assessment_unless_they_are_twins(shop: Shop) -> None:
    assert shop.ask("vendors").outcome is Outcome.DONE
    settings = yaml.safe_load((shop.folder / "passerelle.yaml").read_text("utf-8"))
    settings["destinations"]["meta"].pop("endpoint")
    change(shop, "passerelle.yaml", destinations=settings["destinations"])
    result = shop.ask("vendors")
    (meta,) = [line for line in result.tables["vendors"] if line["destination"] == "meta"]
    assert meta["missing"] == ["terms_accepted", "joint_controllers", "dpia"]
    assert result.outcome is Outcome.HELD_BACK
    on_file = {"terms_accepted": "2026-01-05", "joint_controllers": "C-12", "dpia": "D-3"}
    change(shop, "passerelle.yaml", vendors={"meta": on_file})
    assert shop.ask("vendors").outcome is Outcome.DONE


def test_a_vendor_that_is_no_destination_is_refused(shop: Shop) -> None:
    change(shop, "passerelle.yaml", vendors={"mate": {}})
    with pytest.raises(DefinitionError, match="no destination `mate`"):
        shop.ask("vendors")


def test_doctor_reminds_of_what_is_not_on_file(shop: Shop) -> None:
    settings = yaml.safe_load((shop.folder / "passerelle.yaml").read_text("utf-8"))
    settings["destinations"]["meta"].pop("endpoint")
    change(shop, "passerelle.yaml", destinations=settings["destinations"])
    checks = ask(shop.folder, "doctor", now=NOW, local=True).model_dump()["checks"]
    (line,) = [one for one in checks if one["area"] == "record"]
    assert (line["name"], line["state"]) == ("meta", "warning")


def test_questions_are_asked_of_a_workspace_that_knows_nobody(tmp_path: Path) -> None:
    from tests.workflows.verbs.people import workspace

    folder = workspace(tmp_path / "empty")
    for question in ("recipients", "policy", "min-size", "sensitive", "vendors"):
        ask(folder, f"audit {question}")
