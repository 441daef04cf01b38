import base64
import hmac
import os
import pickle
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from passerelle.privacy.errors import DefinitionError, IntegrityError, PasserelleError, TryLater
from passerelle.privacy.keys import Keyring, KeySettings
from passerelle.privacy.pseudonyms import Pseudonyms, keyed_digests
from passerelle.privacy.store import Store
from passerelle.privacy.store.tables import key_generation
from passerelle.privacy.vocabulary import Field
from tests.privacy.store.stores import opened

MASTER = bytes(range(32))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = opened(tmp_path / "control.db")
    yield store
    store.close()


def test_a_new_key_is_readable_by_its_owner_only_and_loads_again(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = Keyring.create(tmp_path / "keys" / "master.key")
    finally:
        os.umask(before)
    path = tmp_path / "keys" / "master.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert Keyring.load(KeySettings(file=path)).key_id == made.key_id


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    Keyring.create(tmp_path / "master.key")
    before = (tmp_path / "master.key").read_bytes()
    with pytest.raises(DefinitionError, match="exists already"):
        Keyring.create(tmp_path / "master.key")
    assert (tmp_path / "master.key").read_bytes() == before


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o640, 0o600 | 0o010, 0o777])
def test_a_key_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    Keyring.create(tmp_path / "master.key")
    (tmp_path / "master.key").chmod(mode)
    with pytest.raises(DefinitionError, match="Others can read"):
        Keyring.load(KeySettings(file=tmp_path / "master.key"))


@pytest.mark.parametrize("content", [b"", b"sentinel-secret", b"\xff\xfe", b"passerelle-master-key-1:00", b"00" * 32])
def test_what_is_no_key_is_refused_and_not_shown(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "master.key"
    path.write_bytes(content)
    path.chmod(0o400)
    with pytest.raises(DefinitionError, match="no master key") as problem:
        Keyring.load(KeySettings(file=path))
    assert "sentinel" not in str(problem.value) + problem.value.advice


def test_a_missing_key_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="cannot be opened"):
        Keyring.load(KeySettings(file=tmp_path / "nothing.key"))
    with pytest.raises(DefinitionError, match="no regular file"):
        Keyring.load(KeySettings(file=tmp_path))


def test_a_command_may_print_the_key() -> None:
    line = f"passerelle-master-key-1:{MASTER.hex()}"
    assert (
        Keyring.load(KeySettings(command=(sys.executable, "-c", f"print({line!r})"))).key_id == Keyring(MASTER).key_id
    )


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("/nowhere/at/all",), DefinitionError),
        ((sys.executable, "-c", "import sys; sys.exit('sentinel-secret')"), TryLater),
        ((sys.executable, "-c", "print('sentinel-secret')"), DefinitionError),
    ],
)
def test_a_command_that_fails_says_no_secret(command: tuple[str, ...], expected: type[PasserelleError]) -> None:
    with pytest.raises(expected) as problem:
        Keyring.load(KeySettings(command=command))
    assert "sentinel" not in str(problem.value)


def test_a_key_comes_from_one_place() -> None:
    for settings in ({}, {"file": Path("x"), "command": ("x",)}, {"command": ()}):
        with pytest.raises(DefinitionError, match="either"):
            KeySettings(**settings)


def test_a_keyring_shows_nothing_of_itself() -> None:
    keys = Keyring(MASTER)
    shown = f"{keys!r} {keys} {keys.key_id}"
    for secret in (MASTER, keys.derive("identity"), keys.derive("key-check", 16)):
        assert secret.hex() not in shown
        assert base64.b64encode(secret).decode() not in shown
    with pytest.raises(TypeError):
        pickle.dumps(keys)


def test_each_domain_and_each_master_has_its_own_key() -> None:
    derived = {Keyring(master).derive(domain) for master in (MASTER, b"x" * 32) for domain in ("a", "b", "a/b")}
    assert len(derived) == 6
    assert Keyring(MASTER).derive("a") == Keyring(MASTER).derive("a")


def test_a_store_knows_its_key(store: Store) -> None:
    with store.write() as connection:
        Keyring(MASTER).bind(connection)
    with store.read() as connection:
        Keyring(MASTER).bind(connection)
    with pytest.raises(IntegrityError, match="does not fit"), store.write() as connection:
        Keyring(b"x" * 32).bind(connection)


def test_a_store_with_people_does_not_take_a_new_key(store: Store) -> None:
    with store.write() as connection:
        Keyring(MASTER).bind(connection)
        connection.exec_driver_sql("INSERT INTO subject (subject_id, subject_ref, created_at) VALUES (1, 's1', 1)")
        connection.execute(key_generation.delete())
    with pytest.raises(IntegrityError, match="key check is gone"), store.write() as connection:
        Keyring(MASTER).bind(connection)


# RFC 4231, test cases 1 and 2.
@pytest.mark.parametrize(
    ("key", "message", "expected"),
    [
        (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    ],
)
def test_keyed_digests_are_hmac(key: bytes, message: bytes, expected: str) -> None:
    assert keyed_digests(key, b"", [message])[0].hex() == expected
    assert keyed_digests(key, message[:3], [message[3:]])[0].hex() == expected
    assert hmac.digest(key, message, "sha256").hex() == expected


def test_pseudonyms_differ_by_field_domain_and_key() -> None:
    names = {
        Pseudonyms(Keyring(master), domain=domain).refs(field, ["a@b.fr"])[0]
        for master in (MASTER, b"x" * 32)
        for domain in ("segmentation", "audit")
        for field in (Field.EMAIL, Field.EXTERNAL_ID)
    }
    assert len(names) == 8
    assert all(len(name) == 34 and name.startswith("s1") for name in names)
