"""A witness's desk: a secret key, and a file of the last checkpoint it signed of each log.

The order of writes: what was seen is durable before the signature is given out, so that no two different logs of the
same size are ever signed, whenever the machine dies.
"""

import base64
import binascii
import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from passerelle.privacy.errors import DefinitionError, IntegrityError, TryLater
from passerelle.privacy.log import signers
from passerelle.privacy.log.cosign import Ask, Seen, Witness, WitnessKey, review
from passerelle.workflows.witness.files import read_text, write_new

_FORMAT = "passerelle-witness/1"

Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Cosigned:
    """What a witness signed: of which log, of which size, what it had seen before, and its line."""

    origin: str
    size: int
    before: int
    line: str


def keygen(name: str, out: Path, *, random: Random = os.urandom) -> WitnessKey:
    """Make a witness's key: the secret in `out`, mode 0400, and the key for others beside it, with `.pub`."""
    made = Witness(name, random(32))
    write_new(out, f"{made.secret}\n".encode(), mode=0o400)
    write_new(out.with_name(f"{out.name}.pub"), f"{made.key.text}\n".encode(), mode=0o644)
    return made.key


def cosign(request: Path, key: Path, log: Path, state: Path, *, now: int) -> Cosigned:
    """Sign the checkpoint of `request`, if it continues what `state` says was seen. `now` is in seconds.

    Raises `IntegrityError` where it does not, and signs nothing then.
    """
    witness = Witness.parse(read_text(key, "The witness's key"))
    verifiers = signers.read(read_text(log, "The log's key"))
    ask = Ask.parse(read_text(request, "The request"))
    with _alone(state):
        seen = _seen(state)
        before = seen.get(verifiers.name)
        text, said = review(ask, before, verifiers)
        _remember(state, seen | {verifiers.name: Seen(said.size, said.root)})
    line = witness.cosign(text, at=now)
    return Cosigned(verifiers.name, said.size, before.size if before else 0, line)


def last_seen(state: Path) -> dict[str, Seen]:
    """The last checkpoint signed of each log, by its origin."""
    return _seen(state)


def _seen(state: Path) -> dict[str, Seen]:
    if not state.exists():
        return {}
    try:
        return _parsed(read_text(state, "The witness's state"))
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        raise IntegrityError(
            f"The witness's state {state} cannot be read.",
            advice="Restore it from a backup. Without it the witness has seen nothing, and its word is worth less.",
        ) from None


def _parsed(text: str) -> dict[str, Seen]:
    found = json.loads(text)
    if found["format"] != _FORMAT:
        raise ValueError("another format")
    return {
        str(origin): Seen(int(one["size"]), base64.b64decode(one["root"], validate=True))
        for origin, one in found["logs"].items()
    }


def _remember(state: Path, seen: dict[str, Seen]) -> None:
    logs = {origin: {"size": one.size, "root": base64.b64encode(one.root).decode()} for origin, one in seen.items()}
    text = json.dumps({"format": _FORMAT, "logs": logs}, indent=1, sort_keys=True)
    beside = state.with_name(f"{state.name}.new")
    beside.unlink(missing_ok=True)
    write_new(beside, f"{text}\n".encode())
    beside.replace(state)
    folder = os.open(state.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Nobody else signs meanwhile."""
    try:
        handle = os.open(state.with_name(f"{state.name}.lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as problem:
        raise DefinitionError(f"The witness's state {state} cannot be kept: {problem.strerror}.") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise TryLater("This witness is signing something else.") from None
    finally:
        os.close(handle)
