"""Time stamps by an authority on loopback."""

import shutil
import subprocess
from pathlib import Path

import pytest

from passerelle.privacy.errors import DefinitionError, IntegrityError
from passerelle.privacy.log import stamp
from passerelle.privacy.log.witnesses import newest, note_at, words
from passerelle.privacy.store import tables as t
from passerelle.workflows.workspace import Workspace
from tests.workflows.surroundings import NOW
from tests.workflows.tsa import Authority
from tests.workflows.verbs.people import ask, workspace

pytestmark = [
    pytest.mark.skipif(not stamp.AVAILABLE, reason="the extra `timestamps` is not installed"),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl to play the authority"),
]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa"))


def shop(folder: Path, authority: Authority, url: str) -> Path:
    made = workspace(folder / "shop")
    settings = made / "passerelle.yaml"
    stamps = f"timestamps: {{url: '{url}', roots_file: '{authority.roots}', allow_private: true}}"
    settings.write_text(f"{settings.read_text()}\n{stamps}\n")
    with Workspace.open(made) as opened, opened.store().write() as connection:
        opened.log().append(connection, "operator", {"did": "something"}, now=NOW)
        opened.log().checkpoint(connection, now=NOW)
    return made


def test_a_checkpoint_is_stamped_kept_and_checked_again(tmp_path: Path, authority: Authority) -> None:
    with authority.serving() as url:
        made = shop(tmp_path, authority, url)
        told = ask(made, "witness stamp").model_dump()
    assert (told["name"], told["size"]) == ("127.0.0.1", 2)
    assert told["at"].startswith("20")
    assert ask(made, "audit verify").outcome == "done"
    with Workspace.open(made) as opened, opened.store().write() as connection:
        (word,) = words(connection)
        note = note_at(connection, 2)
        connection.execute(t.log_witness.update().values(body=word.body[:-1] + b"\0"))
    assert ask(made, "audit verify").outcome == "integrity_failure"
    files = {"reply": word.body, "note": note.encode()}
    for name, body in files.items():
        (tmp_path / name).write_bytes(body)
    command = ["openssl", "ts", "-verify", "-data", "note", "-in", "reply", "-CAfile", str(authority.roots)]
    assert b"OK" in subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout


def test_what_is_no_stamp_of_this_checkpoint_is_refused(tmp_path: Path, authority: Authority) -> None:
    asked, nonce = stamp.request("a note")
    reply, roots = authority.answer(asked), authority.roots.read_bytes()
    assert stamp.read(reply, "a note", roots, nonce=nonce).policy == "1.2.3.4.1"
    for body, note, number in ((reply, "another", nonce), (reply, "a note", nonce + 1), (b"x", "a note", nonce)):
        with pytest.raises(IntegrityError):
            stamp.read(body, note, roots, nonce=number)
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(IntegrityError):
        stamp.read(reply, "a note", Authority(other).roots.read_bytes(), nonce=nonce)
    with pytest.raises(DefinitionError):
        stamp.read(reply, "a note", b"nothing", nonce=nonce)


def test_an_authority_that_repeats_an_old_answer_is_not_believed(tmp_path: Path, authority: Authority) -> None:
    with authority.serving() as url:
        made = shop(tmp_path, authority, url)
        with Workspace.open(made) as opened, opened.store().read() as connection:
            note = note_at(connection, newest(connection))
        authority.lies = authority.answer(stamp.request(note)[0])
        try:
            with pytest.raises(IntegrityError):
                ask(made, "witness stamp")
        finally:
            authority.lies = None


def test_without_an_authority_it_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="no time stamping authority"):
        ask(workspace(tmp_path / "shop"), "witness stamp")
