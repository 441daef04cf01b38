"""Marked personal data, and the search for it in everything that a command leaves behind.

    person = Canary.make("zoe")
    ran = run_cli("pull", workspace=folder, temp=tmp_path / "temp")
    assert leaks([person], ran, tmp_path / "temp", folder / "var") == []

A canary's e-mail, phone, names and token occur nowhere else. They are looked for as they stand, and as SHA-256 in
hex and base64, of every form that a platform wants hashed.
"""

import base64
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEADLINE = 120


@dataclass(frozen=True)
class Canary:
    """One invented person whose data can be found again anywhere."""

    email: str
    phone: str
    """As a French person writes it: 01 99 00 …"""
    first_name: str
    last_name: str
    external_id: str
    token: str

    @classmethod
    def make(cls, word: str) -> "Canary":
        """The canary of `word`: always the same one."""
        mark = hashlib.sha256(f"canary/{word}".encode()).hexdigest()
        digits = f"{int(mark[:8], 16) % 10_000:04d}"
        letters = "".join(chr(ord("a") + int(digit, 16)) for digit in mark[:10])
        return cls(
            email=f"canary-{mark[:16]}@example.com",
            phone=f"01 99 00 {digits[:2]} {digits[2:]}",
            first_name=f"Kanari{letters}",
            last_name=f"Öiseau{letters}",
            external_id=f"CANARY{mark[16:28]}",
            token=f"EAACANARY{mark[28:60]}",
        )

    def forms(self) -> set[str]:
        """Every text that would give the person away."""
        digits = self.phone.replace(" ", "")
        forms = {self.email, self.phone, digits, f"+33{digits[1:]}", f"33{digits[1:]}", f"0033{digits[1:]}"}
        forms |= {self.first_name, self.last_name, self.external_id, self.token}
        return forms | {form.lower() for form in forms} | {form.upper() for form in forms}

    def needles(self) -> dict[bytes, str]:
        """What to look for, and what it is, without saying it."""
        needles: dict[bytes, str] = {}
        for form in self.forms():
            digest = hashlib.sha256(form.encode()).digest()
            needles[form.encode()] = "clear text"
            needles[digest.hex().encode()] = needles[digest.hex().upper().encode()] = "a SHA-256 in hex"
            needles[base64.b64encode(digest)] = needles[base64.urlsafe_b64encode(digest)] = "a SHA-256 in base64"
            needles[digest] = "a SHA-256 in bytes"
            for encoded in (
                form.encode("utf-16-le"),
                form.encode("latin-1", "replace"),
                base64.b64encode(form.encode()),
            ):
                needles.setdefault(encoded, "another encoding")
        return needles


@dataclass(frozen=True)
class Ran:
    """What a command left: exit code, stdout, stderr."""

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def result(self) -> dict[str, Any]:
        """The one JSON object on stdout."""
        lines = self.stdout.decode().splitlines()
        assert len(lines) == 1, f"{len(lines)} lines on stdout; stderr says: {self.stderr.decode()}"
        value = json.loads(lines[0])
        assert isinstance(value, dict)
        return value


def run_cli(
    *arguments: str,
    workspace: Path | None = None,
    temp: Path | None = None,
    stdin: bytes = b"",
    cwd: Path | None = None,
    check: int | None = None,
) -> Ran:
    """Run `passerelle` as a process of its own. `temp` becomes its only temporary folder; `check`: the wanted code."""
    process = start_cli(*arguments, workspace=workspace, temp=temp, cwd=cwd)
    stdout, stderr = process.communicate(stdin, timeout=DEADLINE)
    ran = Ran(process.returncode, stdout, stderr)
    if check is not None:
        assert ran.code == check, f"exit code {ran.code}: {stdout.decode()} {stderr.decode()}"
    return ran


def start_cli(
    *arguments: str, workspace: Path | None = None, temp: Path | None = None, cwd: Path | None = None
) -> subprocess.Popen[bytes]:
    """The same, not waited for: `kill`, `terminate` and `communicate` are the test's."""
    environment = dict(os.environ)
    if temp is not None:
        temp.mkdir(parents=True, exist_ok=True)
        environment |= {"TMPDIR": str(temp), "TEMP": str(temp), "TMP": str(temp)}
    where = ["--workspace", str(workspace)] if workspace is not None else []
    command = [sys.executable, "-m", "passerelle.workflows.cli.main", *arguments, *where]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, cwd=cwd)


def stop(process: subprocess.Popen[bytes]) -> Ran:
    """End a process with SIGTERM, and take what it left."""
    process.send_signal(signal.SIGTERM)
    stdout, stderr = process.communicate(timeout=DEADLINE)
    return Ran(process.returncode, stdout, stderr)


def leaks(canaries: Iterable[Canary], *places: Ran | bytes | str | Path) -> list[str]:
    """Where any canary was found: `place: what`, never the canary itself. A folder is searched whole."""
    needles = {needle: f"{what}" for canary in canaries for needle, what in canary.needles().items()}
    return sorted(
        {
            f"{name}: {what}"
            for name, content in _contents(places)
            for needle, what in needles.items()
            if needle in content
        }
    )


def _contents(places: Iterable[Ran | bytes | str | Path]) -> Iterator[tuple[str, bytes]]:
    for place in places:
        if isinstance(place, Ran):
            yield "stdout", place.stdout
            yield "stderr", place.stderr
        elif isinstance(place, Path):
            files = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
            for path in files:
                yield path.name, path.name.encode() + b"\n" + path.read_bytes()
        else:
            yield "text", place if isinstance(place, bytes) else place.encode()
