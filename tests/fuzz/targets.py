"""What is fuzzed: each decoder and loader as a function of bytes, with inputs to start from.

A target may raise `PasserelleError` and nothing else, and no message of it may repeat the canary.
"""

import base64
import json
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from passerelle.privacy.consent.signals.registry import RECORDS, TEXT
from passerelle.privacy.consent.signals.values import values
from passerelle.privacy.errors import PasserelleError
from passerelle.privacy.log import cosign, entries, note, tlog_proof
from passerelle.workflows.cli.requests import from_base64
from passerelle.workflows.intake.files import pieces
from passerelle.workflows.settings import document, schemas
from passerelle.workflows.settings.load import read_file
from passerelle.workflows.verbs import registry
from tests.fuzz.choices import CANARY, Choices, words_of
from tests.privacy.consent.signals import test_gpp, test_tcf

SCAFFOLD = Path(document.__file__).parents[1] / "scaffold"


@dataclass(frozen=True)
class Target:
    """One thing that reads what others wrote."""

    run: Callable[[bytes], object]
    seeds: Sequence[bytes]
    longest: int = 600
    runs: int = 20_000
    """How many inputs a bounded run tries: what five seconds of a quiet machine allow, and no fewer on a busy one."""


class Leaked(Exception):
    """A message repeated the canary; this one doesn't."""


def checked(target: Target, data: bytes) -> None:
    """Run once. Raises what the target must not raise, and `Leaked`."""
    try:
        target.run(data)
    except PasserelleError as error:
        problems = "".join(map(str, getattr(error, "problems", ())))
        said = f"{error} {error.message} {error.advice} {problems} {error.__cause__ or ''}"
        if CANARY in said:
            raise Leaked(type(error).__name__) from None


def _text(read: Callable[[str], object]) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        read(data.decode("utf-8", "replace"))

    return run


def _signal(name: str, seeds: Sequence[str], joint: str = "") -> Target:
    """A reader of one string. Where it is made of base64 parts, a first byte of 255 says that the bytes are these."""
    read = TEXT[name].read

    def run(data: bytes) -> None:
        if joint and data[:1] == b"\xff":
            read(
                joint.join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in data[1:].split(b"\xff\xff"))
            )
        else:
            read(data.decode("utf-8", "replace"))

    inside = [b"\xff\xff".join(_bytes_of(part) for part in seed.split(joint)) for seed in seeds] if joint else []
    return Target(run, [seed.encode() for seed in (*seeds, CANARY, "")] + [b"\xff" + one for one in inside])


def _bytes_of(text: str) -> bytes:
    plain = re.sub("[^A-Za-z0-9_-]", "", text)
    return base64.urlsafe_b64decode(plain + "A" * (-len(plain) % 4))


def _records(name: str) -> Target:
    """A vendor's reader, on records of its own words."""
    words = words_of(f"passerelle.privacy.consent.signals.{name}", "passerelle.privacy.consent.signals.reading")

    def run(data: bytes) -> None:
        for heard in RECORDS[name].read(Choices(data, words).record()):
            if CANARY in repr(replace(heard, said=())):
                raise Leaked("repr")

    return Target(run, [bytes(range(start, start + 90)) for start in (0, 60, 120)])


def _in_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], None]:
    memory = Path("/dev/shm")  # noqa: S108 - thousands of files that need no disk
    place = memory if memory.is_dir() else None

    def run(data: bytes) -> None:
        with tempfile.TemporaryDirectory(prefix="passerelle-fuzz-", dir=place) as folder:
            path = Path(folder) / name
            path.write_bytes(data)
            read(path)

    return run


def _settings(kind: str, *seeds: Path) -> Target:
    """A settings file: its bytes as they are, or the scaffold's file with some places changed."""
    model = schemas.FILES[kind]()
    trees = [yaml.safe_load(path.read_text()) for path in seeds] or [{}]
    # A key that is not known is named, so that its author finds it; the canary stands among the values alone.
    words = sorted({*words_of("passerelle.privacy.vocabulary"), *_keys(model.model_json_schema())} - {CANARY})
    run = _in_file("settings.yaml", lambda path: read_file(path, model))

    def chosen(data: bytes) -> None:
        if data[:1] < b"\x40":
            run(data[1:])
            return
        choices = Choices(data[1:], words)
        run(json.dumps(choices.changed(trees[choices.below(len(trees))]), allow_nan=False, default=str).encode())

    def tolerant(data: bytes) -> None:
        try:
            chosen(data)
        except ValueError as problem:
            if "Out of range float" not in str(problem):  # JSON has no infinity: the harness's doing, not the loader's
                raise

    starts = [b"\x00" + path.read_bytes() for path in seeds] + [b"\x80" + bytes(range(40))]
    return Target(tolerant, starts, longest=4_000, runs=1_500 if kind == "project" else 4_000)


