"""Keyed pseudonyms: HMAC-SHA256, many at once.

HMAC is computed from its two precomputed SHA-256 states, which gives the same bytes as `hmac.digest` at a third of
its cost.

A digest cannot be keyed anew without what it is a digest of, and of an opt-out only the digest is left. So a rotation
wraps: the digest of today is HMAC(newest key, … HMAC(second key, HMAC(first key, identifier))). Who lacks the newest
key can try no identifier, whichever older ones they have; and nothing is ever lost.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, final

from passerelle.privacy.keys import Keyring
from passerelle.privacy.rotation.uses import Standing, Use, standing
from passerelle.privacy.short_hash import sha256
from passerelle.privacy.vocabulary import Field, SubjectRef

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy import Connection

_BLOCK = 64
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_REF = re.compile(r"s([1-9][0-9]{0,3})([0-9a-f]{32})")
DIGEST_BYTES = 16


def keyed_digests(key: bytes, prefix: bytes, messages: Iterable[bytes]) -> list[bytes]:
    """HMAC-SHA256(key, prefix || message) of each message, 32 bytes each. `key` has at most 64 bytes."""
    block = key.ljust(_BLOCK, b"\0")
    inner, outer = sha256(block.translate(_INNER) + prefix).copy, sha256(block.translate(_OUTER)).copy
    digests = []
    for message in messages:
        first, second = inner(), outer()
        first.update(message)
        second.update(first.digest())
        digests.append(second.digest())
    return digests


@final
class Wrapping:
    """Takes digests of one use from the first generation to a later one."""

    def __init__(self, keys: Keyring, use: Use) -> None:
        self._keys = keys
        self._use = use

    def standing(self, connection: "Connection") -> Standing:
        """Where this use stands."""
        return standing(connection, self._use)

    def again(self, digests: list[bytes], generation: int) -> list[bytes]:
        """Digests of the generation before `generation` on the use's path, wrapped by it: 16 bytes each."""
        key = self._keys.lasting(f"wrap/{self._use}", generation=generation)
        return [digest[:DIGEST_BYTES] for digest in keyed_digests(key, b"", digests)]

    def current(self, connection: "Connection", digests: "pa.Array") -> "tuple[pa.Array, int]":
        """What to store for first digests (`binary`), and the generation to store beside it."""
        at = self.standing(connection)
        return self._along(digests, at.path), at.current

    def forms(self, connection: "Connection", digests: "pa.Array") -> "list[pa.Array]":
        """Every form in which first digests may stand in the store now: the current one first."""
        at = self.standing(connection)
        ends = (at.current, *at.leaving)
        return [self._along(digests, at.path[: at.path.index(end) + 1]) for end in ends]

    def _along(self, digests: "pa.Array", path: tuple[int, ...]) -> "pa.Array":
        import pyarrow as pa

        if len(path) == 1 or not len(digests):
            return digests
        found = digests.to_pylist()
        for generation in path[1:]:
            found = self.again(found, generation)
        return pa.array(found, digests.type)


@final
class Pseudonyms:
    """Names for people and their identifiers that nobody makes without the key."""

    def __init__(self, keys: Keyring, *, domain: str = "segmentation") -> None:
        self._identity = keys.lasting("identity")
        self._refs = keys.lasting(f"pseudonym/{domain}")
        self._wrapping = Wrapping(keys, Use.REFERENCE)
        self.digests = Wrapping(keys, Use.IDENTITY)

    def identity(self, field: Field, canonical: Iterable[str]) -> list[bytes]:
        """The 16-byte first digests by which equal identifiers are known to be one person's; see `digests`."""
        encoded = (value.encode() for value in canonical)
        return [digest[:DIGEST_BYTES] for digest in keyed_digests(self._identity, f"{field}\0".encode(), encoded)]

    def refs(self, field: Field, canonical: Iterable[str]) -> list[SubjectRef]:
        """The first pseudonyms, `s1…`, of people first known by these identifiers; see `refs_now`."""
        encoded = (value.encode() for value in canonical)
        digests = keyed_digests(self._refs, f"{field}\0".encode(), encoded)
        return [SubjectRef(f"s1{digest.hex()[: 2 * DIGEST_BYTES]}") for digest in digests]

    def refs_now(self, connection: "Connection", refs: list[SubjectRef]) -> list[SubjectRef]:
        """What pseudonyms of any time are today: `s2…` after a first rotation. Others (`e1…`) stay as they are."""
        path = self._wrapping.standing(connection).path
        return [forms[-1] for forms in self._forms(refs, path)]

    def refs_ever(self, connection: "Connection", refs: list[SubjectRef]) -> list[list[SubjectRef]]:
        """For pseudonyms of any time: themselves and every later form, today's last."""
        return self._forms(refs, self._wrapping.standing(connection).path)

    def _forms(self, refs: list[SubjectRef], path: tuple[int, ...]) -> list[list[SubjectRef]]:
        forms = [[ref] for ref in refs]
        for version, generation in enumerate(path[1:], start=2):
            read = [_REF.fullmatch(each[-1]) for each in forms]
            here = [n for n, form in enumerate(read) if form is not None and int(form[1]) == version - 1]
            before = [bytes.fromhex(form[2]) for form in read if form is not None and int(form[1]) == version - 1]
            for n, digest in zip(here, self._wrapping.again(before, generation), strict=True):
                forms[n].append(SubjectRef(f"s{version}{digest.hex()}"))
        return forms
