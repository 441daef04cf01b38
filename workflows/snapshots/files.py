"""Files of snapshots, for this user only: members as Parquet, and small files that are whole or not there."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from passerelle.privacy.errors import PasserelleError
from passerelle.workflows.lake.storage import sync_folder
from passerelle.workflows.snapshots.manifest import Ids

FOLDER = "var/snapshots"


def read_members(path: Path) -> Ids | None:
    """What a file of members holds; None where it cannot be read."""
    try:
        column = pq.read_table(path, columns=["subject_id"])["subject_id"]
    except (OSError, pa.ArrowException, KeyError):
        return None
    found: Ids = column.to_numpy().astype(np.int64, copy=False)
    return found


def holds(path: Path, ids: Ids) -> bool | None:
    """Whether any of these people is in the file; None where it cannot be read.

    Looks only at the parts of it that may hold one.
    """
    try:
        wanted = [("subject_id", "in", ids.tolist())]
        return bool(pq.read_table(path, columns=["subject_id"], filters=wanted).num_rows)
    except (OSError, pa.ArrowException):
        return None


def write_members(path: Path, ids: Ids) -> None:
    """Sorted ids, each as what it is more than the one before: two bytes a person."""
    with _new(path) as file:
        pq.write_table(
            pa.table({"subject_id": pa.array(ids, pa.int64())}),
            file,
            compression="zstd",
            use_dictionary=False,
            column_encoding={"subject_id": "DELTA_BINARY_PACKED"},
            row_group_size=131_072,
        )


def write(path: Path, content: bytes) -> None:
    """A small file, whole or not there, durably."""
    beside = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    with _new(beside) as file:
        file.write(content)
    beside.replace(path)
    sync_folder(path.parent)


@contextmanager
def _new(path: Path) -> Iterator[IO[bytes]]:
    """A new file for this user only, on disk when the block ends. What a failure leaves of it is swept away later."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except OSError as problem:
        told = f"A snapshot cannot be written: {problem.strerror}."
    else:
        return
    raise PasserelleError(told, advice=f"Check the disk, and who owns {FOLDER}.")
