import hashlib
import itertools
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy import select

from passerelle.privacy.errors import IntegrityError, PasserelleError, TryLater
from passerelle.privacy.log import Log, merkle
from passerelle.privacy.log.anchor import Anchor
from passerelle.privacy.log.entries import CHUNK_LEAVES
from passerelle.privacy.log.members import Members, position_of
from passerelle.privacy.log.note import Checkpoint, parse_checkpoint
from passerelle.privacy.store import tables as t
from tests.privacy.log.chronicle import NOW, Chronicle, opened, told
from tests.privacy.store.stores import KINDS, fresh_url


def _run(chronicle: Chronicle, *, sign: bool = True) -> None:
    with chronicle.store.write() as connection:
        chronicle.log.check_anchor(connection)
        chronicle.log.append(connection, "run", {"verb": "pull"}, now=NOW)
        if sign:
            chronicle.log.checkpoint(connection, now=NOW)


@pytest.fixture
def chronicle(tmp_path: Path) -> Iterator[Chronicle]:
    chronicle = opened(tmp_path)
    yield chronicle
    chronicle.store.close()


@pytest.mark.parametrize("kind", KINDS)
def test_everything_verifies_on_every_store(kind: str, tmp_path: Path) -> None:
    for url in fresh_url(kind, tmp_path):
        chronicle = opened(tmp_path, url)
        told(chronicle)
        assert chronicle.verify() == []
        with chronicle.store.read() as connection:
            verification = chronicle.log.verify(connection)
            assert verification.root_hex == chronicle.log.root(connection, verification.size).hex()
        chronicle.store.close()


def test_an_empty_log_verifies(chronicle: Chronicle) -> None:
    assert chronicle.verify() == []


def test_the_first_entry_says_whose_log_it_is(chronicle: Chronicle) -> None:
    with chronicle.store.write() as connection:
        assert chronicle.log.append(connection, "run", {"n": 1}, now=NOW) == 1
        assert chronicle.log.append(connection, "run", {"n": 2}, now=NOW) == 2
        bodies = [json.loads(row.body) for row in connection.execute(select(t.log_entry.c.body))]
    assert bodies[0]["kind"] == "genesis"
    assert bodies[0]["body"]["verifier"] == chronicle.log.verifier.text
    assert bodies[2] == {"at": NOW, "kind": "run", "body": {"n": 2}}


def test_leaves_are_hashes_of_the_bodies(chronicle: Chronicle) -> None:
    told(chronicle)
    with chronicle.store.read() as connection:
        rows = connection.execute(select(t.log_entry)).all()
    assert all(hashlib.sha256(b"\0" + row.body).digest() == row.leaf for row in rows)


def test_every_entry_and_every_size_can_be_proved(chronicle: Chronicle) -> None:
    told(chronicle)
    with chronicle.store.read() as connection:
        size = chronicle.log.size(connection)
        roots = [chronicle.log.root(connection, part) for part in range(size + 1)]
        leaves = [row.leaf for row in connection.execute(select(t.log_entry).order_by(t.log_entry.c.log_index))]
        for index in range(size):
            path = chronicle.log.inclusion(connection, index, size)
            assert merkle.verify_inclusion(leaves[index], index, size, path, roots[size])
        for first, second in itertools.combinations(range(1, size + 1), 2):
            path = chronicle.log.consistency(connection, first, second)
            assert merkle.verify_consistency(first, second, roots[first], roots[second], path)


