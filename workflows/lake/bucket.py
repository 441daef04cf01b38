"""The lake in a bucket of S3: its files are brought to this machine while a run reads them, and go with the run.

- A table is a folder of objects: files, and `manifest.json`. The manifest is written on the condition that it is still
  the one that was read (`If-Match`), so of two writers one is overtaken, whatever machine they run on.
- What a manifest does not name is listed before it is written, and destroyed after: what somebody sent meanwhile for a
  manifest of his own is not touched, and that of somebody who sent before is overtaken and has no use for it.
- Destroyed means every version: a bucket that keeps versions would keep people who were erased.
"""

import os
import secrets
import shutil
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from threading import Lock
from typing import overload

from passerelle.connectors.s3 import Bucket, Unfinished, Version
from passerelle.workflows.alone import LOCK, alone
from passerelle.workflows.lake.manifest import Manifest
from passerelle.workflows.lake.storage import NAME, Overtaken, Storage, file_gone


class InBucket(Storage):
    """Tables under a prefix of a bucket. `folder` is this machine's, for copies that live as long as a run."""

    def __init__(self, bucket: Bucket, prefix: str, folder: Path) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._folder = folder
        self._copies: Copies | None = None
        self._opening = Lock()
        self._listed: dict[str, list[Version | Unfinished]] = {}

    def names(self) -> list[str]:
        """See `Storage`."""
        return self._bucket.folders(self._prefix)

    def read(self, table: str) -> Manifest | None:
        """See `Storage`."""
        found = self._bucket.read(self._key(table, NAME))
        return None if found is None else Manifest.parsed(table, *found)

    def write(self, table: str, manifest: Manifest) -> None:
        """See `Storage`."""
        if not self._bucket.put(self._key(table, NAME), manifest.written_out(), manifest.tag):
            raise Overtaken(table)

    def folder(self, table: str) -> Path:
        """See `Storage`."""
        with self._opening:
            if self._copies is None:
                self._copies = Copies(self._folder)
            folder = self._copies.folder / table
        folder.mkdir(exist_ok=True, mode=0o700)
        return folder

    def bring(self, table: str, files: Iterable[str]) -> None:
        """See `Storage`."""
        folder = self.folder(table)
        for file in files:
            if not (folder / file).exists() and not self._bucket.fetch(self._key(table, file), folder / file):
                now = self.read(table)
                raise file_gone(table, file) if now is not None and file in now.named() else Overtaken(table)

    def keep(self, table: str, files: Iterable[str]) -> None:
        """See `Storage`."""
        for file in files:
            self._bucket.send(self.folder(table) / file, self._key(table, file))

    def there(self, table: str) -> Collection[str]:
        """See `Storage`: every version of every object, and what is being sent in parts."""
        prefix = self._key(table, "")
        found: list[Version | Unfinished] = [*self._bucket.versions(prefix), *self._bucket.unfinished(prefix)]
        self._listed[table] = found
        return {one.key for one in found}

    def sweep(self, table: str, kept: Manifest, there: Collection[str]) -> None:
        """See `Storage`: old versions of what is kept go, too."""
        manifest = self._key(table, NAME)
        named = {self._key(table, name) for name in kept.named()}
        listed = [one for one in self._listed.pop(table, []) if one.key in there and one.key != manifest]
        gone = [one for one in listed if not (isinstance(one, Version) and one.newest and one.key in named)]
        # Where the bucket keeps no versions, what was listed as the old manifest is the new one: so it is asked anew.
        older = [one for one in self._bucket.versions(manifest) if not one.newest]
        self._bucket.destroy([*gone, *older])
        for path in self.folder(table).iterdir():
            if path.is_file() and path.name not in kept.named():
                path.unlink(missing_ok=True)

    def alone(self, table: str) -> AbstractContextManager[None]:
        """See `Storage`."""
        return alone(self._folder / "locks" / table)

    def files(self, table: str, files: Sequence[str]) -> Sequence[Path]:
        """See `Storage`."""
        return Brought(self, table, files)

    def gone(self, table: str, files: Sequence[str]) -> int:
        """See `Storage`."""
        return len(set(files) - self._bucket.names(self._key(table, "")))

    def named(self, files: Sequence[str]) -> tuple[str, ...]:
        """See `Storage`: a name is used once."""
        return tuple(files)

    def close(self) -> None:
        """See `Storage`."""
        if self._copies is not None:
            self._copies.close()
        self._bucket.close()
        self._copies = None

    def _key(self, table: str, file: str) -> str:
        return f"{self._prefix}{table}/{file}"


class Brought(Sequence[Path]):
    """Files of a table, that are brought when the first of them is looked at."""

    def __init__(self, storage: Storage, table: str, files: Sequence[str]) -> None:
        self._storage = storage
        self._table = table
        self._names = files
        self._paths: list[Path] | None = None

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> Path: ...

    @overload
    def __getitem__(self, index: slice) -> list[Path]: ...

    def __getitem__(self, index: int | slice) -> Path | list[Path]:
        return self._brought()[index]

    def __iter__(self) -> Iterator[Path]:
        return iter(self._brought())

    def _brought(self) -> list[Path]:
        if self._paths is None:
            self._storage.bring(self._table, self._names)
            self._paths = [self._storage.folder(self._table) / name for name in self._names]
        return self._paths


class Copies:
    """A folder of this process alone. What a process that was killed left behind goes when the next one is made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / f"run-{secrets.token_hex(8)}"
        with alone(folder):
            for left in folder.glob("run-*"):
                if _left_behind(left):
                    shutil.rmtree(left, ignore_errors=True)
            self.folder.mkdir(mode=0o700)
            self._handle = os.open(self.folder / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            flock(self._handle, LOCK_EX)

    def close(self) -> None:
        """Remove it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._handle)


def _left_behind(folder: Path) -> bool:
    """Whether nobody has its lock."""
    handle = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        flock(handle, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(handle)
