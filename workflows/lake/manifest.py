"""A table's manifest: which files are the table. Replaced whole by one rename; what it does not name is rubbish."""

import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from passerelle.connectors.contract.roles import Grain
from passerelle.privacy.errors import IntegrityError

NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class TableShape:
    """What a table holds: its grain, and its attributes by type (`Kind` names)."""

    grain: Grain
    attributes: dict[str, str]

    @property
    def columns(self) -> dict[str, str]:
        """What readers see, by type."""
        event = {"event": "string", "at": "timestamp"} if self.grain == "event" else {}
        return {"subject_id": "integer", **event, **self.attributes}


@dataclass(frozen=True, slots=True)
class Staged:
    """One page beside the table: a file of rows, a file of deleted keys, or both."""

    sequence: int
    rows: str | None
    deleted: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """Files that readers see, and their shape. Without files they see no table at all."""

    files: tuple[str, ...]
    shape: TableShape

    @classmethod
    def read(cls, data: dict[str, Any] | None) -> Self | None:
        """From the manifest."""
        return cls(tuple(data["files"]), TableShape(**data["shape"])) if data else None


@dataclass(frozen=True, slots=True)
class Manifest:
    """Files are named relative to the table's folder.

    `files` are the table. `shadowed` holds other records of persons who have one in `files`; `deleted` the keys that
    are gone and their versions, so that an older record that comes late does not bring them back. `retired` are the
    files of the generation before, kept for readers that still scan them.

    Where a table is checked before readers see it: `shown` are the files that they read meanwhile, or a repaired copy;
    None: `files` themselves. `checked` are the files that were let through last; `quality` is what was found then, as
    plain data, which the next check is compared with.
    """

    shape: TableShape
    files: tuple[str, ...] = ()
    shadowed: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    staged: tuple[Staged, ...] = ()
    retired: tuple[str, ...] = ()
    sequence: int = 0
    written: TableShape | None = field(default=None)
    """The shape that `files` were written with; None: as `shape`."""
    shown: "Shown | None" = None
    checked: tuple[str, ...] | None = None
    quality: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """The manifest in `folder`; None where there is no table yet."""
        try:
            content = (folder / NAME).read_bytes()
        except FileNotFoundError:
            return None
        try:
            return cls._from(json.loads(content))
        except (ValueError, KeyError, TypeError):
            raise IntegrityError(
                f"The lake's manifest of {folder.name} cannot be read.",
                advice="Delete the table's folder and pull its source with --full.",
            ) from None

    def write(self, folder: Path) -> None:
        """Make this the table, durably: all of it or nothing."""
        partial = folder / f"{NAME}.{os.getpid()}.partial"
        with partial.open("wb") as stream:
            stream.write(json.dumps(self._plain(), indent=1, sort_keys=True).encode())
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(folder / NAME)
        sync_folder(folder)

    def named(self) -> set[str]:
        """Every file that this manifest needs."""
        staged = {name for page in self.staged for name in (page.rows, page.deleted) if name is not None}
        shown = self.shown.files if self.shown is not None else ()
        return {*self.files, *self.shadowed, *self.deleted, *self.retired, *staged, *shown}

    @property
    def seen(self) -> "Shown":
        """What `files` hold, as readers see it who see them."""
        return Shown(self.files, self.written or self.shape)

    def reshaped(self, shape: TableShape) -> "Manifest":
        """The same table under another shape: the next `settle` rewrites it. Another grain is another table."""
        if shape == self.shape:
            return self
        if shape.grain != self.shape.grain:
            return Manifest(shape, sequence=self.sequence, retired=tuple(sorted(self.named())))
        return replace(self, shape=shape, written=self.written or self.shape)

    def _plain(self) -> dict[str, Any]:
        return {
            "version": 1,
            "shape": _plain_shape(self.shape),
            "written": _plain_shape(self.written) if self.written else None,
            "files": self.files,
            "shadowed": self.shadowed,
            "deleted": self.deleted,
            "retired": self.retired,
            "sequence": self.sequence,
            "shown": {"files": self.shown.files, "shape": _plain_shape(self.shown.shape)} if self.shown else None,
            "checked": self.checked,
            "quality": self.quality,
            "staged": [{"sequence": page.sequence, "rows": page.rows, "deleted": page.deleted} for page in self.staged],
        }

    @classmethod
    def _from(cls, data: dict[str, Any]) -> Self:
        return cls(
            shape=TableShape(**data["shape"]),
            written=TableShape(**data["written"]) if data["written"] else None,
            files=tuple(data["files"]),
            shadowed=tuple(data["shadowed"]),
            deleted=tuple(data["deleted"]),
            retired=tuple(data["retired"]),
            sequence=data["sequence"],
            staged=tuple(Staged(**page) for page in data["staged"]),
            shown=Shown.read(data.get("shown")),
            checked=tuple(data["checked"]) if data.get("checked") is not None else None,
            quality=data.get("quality") or {},
        )


def _plain_shape(shape: TableShape) -> dict[str, Any]:
    return {"grain": shape.grain, "attributes": shape.attributes}


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
