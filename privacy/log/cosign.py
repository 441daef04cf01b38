"""C2SP cosignatures (c2sp.org/tlog-cosignature, Ed25519) and what a witness is asked (c2sp.org/tlog-witness).

A witness keeps the last checkpoint it saw of a log and puts its name under a later one only where that continues it.
Its line goes under the checkpoint's own signature, and says when.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from passerelle.privacy.errors import DefinitionError, IntegrityError
from passerelle.privacy.log import merkle
from passerelle.privacy.log.merkle import HASH_BYTES
from passerelle.privacy.log.note import Said, Verifier, parse_checkpoint
from passerelle.privacy.log.signers import Verifiers

_KIND = b"\x04"
_KEY = 32
_ID = 4
_TIME = 8
_SIGNATURE = 64
_MOST_STEPS = 63
_NAME = re.compile(r"[^\s+]{1,120}")
_LINE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+=*)\n?")
_NUMBER = r"(0|[1-9][0-9]{0,17})"
_OLD = re.compile(f"old {_NUMBER}")
_SECRET = "PRIVATE+KEY+"  # noqa: S105 - the mark of such a file, not a key


@final
@dataclass(frozen=True, slots=True)
class WitnessKey:
    """A witness's name and public key: checks its lines."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or len(self.public) != _KEY:
            raise DefinitionError("A witness has a name without spaces and plus signs, and a key of 32 bytes.")

    @classmethod
    def parse(cls, text: str) -> "WitnessKey":
        """From `name+id+key`, as `text` writes it. Raises `DefinitionError` where it is no witness's key."""
        name, key_id, key = _fields(text.strip())
        found = cls(name, key[1:])
        if key[:1] != _KIND or found.key_id.hex() != key_id:
            raise DefinitionError("This is no witness's key for Ed25519 cosignatures.")
        return found

    @property
    def key_id(self) -> bytes:
        """The four bytes that lead a signature."""
        return hashlib.sha256(self.name.encode() + b"\n" + _KIND + self.public).digest()[:_ID]

    @property
    def text(self) -> str:
        """What others need to check this witness's lines."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(_KIND + self.public).decode()}"

    def signed_at(self, line: str, text: str) -> int:
        """When (seconds UTC) this witness put `line` under a checkpoint's text. Raises `IntegrityError` otherwise."""
        form = _LINE.fullmatch(line)
        said = b"" if form is None else _decoded(form[2])
        if form is None or form[1] != self.name or said[:_ID] != self.key_id or len(said) != _ID + _TIME + _SIGNATURE:
            raise IntegrityError("This is no line of that witness.")
        at = int.from_bytes(said[_ID : _ID + _TIME])
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(said[_ID + _TIME :], _message(at, text))
        except InvalidSignature:
            raise IntegrityError("A witness's signature is wrong.") from None
        return at


@final
class Witness:
    """Signs as a witness."""

    __slots__ = ("_key", "_seed", "key")

    def __init__(self, name: str, seed: bytes) -> None:
        self._seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.key = WitnessKey(name, self._key.public_key().public_bytes_raw())

    @classmethod
    def parse(cls, text: str) -> "Witness":
        """From the secret that `secret` writes. Raises `DefinitionError`, which quotes nothing."""
        if not text.startswith(_SECRET):
            raise DefinitionError("This file holds no witness's secret key.")
        name, key_id, key = _fields(text.strip().removeprefix(_SECRET))
        if key[:1] != _KIND or len(key) != _KEY + 1:
            raise DefinitionError("This file holds no witness's secret key.")
        found = cls(name, key[1:])
        if found.key.key_id.hex() != key_id:
            raise DefinitionError("This witness's secret key was changed.")
        return found

    @property
    def secret(self) -> str:
        """What the key file holds."""
        return f"{_SECRET}{self.key.name}+{self.key.key_id.hex()}+{base64.b64encode(_KIND + self._seed).decode()}"

    def cosign(self, text: str, *, at: int) -> str:
        """The line for a checkpoint's text, ended by a line feed. `at` is in seconds UTC."""
        signature = self._key.sign(_message(at, text))
        said = base64.b64encode(self.key.key_id + at.to_bytes(_TIME) + signature).decode()
        return f"— {self.key.name} {said}\n"

    def __repr__(self) -> str:
        return f"<Witness {self.key.name}>"


