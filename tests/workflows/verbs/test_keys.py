import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from passerelle.privacy.errors import DefinitionError, HeldBack, IntegrityError
from passerelle.privacy.keys import Keyring
from passerelle.workflows.verbs.contract import Outcome
from tests.command import told
from tests.workflows.surroundings import NOW
from tests.workflows.verbs.people import ask, workspace

PASSERELLE = Path(sys.executable).with_name("passerelle")
EMAIL = b"zoe@example.fr"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = workspace(tmp_path / "shop")
    ask(made, "consent record", stdin=EMAIL, purpose="ad_list_matching", state="given", notice="ads-2026@1")
    return made


def pair(folder: Path) -> tuple[Path, Path]:
    """An X25519 pair in PEM, as OpenSSL makes it: private, public."""
    key = X25519PrivateKey.generate()
    private, public = folder / "escrow.pem", folder / "escrow.pub.pem"
    no = serialization.NoEncryption()
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, no))
    private.chmod(0o400)
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, spki))
    return private, public


def test_a_rotation_by_command_keeps_everything_and_is_told_to_the_auditor(folder: Path) -> None:
    ref = ask(folder, "consent show", stdin=EMAIL).subject_ref  # type: ignore[attr-defined]
    code, done = told(folder, "keys", "rotate")
    assert (code, done["generation"], done["moved"]["vault"]) == (0, 2, 1)
    assert ask(folder, "consent show", subject_ref=ref).subject_ref.startswith("s2")  # type: ignore[attr-defined]
    assert ask(folder, "audit verify").outcome is Outcome.DONE
    listed = ask(folder, "keys list").generations  # type: ignore[attr-defined]
    assert [(each["generation"], each["state"]) for each in listed] == [(2, "current"), (1, "lasting")]
    audited = ask(folder, "audit keys", now=NOW * 2)
    assert audited.outcome is Outcome.DONE
    actions = [(each["action"], each["generation"]) for each in audited.tables["actions"]]  # type: ignore[attr-defined]
    assert actions[:2] == [("created", 1), ("rotate", 2)]
    assert len(audited.tables["verifiers"]) == 2  # type: ignore[attr-defined]
    assert told(folder, "keys", "retire", "1")[0] == 0
    assert told(folder, "keys", "retire", "2")[0] == 3
    assert ask(folder, "audit verify").outcome is Outcome.DONE


def test_a_wrong_key_stops_a_sync_before_anything_is_sent(folder: Path) -> None:
    key = folder / "keys/master.key"
    right = key.read_bytes()
    key.unlink()
    Keyring.create(key)
    code, done = told(folder, "sync")
    assert (code, done["outcome"]) == (4, "integrity_failure")
    assert "its generation 1 is k1" in json.dumps(done)
    key.unlink()
    key.write_bytes(right)
    key.chmod(0o400)
    assert told(folder, "audit", "verify")[0] == 0


def test_a_key_that_a_rotation_left_behind_stops_a_sync(folder: Path) -> None:
    key = folder / "keys/master.key"
    old = key.read_bytes()
    ask(folder, "keys rotate")
    key.unlink()
    key.write_bytes(old)
    key.chmod(0o400)
    code, done = told(folder, "sync")
    assert code == 4
    assert "Generation 2 of the master key (k1" in json.dumps(done)


def test_a_rotation_that_is_killed_is_gone_on_with(folder: Path) -> None:
    for wait in (0.5, 0.8, 1.1):
        child = subprocess.Popen([PASSERELLE, "keys", "rotate", "--workspace", folder], stderr=subprocess.DEVNULL)
        try:
            child.wait(wait)
        except subprocess.TimeoutExpired:
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
        assert ask(folder, "consent show", stdin=EMAIL).events  # type: ignore[attr-defined]
    assert ask(folder, "keys rotate").outcome is Outcome.DONE
    assert ask(folder, "audit verify").outcome is Outcome.DONE
    states = {each["state"] for each in ask(folder, "keys list").generations}  # type: ignore[attr-defined]
    assert "leaving" not in states


def test_the_drill_tells_a_good_backup_from_a_bad_one(folder: Path, tmp_path: Path) -> None:
    ask(folder, "keys rotate")
    backup = tmp_path / "backup.key"
    backup.write_bytes((folder / "keys/master.key").read_bytes())
    backup.chmod(0o400)
    (folder / "keys/master.key").unlink()
    before = (folder / "var/control.db").read_bytes()
    good = ask(folder, "keys check", file=str(backup))
    assert good.outcome is Outcome.DONE
    assert all(each["tried"] for each in good.checks if "sent" not in each["what"] and "raw" not in each["what"])  # type: ignore[attr-defined]
    Keyring.create(tmp_path / "other.key")
    bad = ask(folder, "keys check", file=str(tmp_path / "other.key"))
    assert bad.outcome is Outcome.INTEGRITY_FAILURE
    assert sum(not each["ok"] for each in bad.checks) >= 3  # type: ignore[attr-defined]
    assert (folder / "var/control.db").read_bytes() == before


