"""A disk that fails at any one call: nothing acknowledged is lost, what is left is sound, and the message says disk."""

import json
import re
import shutil
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Cli
from tests.end_to_end.shop import ShopWorkspace

STRACE = shutil.which("strace")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(STRACE is None, reason="strace is not here"),
    pytest.mark.xdist_group("integrity"),
]

CALLS = ("pread64", "pwrite64", "write", "fdatasync", "fsync", "rename", "openat", "ftruncate")
FILES = ("control.db", "control.db-wal", "control.db-shm", "anchor.jsonl", "anchor.jsonl.left", "anchor.jsonl.left.new")
SAMPLES = 3
"""Places of one kind of call that are tried: the first, the last, and one between."""


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


def member(shop: ShopWorkspace) -> str:
    statement = "SELECT subject_ref FROM subject JOIN membership USING (subject_id) WHERE state = 'member'"
    with closing(sqlite3.connect(shop.folder / "var/control.db")) as raw:
        return str(raw.execute(statement).fetchone()[0])


def withdrawn(shop: ShopWorkspace, ref: str) -> bool:
    statement = "SELECT count(*) FROM consent_event JOIN subject USING (subject_id) WHERE subject_ref = ? AND stream"
    with closing(sqlite3.connect(shop.folder / "var/control.db")) as raw:
        return bool(raw.execute(f"{statement} LIKE 'desk%'", (ref,)).fetchone()[0])


def traced(shop: ShopWorkspace, words: list[str], *options: str) -> Ended:
    paths = [part for name in FILES for part in ("-P", str(shop.folder / "var" / name))]
    trace = ["-e", f"trace={','.join(CALLS)}", "-o", str(shop.folder / "trace")]
    command = [STRACE or "", "-f", "--seccomp-bpf", "-qq", *trace, *paths, *options, *shop.command(*words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return Ended(done.returncode, done.stdout, done.stderr)


def copied(shop: ShopWorkspace, name: str) -> ShopWorkspace:
    ignored = shutil.ignore_patterns("copy-*")
    return ShopWorkspace(Path(shutil.copytree(shop.folder, shop.folder / f"copy-{name}", ignore=ignored)), shop.twins)


def faults(shop: ShopWorkspace, words: list[str]) -> list[str]:
    """What to inject, in turn: each kind of call that a sound run makes, at a few of its places."""
    sound = copied(shop, "sound")
    assert traced(sound, words).code == 0
    made = Counter(re.findall(r"^\d+ +(\w+)\(", (sound.folder / "trace").read_text(), re.MULTILINE))
    chosen = []
    for call, count in sorted(made.items()):
        places = sorted({1 + step * (count - 1) // (SAMPLES - 1) for step in range(SAMPLES)})
        for number, place in enumerate(places):
            full = call in {"pwrite64", "write", "ftruncate", "openat"} and number % 2
            chosen.append(f"inject={call}:error={'ENOSPC' if full else 'EIO'}:when={place}")
    assert len(chosen) > SAMPLES
    return chosen


def says_what_happened(ended: Ended) -> bool:
    """The one object, no trace of Python, and a word about the disk where the run did not end well."""
    told = json.loads(ended.out or "{}")
    said = (told.get("message", "") + told.get("advice", "")).lower()
    sound = "Traceback" not in ended.err and told.get("exit_code") == ended.code
    return sound and (ended.code == 0 or (ended.code in {1, 75} and ("disk" in said or "written" in said)))


def test_a_withdrawal_that_was_acknowledged_outlives_a_failing_disk(shop: ShopWorkspace, cli: Cli) -> None:
    ref = member(shop)
    words = ["consent", "withdraw", "--subject-ref", ref]
    wrong = []
    for number, fault in enumerate(faults(shop, words)):
        broken = copied(shop, str(number))
        ended = traced(broken, words, "-e", fault)
        kept = withdrawn(broken, ref)
        again, _ = cli(broken, *words)
        sound, _ = cli(broken, "audit", "verify")
        if not says_what_happened(ended) or (ended.code == 0 and not kept) or (again, sound) != (0, 0):
            wrong.append((fault, ended.code, kept, again, sound, ended.out[:300], ended.err[-200:]))
        shutil.rmtree(broken.folder)
    assert wrong == []


def test_a_sync_on_a_failing_disk_is_repaired_by_the_next(shop: ShopWorkspace, cli: Cli) -> None:
    assert cli(shop, "consent", "withdraw", "--subject-ref", member(shop))[0] == 0
    wrong = []
    for number, fault in enumerate(faults(shop, ["sync", "--removals-only"])[::2]):
        broken = copied(shop, str(number))
        ended = traced(broken, ["sync", "--removals-only"], "-e", fault)
        again, _ = cli(broken, "sync", "--removals-only")
        sound, _ = cli(broken, "audit", "verify")
        if not says_what_happened(ended) or (again, sound) != (0, 0):
            wrong.append((fault, ended.code, again, sound, ended.out[:300], ended.err[-200:]))
        shutil.rmtree(broken.folder)
    assert wrong == []
