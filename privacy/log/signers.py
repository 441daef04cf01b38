"""Which key vouches for the log at which size, after the signing key was rotated.

An auditor holds one verifier key, that of the log's genesis. An entry of kind `key` at index i hands over to the next:
its body's `verifier` is the new verifier key, and its `handover` is a note, signed by the old key and the new one:

    passerelle-handover/1
    <origin>
    <i + 1>
    <old verifier key>
    <new verifier key>

Checkpoints of sizes up to i are the old key's; from i + 1 on, which is the first that holds the entry, the new one's.
So neither who steals an old key nor who makes up a new one can go on with the log.
"""

from collections.abc import Iterable, Mapping
from typing import final

from passerelle.privacy.errors import DefinitionError, IntegrityError
from passerelle.privacy.log.note import Signer, Verifier

_HANDOVER = "passerelle-handover/1"
_NOTE_LINES = 8
"""Five of text, a blank one, and two signatures."""
_MOST_LINES = 100_000


@final
class Verifiers:
    """The verifiers of one log, each with the size from which it is valid."""

    def __init__(
        self, genesis: Verifier, changes: Iterable[tuple[int, Verifier]] = (), *, later: Iterable[Verifier] = ()
    ) -> None:
        """`changes` rise by size. `later`: our own keys that may vouch for more than we know of."""
        self._changes = [(0, genesis), *changes]
        self._later = list(later)
        self.name = genesis.name

    @property
    def latest(self) -> Verifier:
        """That of checkpoints to come."""
        return self._changes[-1][1]

    @property
    def texts(self) -> list[tuple[int, str]]:
        """The first size of each, and its verifier key."""
        return [(size, verifier.text) for size, verifier in self._changes]

    def at(self, size: int) -> Verifier:
        """Whose signature a checkpoint of this size needs."""
        return [verifier for first, verifier in self._changes if first <= size][-1]

    def open(self, note: str) -> str:
        """The text of a checkpoint's note, signed by the key of its size. Raises `IntegrityError` otherwise."""
        size = note.split("\n", 2)[1] if note.count("\n") > 1 else ""
        if not size.isdecimal() or not size.isascii() or size != str(int(size)):
            raise IntegrityError("A checkpoint's text is malformed.")
        try:
            return self.at(int(size)).open(note)
        except IntegrityError:
            for verifier in self._later if int(size) >= self._changes[-1][0] else ():
                if verifier.signed(note):
                    return verifier.open(note)
            raise

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Verifiers) and self.texts == other.texts

    def __hash__(self) -> int:
        return hash(tuple(self.texts))


def handover(old: Signer, new: Signer, size: int) -> dict[str, object]:
    """What an entry of kind `key` says besides, so that `new` vouches for sizes from `size` on, its own included."""
    text = _text(old.verifier, new.verifier, size)
    both = old.sign(text) + new.sign(text).removeprefix(f"{text}\n")
    return {"verifier": new.verifier.text, "signed_by": old.verifier.key_id.hex(), "handover": both}


def follow(genesis: Verifier, entries: Iterable[tuple[int, Mapping[str, object]]]) -> Verifiers:
    """The verifiers of a log whose `key` entries, by index and body, are these; other bodies are passed over.

    Raises `IntegrityError` where one is not handed over by the one before it.
    """
    changes: list[tuple[int, Verifier]] = []
    for index, body in entries:
        if "verifier" not in body:
            continue
        old = changes[-1][1] if changes else genesis
        changes.append((index + 1, _next(old, index + 1, body)))
    return Verifiers(genesis, changes)


def written(genesis: Verifier, entries: Iterable[tuple[int, Mapping[str, object]]]) -> str:
    """A file for who checks from outside: the genesis key, and under it each handover, as its note."""
    return f"{genesis.text}\n" + "".join(str(body["handover"]) for _, body in entries if "verifier" in body)


def read(text: str) -> Verifiers:
    """What `written` wrote; a genesis key alone will do.

    Raises `DefinitionError` where the first line is no key, and `IntegrityError` where a handover is not one.
    """
    first, *lines = text.splitlines()[:_MOST_LINES] or [""]
    notes = ["\n".join([*lines[at : at + _NOTE_LINES], ""]) for at in range(0, len(lines), _NOTE_LINES)]
    try:
        entries = [
            (int(note.split("\n")[2]) - 1, {"verifier": note.split("\n")[4], "handover": note}) for note in notes
        ]
    except (IndexError, ValueError):
        raise IntegrityError("A signing key is not handed over by the one before it.") from None
    return follow(Verifier.parse(first), entries)


def _next(old: Verifier, size: int, body: Mapping[str, object]) -> Verifier:
    try:
        new = Verifier.parse(str(body["verifier"]))
    except DefinitionError:
        raise IntegrityError("A log entry names a verifier key that is none.") from None
    note = str(body.get("handover"))
    if new.name != old.name or old.open(note) != _text(old, new, size) or not new.signed(note):
        raise IntegrityError("A signing key is not handed over by the one before it.")
    return new


def _text(old: Verifier, new: Verifier, size: int) -> str:
    return f"{_HANDOVER}\n{old.name}\n{size}\n{old.text}\n{new.text}\n"