def test_a_lost_key_comes_back_from_its_sealed_copy(folder: Path, tmp_path: Path) -> None:
    private, public = pair(tmp_path)
    ask(folder, "keys rotate")
    sealed = tmp_path / "sealed.txt"
    ask(folder, "keys export", to=str(sealed), recipient=str(public))
    secret = (folder / "keys/master.key").read_text()
    assert not any(line.split(":")[-1] in sealed.read_text() for line in secret.splitlines())
    (folder / "keys/master.key").unlink()
    ask(folder, "keys import", file=str(sealed), private=str(private))
    assert (folder / "keys/master.key").read_text() == secret
    assert ask(folder, "audit verify").outcome is Outcome.DONE
    told = ask(folder, "audit keys", now=NOW * 2).tables["actions"]  # type: ignore[attr-defined]
    assert [each["action"] for each in told if each["action"] in {"export", "import"}] == ["export", "import"]


def test_a_sealed_copy_is_opened_by_its_recipient_only_and_unchanged(folder: Path, tmp_path: Path) -> None:
    _, public = pair(tmp_path)
    sealed = tmp_path / "sealed.txt"
    ask(folder, "keys export", to=str(sealed), recipient=str(public))
    (tmp_path / "else").mkdir()
    other, _ = pair(tmp_path / "else")
    with pytest.raises(IntegrityError, match="sealed to somebody else"):
        ask(folder, "keys import", file=str(sealed), private=str(other), to=str(tmp_path / "new.key"))
    with pytest.raises(DefinitionError, match="no X25519 private key"):
        ask(folder, "keys import", file=str(sealed), private=str(folder / "keys/master.key"))
    assert not (tmp_path / "new.key").exists()


def test_a_copy_of_another_key_is_not_put_in_place(folder: Path, tmp_path: Path) -> None:
    private, public = pair(tmp_path)
    strange = workspace(tmp_path / "strange")
    ask(strange, "consent record", stdin=EMAIL, purpose="ad_list_matching", state="given")
    ask(strange, "keys export", to=str(tmp_path / "sealed.txt"), recipient=str(public))
    with pytest.raises(IntegrityError, match="does not fit"):
        ask(folder, "keys import", file=str(tmp_path / "sealed.txt"), private=str(private), to=str(tmp_path / "k"))
    assert not (tmp_path / "k").exists()


def test_a_key_from_a_command_is_delivered_by_its_owner(folder: Path, tmp_path: Path) -> None:
    key, delivered = folder / "keys/master.key", tmp_path / "delivered"
    delivered.write_bytes(key.read_bytes())
    key.unlink()
    settings = folder / "passerelle.yaml"
    text = settings.read_text().replace("file: keys/master.key", f"command: [cat, {delivered}]")
    settings.write_text(text)
    with pytest.raises(DefinitionError, match="comes from a command"):
        ask(folder, "keys rotate")
    new = tmp_path / "new.key"
    assert ask(folder, "keys rotate", new_key_file=str(new)).outcome is Outcome.HELD_BACK
    assert ask(folder, "consent show", stdin=EMAIL).events  # type: ignore[attr-defined]
    delivered.write_bytes(new.read_bytes())
    assert ask(folder, "keys rotate").generation == 2  # type: ignore[attr-defined]
    reduced = tmp_path / "reduced.key"
    ask(folder, "keys retire", generation=1, new_key_file=str(reduced))
    assert ask(folder, "audit keys", now=NOW * 2).outcome is Outcome.HELD_BACK
    delivered.write_bytes(reduced.read_bytes())
    assert ask(folder, "audit keys", now=NOW * 2).outcome is Outcome.DONE
    assert ask(folder, "audit verify").outcome is Outcome.DONE


def test_hosts_may_have_a_new_generation_before_anything_rests_on_it(folder: Path) -> None:
    assert ask(folder, "keys rotate", prepare=True).outcome is Outcome.HELD_BACK
    listed = ask(folder, "keys list").generations  # type: ignore[attr-defined]
    assert [each["state"] for each in listed] == ["prepared", "current"]
    with pytest.raises(HeldBack):
        ask(folder, "keys retire", generation=1)
    assert ask(folder, "keys rotate").generation == 2  # type: ignore[attr-defined]