@dataclass(frozen=True, slots=True)
class Ask:
    """What a witness is asked: to sign the checkpoint of `note`, shown to continue the one of `old` entries."""

    old: int
    proof: tuple[bytes, ...]
    note: str

    @property
    def text(self) -> str:
        """As C2SP's `add-checkpoint` writes it."""
        steps = "".join(f"{base64.b64encode(step).decode()}\n" for step in self.proof)
        return f"old {self.old}\n{steps}\n{self.note}"

    @classmethod
    def parse(cls, text: str) -> "Ask":
        """Read one. Raises `DefinitionError` where it is none."""
        head, blank, note = text.partition("\n\n")
        first, *steps = head.split("\n")
        form = _OLD.fullmatch(first)
        proof = tuple(_decoded(step) for step in steps)
        if form is None or not blank or len(proof) > _MOST_STEPS or any(len(step) != HASH_BYTES for step in proof):
            raise DefinitionError(
                "This is nothing that a witness can sign.", advice="`passerelle audit checkpoint` writes such a file."
            )
        return cls(int(form[1]), proof, note)


@dataclass(frozen=True, slots=True)
class Seen:
    """The last checkpoint that a witness signed of one log."""

    size: int
    root: bytes


def review(ask: Ask, seen: Seen | None, log: Verifier | Verifiers) -> tuple[str, Said]:
    """The text that a witness who has `seen` so much may sign, and what it says.

    Raises `DefinitionError` where the proof begins elsewhere than at what was seen, and `IntegrityError` where the
    checkpoint is not the log's, is older than what was seen, or does not continue it.
    """
    text = log.open(ask.note)
    said = parse_checkpoint(text)
    if said.origin != log.name:
        raise IntegrityError("The checkpoint is of another log than its key.")
    known = seen or Seen(0, merkle.EMPTY_ROOT)
    if said.size < known.size:
        raise IntegrityError(
            f"The checkpoint has {said.size} entries, and this witness has seen {known.size}.",
            advice="It is an old file, or the log was put back to an older copy: ask for today's.",
        )
    if ask.old != known.size:
        raise DefinitionError(
            f"The proof begins at {ask.old} entries, and this witness has seen {known.size}.",
            advice=f"Ask for `passerelle audit checkpoint --since {known.size}`.",
        )
    if not _continues(ask, known, said):
        raise IntegrityError(
            "The log does not continue what this witness has seen: it was rewritten.",
            advice="Sign nothing. Keep both files; they are the evidence.",
        )
    return text, said


def _continues(ask: Ask, known: Seen, said: Said) -> bool:
    if known.size == 0:
        return not ask.proof and said.size > 0
    return merkle.verify_consistency(known.size, said.size, known.root, said.root, ask.proof)


def with_lines(note: str, lines: Sequence[str]) -> str:
    """A checkpoint's note with witnesses' lines under its own, in the order of their names."""
    return note + "".join(sorted(lines))


def _message(at: int, text: str) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def _fields(text: str) -> tuple[str, str, bytes]:
    parts = text.split("+", 2)
    if len(parts) != 3:  # noqa: PLR2004 - name, id, key
        raise DefinitionError("This is no witness's key.")
    return parts[0], parts[1], _decoded(parts[2])


def _decoded(text: str) -> bytes:
    """Base64 in its one form; empty where it is none."""
    try:
        found = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return b""
    return found if base64.b64encode(found).decode() == text else b""
