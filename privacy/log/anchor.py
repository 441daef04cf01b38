"""The anchor: an append-only file of signed checkpoints, kept outside the database.

It stands on another volume, if the operator is wise. One JSON line per checkpoint: size, root, note.
"""

import errno
import json
import os
from pathlib import Path

from passerelle.privacy.errors import IntegrityError, PasserelleError, TryLater
from passerelle.privacy.log.note import Checkpoint, parse_checkpoint
from passerelle.privacy.log.signers import Verifiers

_TAIL = 1 << 16
_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_ADVICE = "Free its disk, or give back the right to it; the next run writes what is missing."


class Anchor:
    """The anchor file at `path`, made at the first checkpoint."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, signed: Checkpoint) -> None:
        """Add one checkpoint, durably. Raises `TryLater` where the disk is full or failing.

        What is missing of the file is written by whoever begins next.
        """
        line = json.dumps({"size": signed.size, "root": signed.root_hex, "note": signed.note}, ensure_ascii=False)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "rb+") as file:
                end = file.seek(0, os.SEEK_END)
                torn = end > 0 and os.pread(file.fileno(), 1, end - 1) != b"\n"
                file.write((b"\n" if torn else b"") + line.encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as problem:
            told, advice = f"The anchor file {self._path} cannot be written: {problem.strerror}.", _ADVICE
            if problem.errno in _THE_DISK:
                raise TryLater(told, advice=advice) from None
            raise PasserelleError(told, advice=advice) from None

    def last(self, verifiers: Verifiers) -> Checkpoint | None:
        """The newest checkpoint in the file, its signature checked; None where there is no file yet.

        A last line that a crash cut short does not count.
        """
        try:
            with self._path.open("rb") as file:
                end = file.seek(0, os.SEEK_END)
                file.seek(max(0, end - _TAIL))
                lines = file.read().split(b"\n")
        except FileNotFoundError:
            return None
        whole = [line for line in lines[:-1] if line.startswith(b'{"size"') and line.endswith(b"}")]
        if not whole:
            return None
        try:
            found = json.loads(whole[-1])
            signed = Checkpoint(found["size"], found["root"], found["note"])
        except (ValueError, KeyError, TypeError):
            raise IntegrityError("The anchor file's last line cannot be read.") from None
        said = parse_checkpoint(verifiers.open(signed.note))
        if (said.origin, said.size, said.root.hex()) != (verifiers.name, signed.size, signed.root_hex):
            raise IntegrityError("The anchor file's last line is not what its checkpoint says.")
        return signed
