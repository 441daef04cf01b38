"""C2SP `tlog-proof` files (c2sp.org/tlog-proof): that an entry is in the log, for somebody without the log.

A file has the entry's index, its audit path and the signed checkpoint. What the entry says stands in its `extra`
line, which is believed only as far as its hash leads to the signed root.
"""

import base64
import binascii
import re
from dataclasses import dataclass

from passerelle.privacy.errors import IntegrityError
from passerelle.privacy.log import merkle
from passerelle.privacy.log.merkle import HASH_BYTES
from passerelle.privacy.log.note import Said, Verifier, parse_checkpoint

FIRST_LINE = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,17})")
_MOST_STEPS = 63


@dataclass(frozen=True, slots=True)
class TlogProof:
    """That an entry stands at `index` of the log whose checkpoint is `note`. `extra` is the application's own."""

    index: int
    path: tuple[bytes, ...]
    note: str
    extra: bytes = b""

    @property
    def text(self) -> str:
        """The file."""
        extra = f"extra {_base64(self.extra)}\n" if self.extra else ""
        steps = "".join(f"{_base64(step)}\n" for step in self.path)
        return f"{FIRST_LINE}\n{extra}index {self.index}\n{steps}\n{self.note}"

    @classmethod
    def parse(cls, text: str) -> "TlogProof":
        """Read a file. Raises `IntegrityError` where it is none, or written in any other way."""
        head, blank, note = text.partition("\n\n")
        first, *lines = head.split("\n")
        extra = _decoded(lines.pop(0).removeprefix("extra ")) if lines and lines[0].startswith("extra ") else b""
        form = _INDEX.fullmatch(lines.pop(0)) if lines else None
        path = tuple(_decoded(line) for line in lines)
        if first != FIRST_LINE or not blank or form is None or len(path) > _MOST_STEPS:
            raise _malformed()
        if any(len(step) != HASH_BYTES for step in path):
            raise _malformed()
        return cls(int(form[1]), path, note, extra)

    def shown_by(self, leaf: bytes, log: Verifier) -> Said:
        """The checkpoint under which `leaf` stands at `index`. Raises `IntegrityError` where that is not shown."""
        said = parse_checkpoint(log.open(self.note))
        if said.origin != log.name:
            raise IntegrityError("The proof is of another log than its key.")
        if not merkle.verify_inclusion(leaf, self.index, said.size, self.path, said.root):
            raise IntegrityError("The proof does not lead from the entry to the log's root.")
        return said


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decoded(text: str) -> bytes:
    try:
        found = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise _malformed() from None
    if not found or _base64(found) != text:
        raise _malformed()
    return found


def _malformed() -> IntegrityError:
    return IntegrityError("This is no tlog-proof file.")
