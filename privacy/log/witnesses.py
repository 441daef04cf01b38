"""Others' words on this log's checkpoints, kept: witnesses' cosignatures and authorities' time stamps.

Each comes with an entry of the log, which says for good whose it is and what it is: a cosignature by its key, both by
a digest. So none can be changed or dropped unnoticed.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from passerelle.privacy.errors import DefinitionError, IntegrityError
from passerelle.privacy.log import stamp
from passerelle.privacy.log.cosign import WitnessKey, with_lines
from passerelle.privacy.log.entries import Entry, Findings
from passerelle.privacy.log.journal import Journal
from passerelle.privacy.store.engine import Store
from passerelle.privacy.store.tables import log_checkpoint, log_witness

COSIGNATURE = "cosignature"
TIMESTAMP = "timestamp"
_KINDS = {"witness": COSIGNATURE, "stamp": TIMESTAMP}


@dataclass(frozen=True, slots=True)
class Word:
    """One witness's or authority's word: `body` is the signature line, or the DER response."""

    size: int
    kind: str
    name: str
    body: bytes


class Witnesses:
    """What others said of the checkpoints in a store."""

    def __init__(self, store: Store, log: Journal) -> None:
        self._store = store
        self._log = log

    def add_line(self, connection: Connection, line: str, keys: Sequence[WitnessKey], *, now: int) -> tuple[Word, int]:
        """Keep a witness's line under the checkpoint that it is of, and say when (s) it was signed.

        The same again changes nothing. Raises `DefinitionError` where it is not of one of `keys`, and
        `IntegrityError` where it is under no checkpoint of this log.
        """
        key = next((key for key in keys if line.startswith(f"— {key.name} ")), None)
        if key is None:
            raise DefinitionError(
                "The line is of a witness that passerelle.yaml does not name.",
                advice="Put the witness's key file under `witnesses:`.",
            )
        size, at = _place_of(connection, line, key)
        word = Word(size, COSIGNATURE, key.name, line.encode())
        self._add(connection, word, "witness", {"key": key.text}, now)
        return word, at

    def add_stamp(
        self, connection: Connection, size: int, name: str, response: bytes, roots: bytes, *, now: int
    ) -> stamp.Stamp:
        """Keep an authority's response. Raises `IntegrityError` where it is no stamp of that checkpoint."""
        read = stamp.read(response, note_at(connection, size), roots)
        self._add(connection, Word(size, TIMESTAMP, name, response), "stamp", {"at": read.at}, now)
        return read

    def _add(self, connection: Connection, word: Word, kind: str, said: dict[str, object], now: int) -> None:
        c = log_witness.c
        mine = select(c.size).where(c.size == word.size, c.kind == word.kind, c.name == word.name)
        if connection.execute(mine).first() is not None:
            return
        body = {"size": word.size, "name": word.name, "digest": _digest(word.body), **said}
        self._log.append(connection, kind, body, now=now)
        row: dict[str, list[object]] = {
            "size": [word.size],
            "kind": [word.kind],
            "name": [word.name],
            "body": [word.body],
            "received_at": [now],
        }
        self._store.insert(connection, log_witness, row)


def words(connection: Connection, kind: str | None = None) -> list[Word]:
    """Everything that others said, by the size of the checkpoint and their name."""
    c = log_witness.c
    wanted = select(c.size, c.kind, c.name, c.body).order_by(c.size, c.kind, c.name)
    rows = connection.execute(wanted if kind is None else wanted.where(c.kind == kind))
    return [Word(row.size, row.kind, row.name, row.body) for row in rows]


def newest(connection: Connection) -> int:
    """The size of the newest checkpoint. Raises `DefinitionError` where nothing was signed yet."""
    size: int | None = connection.scalar(select(func.max(log_checkpoint.c.size)))
    if size is None:
        raise DefinitionError("Nothing of this log was signed yet.", advice="Any run signs it: `passerelle pull`.")
    return size


def note_at(connection: Connection, size: int) -> str:
    """The checkpoint of `size` as this log signed it. Raises `DefinitionError` where there is none."""
    note: str | None = connection.scalar(select(log_checkpoint.c.note).where(log_checkpoint.c.size == size))
    if note is None:
        raise DefinitionError(f"This log has no checkpoint of {size} entries.")
    return note


def text_of(note: str) -> str:
    """What is signed in a note."""
    return note.rpartition("\n\n")[0] + "\n"


def cosigned(connection: Connection, size: int) -> str:
    """The checkpoint of `size` with the lines of all its witnesses."""
    lines = [word.body.decode() for word in words(connection, COSIGNATURE) if word.size == size]
    return with_lines(note_at(connection, size), lines)


def _place_of(connection: Connection, line: str, key: WitnessKey) -> tuple[int, int]:
    """The size of the checkpoint that this line is under, newest first, and when it was signed."""
    c = log_checkpoint.c
    for size, note in connection.execute(select(c.size, c.note).order_by(c.size.desc())):
        try:
            return size, key.signed_at(line, text_of(note))
        except IntegrityError:
            continue
    raise IntegrityError("This witness has signed no checkpoint of this log.", advice="Ask for its answer again.")


def check(connection: Connection, entries: Sequence[Entry], findings: Findings, roots: bytes = b"") -> None:
    """Each word has its entry and each entry its word, and each is what it says.

    Time stamps are led back to `roots` (PEM) where there are any and the extra is installed; else only to their entry.
    """
    said = {
        (entry.body.get("size"), _KINDS[entry.kind], entry.body.get("name")): entry.body
        for entry in entries
        if entry.kind in _KINDS
    }
    for word in words(connection):
        key = (word.size, word.kind, word.name)
        body = said.pop(key, None)
        if body is None or body.get("digest") != _digest(word.body):
            findings.add(log_witness, key, "is not what its log entry says")
            continue
        try:
            _check_word(connection, word, body, roots)
        except (IntegrityError, DefinitionError) as problem:
            findings.add(log_witness, key, problem.message)
    for missing in said:
        findings.add(log_witness, missing, "is missing")


def _check_word(connection: Connection, word: Word, body: dict[str, Any], roots: bytes) -> None:
    note = note_at(connection, word.size)
    if word.kind == COSIGNATURE:
        WitnessKey.parse(str(body.get("key"))).signed_at(word.body.decode(), text_of(note))
    elif roots and stamp.AVAILABLE:
        stamp.read(word.body, note, roots)


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