def _keys(schema: Any) -> set[str]:  # noqa: ANN401 - a JSON Schema
    if isinstance(schema, Mapping):
        names = {name for name in schema.get("properties", {}) if isinstance(name, str)}
        return names.union(*(_keys(inside) for inside in schema.values()))
    return set().union(*map(_keys, schema)) if isinstance(schema, list) else set()


def _request(data: bytes) -> None:
    verbs = _verbs()
    choices = Choices(data, ["as_of", "subject", "job", "identifier", "audience", "*"])
    verb = verbs[choices.below(len(verbs))]
    raw = data[2:] if choices.below(3) == 0 else json.dumps(choices.record()).encode()
    from_base64(verb, base64.b64encode(raw).decode() if choices.below(8) else raw.decode("utf-8", "replace"))


@cache
def _verbs() -> list[Any]:
    return registry.verbs()


def _signed() -> tuple[note.Verifier, str]:
    signer = note.Signer("passerelle.example/log", bytes(range(32)))
    said = note.Said("passerelle.example/log", 3, bytes(32), 1_793_404_800_000_000, 0)
    return signer.verifier, signer.sign(note.checkpoint_text(said))


_VERIFIER, _NOTE = _signed()


def _opened(text: str) -> None:
    note.parse_checkpoint(_VERIFIER.open(text))


def _drained(path: Path) -> None:
    for _ in pieces(path, {}):
        pass


def _all_values(path: Path) -> None:
    with path.open("rb") as stream:
        for _ in values(path.name, stream):
            pass


_CSV = f"email,purpose,state,at\n{CANARY},ad_list_matching,given,2026-10-31T12:00:00Z\n".encode()
_JSONL = f'{{"email": "{CANARY}", "purpose": "ad_list_matching", "state": "given"}}\n'.encode()
_ENTRY = b'{"at":1793404800000000,"body":{"size":1},"kind":"checkpoint"}'
_PROOF = f"c2sp.org/tlog-proof@v1\nindex 1\n{base64.b64encode(bytes(32)).decode()}\n\n{_NOTE}"
_ASK = f"old 1\n{base64.b64encode(bytes(32)).decode()}\n\n{_NOTE}"

TARGETS: Mapping[str, Target] = {
    "tcf": _signal("tcf", [test_tcf.YES, test_tcf.RESTRICTED, test_tcf.FROM_THE_STANDARD], "."),
    "gpp": _signal(
        "gpp",
        [test_gpp.CALIFORNIA_SOLD_NOT, test_gpp.NATIONAL_CHILD, test_gpp.EUROPE_AND_OLD_US, test_gpp.NATIONAL_FIRST],
        "~",
    ),
    "gpc": _signal("gpc", ["1", "Sec-GPC: 0"]),
    "consent_mode": _signal("consent_mode", ["ad_user_data=granted", '{"adPersonalization": "CONSENT_DENIED"}']),
    **{f"records_{name}": _records(name) for name in RECORDS},
    "settings_project": _settings("project", SCAFFOLD / "passerelle.yaml", SCAFFOLD / "empty" / "passerelle.yaml"),
    "settings_policy": _settings("policy", SCAFFOLD / "policy.yaml"),
    "settings_notice": _settings("notice", *sorted((SCAFFOLD / "notices").glob("*.yaml"))),
    "settings_model": _settings("model", SCAFFOLD / "model.yaml"),
    "settings_segment": _settings("segment", *sorted((SCAFFOLD / "segments").glob("*.yaml"))),
    "settings_audience": _settings("audience", *sorted((SCAFFOLD / "audiences").glob("*.yaml"))),
    "settings_signal": _settings("signal"),
    "note": Target(_text(_opened), [_NOTE.encode()]),
    "checkpoint": Target(_text(note.parse_checkpoint), [_NOTE.split("\n\n")[0].encode() + b"\n"]),
    "verifier": Target(_text(note.Verifier.parse), [_VERIFIER.text.encode()]),
    "proof": Target(_text(tlog_proof.TlogProof.parse), [_PROOF.encode()]),
    "witness": Target(_text(cosign.Ask.parse), [_ASK.encode()]),
    "entry": Target(entries.parse, [_ENTRY]),
    "intake_csv": Target(_in_file("said.csv", _drained), [_CSV]),
    "intake_json": Target(_in_file("said.jsonl", _drained), [_JSONL]),
    "export_json": Target(_in_file("export.json", _all_values), [b"[" + _JSONL.strip() + b"]", _JSONL]),
    "export_csv": Target(_in_file("export.csv", _all_values), [_CSV]),
    "request_b64": Target(_request, [bytes([at, 0]) + b'{"as_of": "2026-10-31"}' for at in range(0, 40, 8)]),
}
"""Everything that reads what we did not write, by name."""
