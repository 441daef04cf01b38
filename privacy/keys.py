"""The master key's generations, and what is derived from them.

A key comes from a file that only its owner can read, or from a command that prints it: never from an environment
variable, never from an argument. One key per domain follows from it by HKDF-SHA256. The store keeps a check value of
each generation it rests on, so that a wrong key stops a run before it makes pseudonyms that match nobody.

A generation is retired by destroying its master. What remains of it is its lasting part, from which come the digests'
inner keys: nothing can be opened or signed with that.
"""

import os
from typing import TYPE_CHECKING, final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, select

from passerelle.privacy.errors import DefinitionError, IntegrityError
from passerelle.privacy.keyfile import Held, KeySettings, Random, parse, read, render, replace, write
from passerelle.privacy.rotation.uses import Use
from passerelle.privacy.store import writing
from passerelle.privacy.store.tables import key_generation, key_use, log_entry, subject

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["KeySettings", "Keyring", "Random"]

_SALT = b"passerelle/v1"
_SIGNING = "log/signing"


@final
class Keyring:
    """The master key's generations, held in memory only. Shows nothing of itself but its id.

    A keyring that was loaded reads its file or command again when the store rests on a generation it does not have:
    a long run goes on while somebody rotates the key.
    """

    __slots__ = ("_held", "_settings")

    def __init__(self, *masters: bytes, held: tuple[Held, ...] = (), settings: KeySettings | None = None) -> None:
        """From masters, the newest first, of which the oldest is generation 1; or from what a key file held."""
        if not (masters or held) or any(len(master) != 32 for master in masters):  # noqa: PLR2004 - 256 bits
            raise DefinitionError("A master key has 32 bytes.")
        given = (Held(number, master) for number, master in enumerate(reversed(masters), start=1))
        self._held = {each.number: each for each in (*given, *held)}
        self._settings = settings

    @classmethod
    def create(cls, path: "Path", *, random: Random = os.urandom) -> "Keyring":
        """Write a new master key to `path` with mode 0400, durably, and return it. Never overwrites a file."""
        keys = cls(random(32))
        write(path, render(keys._held.values()))
        keys._settings = KeySettings(file=path)
        return keys

    @classmethod
    def load(cls, settings: KeySettings) -> "Keyring":
        """The key of `settings`. Raises `DefinitionError` where there is none, or where others could read it."""
        return cls(held=read(settings), settings=settings)

    # --- generations

    @property
    def generations(self) -> tuple[int, ...]:
        """The generations there are, newest first; retired ones count, as far as something of them is left."""
        return tuple(sorted(self._held, reverse=True))

    @property
    def current(self) -> int:
        """The newest generation."""
        return max(self._held)

    def has_master(self, generation: int) -> bool:
        """Whether everything of this generation is here, and not only what lasts of a retired one."""
        return generation in self._held and self._held[generation].master is not None

    @property
    def key_id(self) -> str:
        """Names the newest generation and tells nothing about it."""
        return self.id_of(self.current)

    def id_of(self, generation: int) -> str:
        """Names a generation and tells nothing about it."""
        return "k1" + self.lasting("key-id", 8, generation=generation).hex()

    def extended(self, *, random: Random = os.urandom) -> "Keyring":
        """The same keys and a new generation. Written nowhere yet: see `text` and `adopt`."""
        held = Held(self.current + 1, random(32))
        return Keyring(held=(held, *self._held.values()), settings=self._settings)

    def reduced(self, generation: int) -> "Keyring":
        """The same keys without the master of one generation, which is retired."""
        mine = self._held[generation].retired(self.verifying(generation))
        rest = (each for number, each in self._held.items() if number != generation)
        return Keyring(held=(mine, *rest), settings=self._settings)

    @property
    def text(self) -> str:
        """What a key file holds: secret."""
        return render(self._held.values())

    def adopt(self, other: "Keyring") -> None:
        """Be what `other` is, in memory and in the key file: written beside it, made durable, then renamed.

        There is a key on the disk at any moment. Raises `DefinitionError` where the key does not come from a file
        that this user may replace.
        """
        if self._settings is not None:
            if self._settings.file is None:
                raise DefinitionError(
                    "This key comes from a command, so it is not replaced here.",
                    advice="Run with `--new-key FILE`, and have the command print what is in that file.",
                )
            replace(self._settings.file, other.text)
        self._held = {each.number: each for each in parse(other.text)}

    # --- derivation

    def derive(self, domain: str, length: int = 32, *, generation: int | None = None) -> bytes:
        """The key of one domain in one generation, by default the newest: unrelated to that of any other domain.

        Raises `IntegrityError` where the master of this generation is not here.
        """
        master = self._of_generation(generation or self.current, master=True).master
        return _derived(master or b"", domain, length)

    def lasting(self, domain: str, length: int = 32, *, generation: int | None = None) -> bytes:
        """The key of a domain that outlives its generation: by default that of the oldest, so the same for ever.

        For whatever a rotation cannot bring to a new key.
        """
        return _derived(self._of_generation(generation or min(self._held)).lasting, f"lasting/{domain}", length)

    def verifying(self, generation: int) -> bytes:
        """The public half of the key that signs the log in this generation, of a retired one too."""
        held = self._of_generation(generation)
        return held.verifying or _public(self.derive(_SIGNING, generation=generation))

    def signing(self, generation: int) -> bytes:
        """The seed of the key that signs the log in this generation."""
        return self.derive(_SIGNING, generation=generation)

    def _of_generation(self, generation: int, *, master: bool = False) -> Held:
        for fresh in (False, True):
            if fresh and self._settings is not None:  # somebody may have rotated the key meanwhile
                self._held = {each.number: each for each in read(self._settings)}
            held = self._held.get(generation)
            if held is not None and not (master and held.master is None):
                return held
        raise IntegrityError(
            f"Generation {generation} of the master key is {'retired' if generation in self._held else 'missing'} here,"
            " and something in the store still rests on it.",
            advice="Put back the key file that belongs to this workspace, or restore it from its backup.",
        )

    # --- the store

    def bind(self, connection: Connection, *, now: int = 0) -> None:
        """Tie a new store to this key, or check that the store was made with it and that no generation is missing.

        Raises `IntegrityError` where it was not, or where a store with people or a log has lost its key check.
        Newer generations than the store knows are none of its business yet.
        """
        c = key_generation.c
        rows = connection.execute(select(c.generation, c.key_id, c.check_value).order_by(c.generation)).all()
        for row in rows:
            self._check(row.generation, row.key_id, row.check_value)
        if rows:
            return
        if any(connection.execute(select(table.c[0]).limit(1)).first() for table in (subject, log_entry)):
            raise IntegrityError(
                "The store holds data, and its key check is gone.",
                advice="Someone changed the store by hand; restore it from a backup.",
            )
        for generation in sorted(self._held):
            self.register(connection, generation, now=now)
        uses: list[object] = [use.value for use in Use]
        count = len(uses)
        rows_of_uses = {"use": uses, "generation": [self.current] * count, "began_at": [now] * count}
        writing.insert(connection, key_use, rows_of_uses)

    def register(self, connection: Connection, generation: int, *, now: int) -> None:
        """Have the store know a generation, so that it cannot be opened without it any more."""
        row: dict[str, list[object]] = {
            "generation": [generation],
            "key_id": [self.id_of(generation)],
            "check_value": [self.check_value(generation)],
            "added_at": [now],
        }
        writing.insert(connection, key_generation, row)

    def check_value(self, generation: int) -> bytes:
        """What the store keeps of a generation, to know it again."""
        return self.lasting("key-check", 16, generation=generation)

    def _check(self, generation: int, key_id: str, check_value: bytes) -> None:
        if generation not in self._held and self._settings is not None:
            self._held = {each.number: each for each in read(self._settings)}
        if generation not in self._held:
            raise IntegrityError(
                f"Generation {generation} of the master key ({key_id}) is missing, and the store rests on it.",
                advice="The key was rotated elsewhere, or a line of its file is gone: put the newest key file here.",
            )
        if self.check_value(generation) != check_value:
            raise IntegrityError(
                f"The key does not fit this store: its generation {generation} is {key_id}, and this one is another.",
                advice="Put back the key file that belongs to this workspace, or restore it from its backup.",
            )

    def __repr__(self) -> str:
        return f"<Keyring {self.key_id}>"

    def __reduce__(self) -> str:
        raise TypeError("a key is not pickled")


def _derived(secret: bytes, domain: str, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=_SALT, info=domain.encode()).derive(secret)


def _public(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
