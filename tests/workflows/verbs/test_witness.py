"""A DPO with a machine of their own, and a workspace whose log they watch: each through the real verbs."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from passerelle.privacy.errors import DefinitionError, IntegrityError
from passerelle.privacy.log.witnesses import words
from passerelle.privacy.store import tables as t
from passerelle.workflows.verbs.audit.proofs import CheckpointResult
from passerelle.workflows.workspace import Workspace
from tests.workflows.surroundings import NOW
from tests.workflows.verbs.people import ask, workspace

SECOND = 1_000_000


class Two:
    """The workspace, and the DPO's folder beside it."""

    def __init__(self, folder: Path) -> None:
        self.shop = workspace(folder / "shop")
        self.dpo = folder / "dpo"
        self.dpo.mkdir()
        ask(self.dpo, "witness keygen", name="dpo.example.com", out=self.dpo / "witness.key")
        settings = self.shop / "passerelle.yaml"
        public = self.dpo / "witness.key.pub"
        settings.write_text(settings.read_text() + f"\nwitnesses: [{public}]\n")
        self.works()
        (self.dpo / "log.vkey").write_text(self.checkpoint().key)

    def works(self, did: str = "something") -> None:
        """Something happens, and is signed."""
        with Workspace.open(self.shop) as opened, opened.store().write() as connection:
            opened.log().append(connection, "operator", {"did": did}, now=NOW)
            opened.log().checkpoint(connection, now=NOW)

    def checkpoint(self, **asked: Any) -> CheckpointResult:  # noqa: ANN401 - the verb's words
        result = ask(self.shop, "audit checkpoint", **asked)
        assert isinstance(result, CheckpointResult)
        return result

    def signed(self, name: str, request: Path, *, now: int = NOW) -> Path:
        out = self.dpo / f"{name}.sig"
        files = {"key_file": "witness.key", "log": "log.vkey", "state": "seen.json"}
        paths: dict[str, Any] = {what: self.dpo / file for what, file in files.items()}
        ask(self.dpo, "witness cosign", request=request, out=out, now=now, **paths)
        return out


@pytest.fixture
def two(tmp_path: Path) -> Two:
    return Two(tmp_path)


def test_a_witness_follows_the_log_from_one_checkpoint_to_the_next(two: Two) -> None:
    first = two.dpo / "first"
    two.checkpoint(since="0", out=first)
    two.works()
    second = two.dpo / "second"
    two.checkpoint(since=str(two.checkpoint().size - 1), out=second)
    for name, request in (("a", first), ("b", second)):
        added = ask(two.shop, "witness add", file=two.signed(name, request, now=NOW + 9 * SECOND))
        assert added.model_dump()["name"] == "dpo.example.com"
        assert added.model_dump()["at"] == "2026-11-21T00:00:09Z"
    told = two.checkpoint()
    assert [(word.name, word.kind, word.size) for word in told.words] == [
        ("dpo.example.com", "cosignature", 2),
        ("dpo.example.com", "cosignature", 3),
    ]
    assert ask(two.shop, "audit verify").outcome == "done"
    again = ask(two.shop, "witness add", file=two.dpo / "b.sig")
    assert again.model_dump()["size"] == 3
    with Workspace.open(two.shop) as opened, opened.store().read() as connection:
        assert len(words(connection)) == 2


def test_a_log_put_back_and_grown_otherwise_is_not_signed(two: Two) -> None:
    shutil.copytree(two.shop, two.dpo / "copy")
    two.works()
    two.checkpoint(since="0", out=two.dpo / "first")
    two.signed("a", two.dpo / "first")
    shutil.rmtree(two.shop)
    shutil.move(two.dpo / "copy", two.shop)
    two.works("something else")
    two.works()
    two.checkpoint(since="3", out=two.dpo / "second")
    with pytest.raises(IntegrityError, match="rewritten"):
        two.signed("b", two.dpo / "second")
    assert not (two.dpo / "b.sig").exists()


def test_an_older_checkpoint_than_the_one_seen_is_not_signed(two: Two) -> None:
    two.checkpoint(since="0", out=two.dpo / "first")
    two.works()
    two.checkpoint(since="0", out=two.dpo / "second")
    two.signed("a", two.dpo / "second")
    with pytest.raises(IntegrityError, match="has seen 3"):
        two.signed("b", two.dpo / "first")


def test_a_proof_from_elsewhere_is_sent_back_with_what_to_ask_for(two: Two) -> None:
    two.checkpoint(since="0", out=two.dpo / "first")
    two.signed("a", two.dpo / "first")
    two.works()
    two.checkpoint(since="1", out=two.dpo / "second")
    with pytest.raises(DefinitionError, match="has seen 2"):
        two.signed("b", two.dpo / "second")


def test_an_auditor_who_holds_an_earlier_checkpoint_is_shown_that_today_continues_it(two: Two) -> None:
    held = two.dpo / "held"
    held.write_text(two.checkpoint().note)
    two.works()
    told = two.checkpoint(since=str(held))
    assert (told.since, told.size) == (2, 3)
    held.write_text(told.note.replace("\n3\n", "\n2\n"))
    with pytest.raises(IntegrityError):
        two.checkpoint(since=str(held))
    with pytest.raises(DefinitionError, match="fewer"):
        two.checkpoint(since="99")


def test_a_signature_of_nobody_we_know_or_of_something_else_is_not_kept(two: Two) -> None:
    two.checkpoint(since="0", out=two.dpo / "first")
    signed = two.signed("a", two.dpo / "first")
    line = signed.read_text()
    signed.write_text(line.replace("dpo.example.com", "somebody.else"))
    with pytest.raises(DefinitionError, match="does not name"):
        ask(two.shop, "witness add", file=signed)
    signed.write_text(line[:-8] + "AAAAAAA=\n")
    with pytest.raises(IntegrityError, match="signed no checkpoint"):
        ask(two.shop, "witness add", file=signed)


@pytest.mark.parametrize("change", ["delete", "body", "name", "size"])
def test_a_word_that_was_changed_is_found(two: Two, change: str) -> None:
    two.checkpoint(since="0", out=two.dpo / "first")
    ask(two.shop, "witness add", file=two.signed("a", two.dpo / "first"))
    values: dict[str, dict[str, Any]] = {"body": {"body": b"x"}, "name": {"name": "y"}, "size": {"size": 1}}
    with Workspace.open(two.shop) as opened, opened.store().write() as connection:
        row = t.log_witness
        connection.execute(row.delete() if change == "delete" else row.update().values(**values[change]))
    assert ask(two.shop, "audit verify").outcome == "integrity_failure"


def test_secrets_are_for_their_owner_and_nothing_is_overwritten(two: Two) -> None:
    assert (two.dpo / "witness.key").stat().st_mode & 0o777 == 0o400
    with pytest.raises(DefinitionError, match="exists already"):
        ask(two.dpo, "witness keygen", name="dpo.example.com", out=two.dpo / "witness.key")
    (two.dpo / "seen.json").write_text("{}")
    two.checkpoint(since="0", out=two.dpo / "first")
    with pytest.raises(IntegrityError, match="cannot be read"):
        two.signed("a", two.dpo / "first")
