"""docs/proofs.md, command by command, on the demo shop; then as an auditor who has the bundle and one file."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from passerelle.privacy.audit.bundle import verifier_source
from tests.end_to_end.conftest import Cli
from tests.end_to_end.shop import ShopWorkspace

PAGE = Path(__file__).parents[2] / "docs" / "proofs.md"


def documented() -> list[str]:
    blocks = re.findall(r"^```console\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]


class Auditor:
    """Runs what the page says, in the shop's folder, as a shell would."""

    def __init__(self, shop: ShopWorkspace, ref: str, bin_folder: Path) -> None:
        self._shop = shop
        bin_folder.mkdir()
        for name, words in {"passerelle": "-m passerelle.workflows.cli.main", "python": ""}.items():
            script = bin_folder / name
            script.write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
            script.chmod(0o755)
        self._environment = {"PATH": f"{bin_folder}:{os.environ['PATH']}", "REF": ref, "LANG": "C.UTF-8"}

    def run(self, line: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["sh", "-c", line],
            cwd=self._shop.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def says(self, line: str) -> str:
        done = self.run(line)
        assert done.returncode == 0, (line, done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout


def withdrawn(shop: ShopWorkspace, cli: Cli) -> str:
    """Somebody who was sent, said no and was taken out: their pseudonym."""
    cli(shop, "sync")
    lines = (shop.folder / "data" / "contacts.csv").read_text().splitlines()
    who = shop.folder / "who.txt"
    for line in lines[1:]:
        who.write_text(line.split(";")[4] + "\n")
        code, told = cli(shop, "consent", "withdraw", "--file", str(who))
        if code == 0 and told["queued"]:
            cli(shop, "sync", "--removals-only")
            return str(told["subject_ref"])
    raise AssertionError("nobody of this shop was sent")


@pytest.fixture
def auditor(small: ShopWorkspace, cli: Cli, tmp_path: Path) -> Auditor:
    ref = withdrawn(small, cli)
    (small.folder / "verify_standalone.py").write_bytes(verifier_source())
    return Auditor(small, ref, tmp_path / "bin")


@pytest.mark.slow
def test_the_page_is_true_and_the_bundle_answers(
    auditor: Auditor, small: ShopWorkspace, cli: Cli, tmp_path: Path
) -> None:
    settings = small.folder / "passerelle.yaml"
    for line in documented():
        auditor.says(line)
        if "witness keygen" in line:
            settings.write_text(f"{settings.read_text()}\nwitnesses: [witness.key.pub]\n")
    alone = tmp_path / "auditor"
    alone.mkdir()
    for name in ("evidence.zip", "log.vkey", "witness.key.pub", "verify_standalone.py", "first.checkpoint"):
        shutil.copy(small.folder / name, alone / name)
    check = f"{sys.executable} -I verify_standalone.py evidence.zip --key log.vkey --subject $REF"
    said = auditor.says(f"cd {alone} && {check} --witness witness.key.pub --held first.checkpoint")
    told = [line.split(": ", 1)[1].split(" ")[0] for line in said.splitlines() if line.startswith("log entry")]
    assert told.count("SENT") == told.count("REMOVAL") == 2  # to Meta, and to Google
    assert told.index("CONSENT") < told.index("ALLOWED") < told.index("SENT") < told.index("REMOVAL")
    assert "under ads-2026@1: " in said
    assert "dpo.example.com saw the log of" in said
    assert sum("settled, 1 accepted, 0 rejected" in line for line in said.splitlines()) == 2
    data = (alone / "evidence.zip").read_bytes()
    for at in range(100, len(data), len(data) // 6):
        (alone / "evidence.zip").write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        done = auditor.run(f"cd {alone} && {check} --witness witness.key.pub --held first.checkpoint")
        assert done.returncode == 4 or done.stdout == said, at
    assert cli(small, "audit", "verify")[0] == 0


@pytest.mark.slow
def test_who_was_erased_is_in_no_later_bundle(auditor: Auditor) -> None:
    auditor.says("passerelle audit bundle --subject-ref $REF --out before.zip")
    refs = auditor.says("passerelle erase --subject-ref $REF --json --report")
    assert json.loads(refs)["exit_code"] in {0, 5}
    auditor.says("passerelle audit bundle --everybody --out after.zip")
    assert "nobody of that name is here" in auditor.says("python verify_standalone.py after.zip --subject $REF")
    assert "SENT to" in auditor.says("python verify_standalone.py before.zip --subject $REF")
    assert auditor.run("passerelle audit bundle --subject-ref $REF --out never.zip").returncode == 2
