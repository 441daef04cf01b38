"""Very many rows of a SQLite file as Arrow columns, read by a process of its own: see `privacy.arrow_reader`."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast, final

import pyarrow as pa

from passerelle.privacy import arrow_reader
from passerelle.privacy.errors import IntegrityError, TryLater

_PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class _Reader:
    process: "subprocess.Popen[bytes]"
    questions: IO[bytes]
    answers: IO[bytes]


@final
class Scanner:
    """Asks the reading process, which starts with the first question. Not for more than one thread at a time."""

    def __init__(self, file: Path) -> None:
        self._file = str(file.absolute())
        self._reader: _Reader | None = None

    def ask(self, statements: Sequence[str]) -> list[pa.Table]:
        """The rows of each statement, all of one committed state.

        Raises `IntegrityError` where a column holds values of more than one type, and `TryLater` where the file can't
        be read now, or the process died.
        """
        reader = self._reader = self._reader or _started()
        try:
            reader.questions.write(json.dumps({"file": self._file, "statements": statements}).encode() + b"\n")
            reader.questions.flush()
            told = reader.answers.read(1)
            if told == arrow_reader.TABLES:
                return [_table(reader.answers) for _ in statements]
        except (OSError, pa.ArrowInvalid):
            told = b""
        if told == arrow_reader.MISTYPED:
            raise IntegrityError(
                "The store cannot be read: a column holds a value of another type.",
                advice="Someone changed the store by hand; `passerelle audit verify` says where.",
            )
        self.close()
        raise TryLater("The store cannot be read as columns now.", advice="Run it again.")

    def close(self) -> None:
        """End the process."""
        if self._reader is None:
            return
        reader, self._reader = self._reader, None
        with contextlib.suppress(OSError):
            reader.questions.close()
        try:
            reader.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            reader.process.kill()
            reader.process.wait()
        reader.answers.close()


def _started() -> _Reader:
    process = subprocess.Popen(  # noqa: S603 - a module of this package
        [sys.executable, "-m", arrow_reader.__name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    return _Reader(process, cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout))


def _table(answers: IO[bytes]) -> pa.Table:
    with pa.ipc.open_stream(pa.PythonFile(answers, mode="r")) as stream:
        return stream.read_all()
