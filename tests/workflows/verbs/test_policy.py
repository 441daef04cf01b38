"""`policy`: what is in force, what it was, and whom a change would move. Nothing is written."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.store import tables as t
from passerelle.workflows.verbs.policy import DiffResult, HistoryResult, PolicyResult
from passerelle.workflows.workspace import Workspace
from tests.workflows.surroundings import NOW
from tests.workflows.verbs.people import ask, workspace

EMAIL = "zoe@example.org"
HOUR = 3_600_000_000


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop whose policy is in force, with one person in an audience at Meta on the strength of a consent."""
    made = workspace(tmp_path_factory.mktemp("policy") / "shop")
    ask(
        made, "consent record", stdin=f"{EMAIL}\n".encode(), country="FR", notice="ads-2026@1",
        at="2026-03-01T10:00:00Z", source="website", method="web_form", now=NOW,
    )  # fmt: skip
    in_force(made, now=NOW)
    with Workspace.open(made) as opened, opened.store().write() as connection:
        rows: dict[str, Any] = {
            "destination": ["meta"], "audience": ["lapsing_champions"], "subject_id": pa.array([1], pa.int64()),
            "state": ["member"], "revision": [1], "batch_id": ["b1"], "since": [NOW],
        }  # fmt: skip
        opened.store().insert(connection, t.membership, rows)
    return made


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "shop"))


def in_force(folder: Path, *, now: int) -> str:
    with Workspace.open(folder) as opened, opened.store().write() as connection:
        opened.gate().document(connection, now)
        return opened.policy.digest


def changed(folder: Path, *pairs: tuple[str, str]) -> None:
    path = folder / "policy.yaml"
    text = path.read_text(encoding="utf-8")
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def diff(folder: Path, **words: Any) -> DiffResult:  # noqa: ANN401 - words of a request
    result = ask(folder, "policy diff", **words)
    assert isinstance(result, DiffResult)
    assert (result.exit_code, result.outcome) == (0, "done")
    assert EMAIL not in result.model_dump_json()
    return result


def test_the_policy_is_shown_as_it_is_and_as_it_was(folder: Path) -> None:
    now = ask(folder, "policy show")
    assert isinstance(now, PolicyResult)
    assert (now.version, now.in_force, now.approvers) == (1, True, ["data protection officer"])
    changed(folder, ("version: 1", "version: 2"), ("validity_days: 730", "validity_days: 365"))
    after = ask(folder, "policy show")
    before = ask(folder, "policy show", as_of="2", now=NOW + HOUR)
    assert isinstance(after, PolicyResult)
    assert isinstance(before, PolicyResult)
    assert (after.version, after.in_force, "valid 365 days" in after.rules[0].words) == (2, False, True)
    assert before.version is None
    assert "No policy was in force" in before.title


def test_every_policy_that_came_into_force_is_in_the_history_one_that_came_back_twice(folder: Path) -> None:
    first = in_force(folder, now=NOW)
    changed(folder, ("version: 1", "version: 2"))
    second = in_force(folder, now=NOW + HOUR)
    changed(folder, ("version: 2", "version: 1"))
    in_force(folder, now=NOW + 2 * HOUR)
    found = ask(folder, "policy history")
    assert isinstance(found, HistoryResult)
    assert [one.digest for one in found.versions] == [first, second, first]
    assert found.versions[0].approvers == ["data protection officer"]


def test_an_empty_history_is_told(tmp_path: Path) -> None:
    found = ask(workspace(tmp_path / "shop"), "policy history")
    assert isinstance(found, HistoryResult)
    assert found.versions == []


def test_a_difference_says_who_would_leave_and_names_people_only_when_asked(folder: Path) -> None:
    assert diff(folder).changes == []
    changed(folder, ("jurisdictions: [EEA]", "jurisdictions: [UK]"))
    found = diff(folder)
    assert {one.kind for one in found.changes} == {"added", "removed"}
    assert (found.judged, found.whole, found.enters, found.leaves) == (1, False, 0, 1)
    (move,) = found.moves
    assert (move.audience, move.destination, move.direction, move.reason, move.people) == (
        "lapsing_champions", "meta", "leaves", "no_policy_rule", 1,
    )  # fmt: skip
    assert move.refs == []
    (named,) = diff(folder, list=5).moves
    assert len(named.refs) == 1
    assert named.refs[0].startswith("s1")


def test_a_difference_says_who_would_enter(folder: Path) -> None:
    was = in_force(folder, now=NOW)
    changed(folder, ("jurisdictions: [EEA]", "jurisdictions: [UK]"))
    became = in_force(folder, now=NOW + HOUR)
    other = folder / "other.yaml"
    shutil.copy(folder / "policy.yaml", other)
    changed(folder, ("jurisdictions: [UK]", "jurisdictions: [EEA]"))
    (move,) = diff(folder).moves
    assert (move.direction, move.reason) == ("enters", "no_policy_rule")
    assert diff(folder, before=became[:8], after=was[:12]).enters == 1
    assert diff(folder, before=was, file=other).leaves == 1


def test_a_difference_writes_nothing(folder: Path) -> None:
    changed(folder, ("validity_days: 730", "validity_days: 30"))
    before = contents(folder)
    diff(folder)
    assert contents(folder) == before


def contents(folder: Path) -> dict[str, str]:
    """Digests of all tables, read from the store's rows."""
    with Workspace.open(folder) as opened, opened.store().read() as connection:
        tables = t.metadata.sorted_tables
        rows = {table.name: sorted(map(repr, connection.execute(table.select()).all())) for table in tables}
    return {name: hashlib.sha256("".join(lines).encode()).hexdigest() for name, lines in rows.items()}


def test_policies_that_are_not_on_file_and_two_later_ones_are_refused(folder: Path) -> None:
    with pytest.raises(DefinitionError, match="No policies on file"):
        diff(folder, before="0" * 8)
    with pytest.raises(ValidationError, match="not by both"):
        diff(folder, file="policy.yaml", after="0" * 8)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("version: 1", "version: 010", "version"),
        ("validity_days: 730", "validity_days: 12:30:45", "validity_days"),
        ("title: Advertising audiences of the shop", "title: no\nversion: 2", "version"),
        ("approvers: [data protection officer]", "approvers: &a [x]\ngroups: *a", "line"),
        ("minimum_size: 100 ", "age_required: no ", "age_required"),
        ("validity_days: 730", "validity_dais: 730", "validity_days"),
    ],
)
def test_another_policy_file_is_read_as_strictly_as_the_first(folder: Path, old: str, new: str, said: str) -> None:
    other = folder / "other.yaml"
    other.write_text((folder / "policy.yaml").read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(DefinitionError) as caught:
        diff(folder, file=other)
    assert "other.yaml" in str(caught.value)
    assert said in str(caught.value)
