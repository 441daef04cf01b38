"""Where the lake's tables lie: the folders of a disk, or a bucket (`bucket.py`).

Whatever it is, files are made in a folder of this machine, kept by the storage, and then named by the manifest that
takes the place of the one before at once. What no manifest names is rubbish.
"""

import os
from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from passerelle.privacy.errors import DefinitionError, TryLater
from passerelle.workflows.alone import LOCK, alone
from passerelle.workflows.lake.manifest import Manifest

NAME = "manifest.json"


class Overtaken(TryLater):
    """Somebody else changed the table meanwhile: nothing was changed. Who looks at it again may do it again."""

    def __init__(self, table: str) -> None:
        super().__init__(f"The lake's table {table} was changed by somebody else meanwhile.", advice="Run it again.")


class Storage(Protocol):
    """Tables by name, each a manifest and files. A file's name is used once, and its content never changes."""

    def names(self) -> list[str]:
        """Every table, sorted; there may be some that have no manifest, which are none."""

    def read(self, table: str) -> Manifest | None:
        """A table's manifest as it is now; None where there is none."""

    def write(self, table: str, manifest: Manifest) -> None:
        """Have this manifest take the place of the one that it was made from, durably: all of it or nothing.

        Raises `Overtaken` where another one is there by now.
        """

    def folder(self, table: str) -> Path:
        """The folder of this machine where the table's files are made, and read once they were brought."""

    def bring(self, table: str, files: Iterable[str]) -> None:
        """Have these files in `folder`. Raises `Overtaken` where one is rubbish by now."""

    def keep(self, table: str, files: Iterable[str]) -> None:
        """Have these files, made in `folder`, durably, before anything names them."""

    def there(self, table: str) -> Collection[str]:
        """What lies there of a table, to be given to `sweep` after the next `write`."""

    def sweep(self, table: str, kept: Manifest, there: Collection[str]) -> None:
        """Remove what was `there` before `kept` was written and is not named by it, so that nothing brings it back."""

    def alone(self, table: str) -> AbstractContextManager[None]:
        """Be the only one of this machine that changes the table; wait for it."""

    def files(self, table: str, files: Sequence[str]) -> Sequence[Path]:
        """Paths of files to read, brought when they are first looked at. Raises `DefinitionError` where one is gone."""

    def gone(self, table: str, files: Sequence[str]) -> int:
        """How many of these files are not there any more."""

    def named(self, files: Sequence[str]) -> tuple[str, ...]:
        """The files' names, where these alone name the content; none where the files are to be looked at."""

    def close(self) -> None:
        """Give back what was brought."""


class Disk(Storage):
    """A folder per table. Its files are where they are read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """See `Storage`."""
        if not self._folder.is_dir():
            return []
        return sorted(path.parent.name for path in self._folder.glob(f"*/{NAME}"))

    def read(self, table: str) -> Manifest | None:
        """See `Storage`."""
        try:
            content = (self._folder / table / NAME).read_bytes()
        except FileNotFoundError:
            return None
        return Manifest.parsed(table, content)

    def write(self, table: str, manifest: Manifest) -> None:
        """See `Storage`: by one rename. Who is `alone` is overtaken by nobody."""
        folder = self._folder / table
        partial = folder / f"{NAME}.{os.getpid()}.partial"
        with partial.open("wb") as stream:
            stream.write(manifest.written_out())
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(folder / NAME)
        sync_folder(folder)

    def folder(self, table: str) -> Path:
        """See `Storage`."""
        return self._folder / table

    def bring(self, table: str, files: Iterable[str]) -> None:
        """They are there."""

    def keep(self, table: str, files: Iterable[str]) -> None:
        """See `Storage`."""
        for file in files:
            sync_file(self._folder / table / file)
        sync_folder(self._folder / table)

    def there(self, table: str) -> Collection[str]:
        """See `Storage`."""
        return {path.name for path in (self._folder / table).iterdir() if path.is_file()}

    def sweep(self, table: str, kept: Manifest, there: Collection[str]) -> None:
        """See `Storage`."""
        for name in set(there) - {*kept.named(), NAME, LOCK}:
            (self._folder / table / name).unlink(missing_ok=True)

    def alone(self, table: str) -> AbstractContextManager[None]:
        """See `Storage`."""
        return alone(self._folder / table)

    def files(self, table: str, files: Sequence[str]) -> Sequence[Path]:
        """See `Storage`."""
        paths = [self._folder / table / file for file in files]
        missing = next((path for path in paths if not path.exists()), None)
        if missing is not None:
            raise file_gone(table, missing.name)
        return paths

    def gone(self, table: str, files: Sequence[str]) -> int:
        """See `Storage`."""
        return sum(not (self._folder / table / file).is_file() for file in files)

    def named(self, files: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG002 - of the protocol
        """None: their times and sizes are there to be looked at."""
        return ()

    def close(self) -> None:
        """Nothing was brought."""


def file_gone(table: str, file: str) -> DefinitionError:
    """The error of a file that the manifest names and that is not there."""
    return DefinitionError(f"The lake's file {table}/{file} is gone.", advice=f"Run `passerelle pull {table} --full`.")


def sync_file(path: Path) -> None:
    """Have a file's content on disk before anything names it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Have a folder's names on disk."""
    sync_file(folder)
