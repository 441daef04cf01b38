"""Special categories in what segments, clusters and traits are made of, flagged before anything is made of it."""

from pathlib import Path

import pytest

from passerelle.workflows.plan.naming import unfit_audiences
from passerelle.workflows.scaffold.write import scaffold
from passerelle.workflows.sensitive import warnings_of, words_in, words_in_part
from passerelle.workflows.verbs.doctor import DoctorResult
from passerelle.workflows.verbs.traits import ListResult
from passerelle.workflows.workspace import Workspace
from tests.workflows.verbs.people import ask

HALAL = "{step: s2, event: view, where: {page: {is: /halal}}}"
CLUSTER = "cluster: winter\npopulation: {in_segment: w0}\ntraits: {%s: {log: true}}\ngroups: 3\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A trait that counts views of a page about diabetes, under names that say nothing, one made of another."""
    folder = tmp_path / "ws"
    scaffold(folder)
    model = folder / "model.yaml"
    model.write_text(
        model.read_text()
        .replace(
            "\ntraits:\n",
            "\ntraits:\n"
            "  w1: {count: view, where: {page: {contains: diabete}}}\n"
            "  w2: {formula: w1 / 2}\n"
            "  w3: {count: view}\n",
            1,
        )
        .replace("\nfunnels:\n", "\nfunnels:\n  w5: {steps: [{step: s1, event: cart}, " + HALAL + "]}\n", 1)
        .replace("\nladders:\n", "\nladders:\n  w6: {steps: [{step: s1, where: {moment: w4}}]}\n", 1)
        + "moments:\n  w4: {of: [{event: cart}, {event: view, where: {page: {is: diabete}}}], within: 5min}\n"
    )
    (folder / "clusters").mkdir(exist_ok=True)
    return folder


def segment(folder: Path, name: str, where: str) -> str:
    (folder / f"segments/{name}.yaml").write_text(f"segment: {name}\nwhere: {where}\n")
    return f"segments/{name}.yaml"


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("{trait: w3, at_least: 2}", ()),
        ("{trait: w1, at_least: 2}", ("diabete (health)",)),
        ("{trait: w2, at_least: 2}", ("diabete (health)",)),
        ("{not: {in_segment: w9}}", ("diabete (health)",)),
        ("{moment: w4}", ("diabete (health)",)),
        ("{funnel: w5, reached: s2}", ("halal (religion)",)),
        ("{ladder: w6, at_least: s1}", ("diabete (health)",)),
        ("{did: view, where: {page: {starts_with: /halal}}}", ("halal (religion)",)),
        ("{attribute: union_member, is: oui}", ("union member (union)",)),
        ("{any: [{attribute: lgbt, is: oui}, {attribute: parti_politique, is: x}]}", ("lgbt (sexuality)", "parti politique (politics)")),  # noqa: E501
    ],
)  # fmt: skip
def test_a_rule_is_looked_over_with_all_that_it_is_made_of(folder: Path, where: str, told: tuple[str, ...]) -> None:
    segment(folder, "w9", "{trait: w2, more_than: 1}")
    shown = segment(folder, "w0", where)
    with Workspace.open(folder) as workspace:
        assert words_in(workspace, shown) == told
        assert bool(warnings_of(workspace, shown)) == bool(told)


def test_a_name_alone_is_flagged_too(folder: Path) -> None:
    with Workspace.open(folder) as workspace:
        assert words_in(workspace, segment(folder, "malades", "{did: view}")) == ()  # read before it was written
    with Workspace.open(folder) as workspace:
        assert words_in(workspace, "segments/malades.yaml") == ("malades (health)",)


def test_a_cluster_is_looked_over_with_its_traits_and_population(folder: Path) -> None:
    segment(folder, "w0", "{did: view}")
    for trait, told in (("w2", ("diabete (health)",)), ("w3", ())):
        (folder / "clusters/winter.yaml").write_text(CLUSTER % trait)
        with Workspace.open(folder) as workspace:
            assert words_in(workspace, "clusters/winter.yaml") == told


def test_traits_and_doctor_name_what_they_find(folder: Path) -> None:
    segment(folder, "w0", "{trait: w2, at_least: 2}")
    with Workspace.open(folder) as workspace:
        assert words_in_part(workspace, "w2") == ("diabete (health)",)
    listed = ask(folder, "traits list")
    assert isinstance(listed, ListResult)
    assert {row.trait: row.flagged for row in listed.traits if row.flagged} == {
        "w1": ["diabete (health)"],
        "w2": ["diabete (health)"],
    }
    result = ask(folder, "doctor", local=True)
    assert isinstance(result, DoctorResult)
    (found,) = [each for each in result.checks if each.area == "rules"]
    assert (found.name, found.state) == ("segments/w0.yaml", "warning")
    assert "diabete (health)" in found.message


def test_what_is_sent_as_a_value_is_looked_over_too(folder: Path) -> None:
    shown = folder / "audiences/newsletter_readers.yaml"
    shown.write_text(shown.read_text().replace("  google: {", "  # google: {") + "value: {trait: w2}\n")
    with Workspace.open(folder) as workspace:
        (found,) = unfit_audiences(workspace)
    assert (found[0].place.audience, found[1]) == ("newsletter_readers", ("diabete (health) in the value",))


def test_the_example_workspace_is_made_of_nothing_of_the_kind(tmp_path: Path) -> None:
    scaffold(tmp_path / "ws")
    with Workspace.open(tmp_path / "ws") as workspace:
        rules = [name for name in workspace.loaded.documents if name.startswith("segments/")]
        assert rules
        assert [warnings_of(workspace, name) for name in rules] == [[] for _ in rules]