@pytest.mark.parametrize("count", [1, 2, 5, CHUNK_LEAVES, CHUNK_LEAVES + 1, 3 * CHUNK_LEAVES + 7])
def test_a_member_of_a_large_entry_is_proved_from_one_chunk(chronicle: Chronicle, count: int) -> None:
    leaves = [hashlib.sha256(b"%d" % number).digest() for number in range(count)]
    with chronicle.store.write() as connection:
        index = chronicle.log.append(connection, "batch", {}, now=NOW, members=Members.of(leaves))
        body = json.loads(connection.scalars(select(t.log_entry.c.body).where(t.log_entry.c.log_index == index)).one())
        assert body["body"]["members"] == count
        root = bytes.fromhex(body["body"]["root"])
        leaves.sort()
        assert root == merkle.root(b"".join(leaves))
        for position in {0, count // 2, count - 1}:
            path = chronicle.log.member_inclusion(connection, index, position)
            assert merkle.verify_inclusion(leaves[position], position, count, path, root)


def test_member_leaves_are_blinded_by_the_persons_audit_key(chronicle: Chronicle) -> None:
    told(chronicle)
    with chronicle.store.read() as connection:
        ids = pa.array([2, 1, 2])
        leaves = chronicle.log.member_leaves(connection, "a label", ids, [b"x", b"x", b"y"])
        key = chronicle.subjects._vault.audit_keys(connection, pa.array([2]))[0]
        other = chronicle.log.member_leaves(connection, "another", ids, [b"x", b"x", b"y"])
    assert key is not None
    nonce = hashlib.blake2s(b"a label", key=key).digest()
    mine = hashlib.sha256(b"\0" + nonce + b"x").digest()
    assert position_of(leaves.leaves, mine) == leaves.positions[0].as_py()
    assert position_of(other.leaves, mine) is None
    assert len({text[at : at + 32] for text in (leaves.leaves, other.leaves) for at in (0, 32, 64)}) == 6


def test_nobody_erased_gets_a_leaf(chronicle: Chronicle) -> None:
    told(chronicle)
    with chronicle.store.write() as connection:
        chronicle.subjects.forget(connection, pa.array([3]), now=NOW)
        with pytest.raises(IntegrityError, match="no audit key"):
            chronicle.log.member_leaves(connection, "x", pa.array([1, 3]), [b"", b""])


@pytest.mark.parametrize("body", [{"score": 0.5}, {"a": [b"x"]}, {1: "x"}])
def test_what_is_not_canonical_is_not_appended(chronicle: Chronicle, body: dict[str, object]) -> None:
    with pytest.raises(TypeError), chronicle.store.write() as connection:
        chronicle.log.append(connection, "run", body, now=NOW)
    with pytest.raises(ValueError, match="kind"), chronicle.store.write() as connection:
        chronicle.log.append(connection, "gossip", {}, now=NOW)
    with pytest.raises(ValueError, match="32 bytes"), chronicle.store.write() as connection:
        chronicle.log.append(connection, "run", {}, now=NOW, members=Members.of([b"x"]))


def test_a_checkpoint_is_signed_chained_and_anchored(chronicle: Chronicle) -> None:
    _run(chronicle)
    _run(chronicle)
    with chronicle.store.write() as connection:
        again = chronicle.log.checkpoint(connection, now=NOW + 9)
    lines = [json.loads(line) for line in chronicle.anchor.read_text().splitlines()]
    said = [parse_checkpoint(chronicle.log.verifier.open(line["note"])) for line in lines]
    assert [(part.size, part.after) for part in said] == [(2, 0), (3, 2)]
    assert again.note == lines[-1]["note"]
    assert chronicle.anchor.stat().st_mode & 0o777 == 0o600


def test_a_transaction_that_is_undone_leaves_no_line_in_the_anchor(chronicle: Chronicle) -> None:
    _run(chronicle)
    before = chronicle.anchor.read_bytes()
    with pytest.raises(ZeroDivisionError), chronicle.store.write() as connection:  # noqa: PT012 - the write is tested
        chronicle.log.append(connection, "run", {}, now=NOW)
        chronicle.log.checkpoint(connection, now=NOW)
        raise ZeroDivisionError
    assert chronicle.anchor.read_bytes() == before
    _run(chronicle)


def test_a_line_that_a_crash_kept_back_or_cut_is_written_again(chronicle: Chronicle) -> None:
    _run(chronicle)
    _run(chronicle)
    whole = chronicle.anchor.read_bytes()
    lines = whole.splitlines(keepends=True)
    for left in (lines[0], lines[0] + lines[1][:40], whole[:-1]):
        chronicle.anchor.write_bytes(left)
        with chronicle.store.read() as connection:
            chronicle.log.check_anchor(connection)
        assert chronicle.anchor.read_bytes().endswith(lines[1])


def test_an_anchor_on_a_full_disk_is_for_later_and_one_that_is_no_file_is_not(tmp_path: Path) -> None:
    signed = Checkpoint(2, "00", "note")
    with pytest.raises(TryLater, match="/dev/full cannot be written"):
        Anchor(Path("/dev/full")).append(signed)
    with pytest.raises(PasserelleError, match="Is a directory") as told:
        Anchor(tmp_path).append(signed)
    assert told.value.exit_code == 1


def test_a_lost_or_forged_anchor_is_noticed(chronicle: Chronicle) -> None:
    _run(chronicle)
    _run(chronicle)
    chronicle.anchor.write_text(chronicle.anchor.read_text().replace('"size": 3', '"size": 4'))
    with chronicle.store.read() as connection, pytest.raises(IntegrityError, match="not what its checkpoint says"):
        chronicle.log.check_anchor(connection)
    chronicle.anchor.unlink()
    with chronicle.store.read() as connection, pytest.raises(IntegrityError, match="anchor file is gone"):
        chronicle.log.check_anchor(connection)


def test_a_log_without_an_anchor_asks_for_none(chronicle: Chronicle) -> None:
    log = Log(chronicle.store, chronicle.keys, "passerelle/test")
    with chronicle.store.write() as connection:
        log.checkpoint(connection, now=NOW)
        log.check_anchor(connection)
    assert not chronicle.anchor.exists()


WRITER = """
import sys
from pathlib import Path
from tests.privacy.log.test_log import opened, _run
chronicle = opened(Path(sys.argv[1]))
print("ready", flush=True)
for number in range(100_000):
    _run(chronicle, sign=number % 3 == 0)
    print(number, flush=True)
"""


@pytest.mark.parametrize("moment", [0, 3, 7])
def test_a_writer_that_is_killed_loses_nothing_it_was_told_of(tmp_path: Path, moment: int) -> None:
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        told_of = [writer.stdout.readline() for _ in range(moment)]
        writer.send_signal(signal.SIGKILL)
        told_of += writer.stdout.readlines()
    chronicle = opened(tmp_path)
    assert chronicle.verify() == []
    _run(chronicle)
    assert chronicle.verify() == []
    with chronicle.store.read() as connection:
        assert chronicle.log.size(connection) >= len([line for line in told_of if line.strip()]) + 1
    chronicle.store.close()
