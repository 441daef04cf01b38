"""A table's manifest: which files are the table. Replaced whole, at once; what it does not name is rubbish."""

import json
from dataclasses import dataclass, field, replace
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
    tag: str = field(default="", compare=False)
    """What the storage knows the manifest by that this one is to take the place of; empty where there was none."""

    @classmethod
    def parsed(cls, table: str, content: bytes, tag: str = "") -> Self:
        """The manifest of a table as it was written. Raises `IntegrityError` where it is none."""
        try:
            return cls._from(json.loads(content), tag)
        except (ValueError, KeyError, TypeError):
            raise IntegrityError(
                f"The lake's manifest of {table} cannot be read.",
                advice="Delete the table's folder and pull its source with --full.",
            ) from None

    def written_out(self) -> bytes:
        """What `parsed` reads."""
        return json.dumps(self._plain(), indent=1, sort_keys=True).encode()

    def named(self) -> set[str]:
        """Every file that this manifest needs."""
        staged = {name for page in self.staged for name in (page.rows, page.deleted) if name is not None}
        shown = self.shown.files if self.shown is not None else ()
        return {*self.files, *self.shadowed, *self.deleted, *self.retired, *staged, *shown}

    def held(self) -> tuple[str, ...]:
        """Every file that the table's rows are in, or the word that they are gone; no file of the generation before."""
        return tuple(sorted(replace(self, retired=()).named()))

    @property
    def seen(self) -> "Shown":
        """What `files` hold, as readers see it who see them."""
        return Shown(self.files, self.written or self.shape)

    def reshaped(self, shape: TableShape) -> "Manifest":
        """The same table under another shape: the next `settle` rewrites it. Another grain is another table."""
        if shape == self.shape:
            return self
        if shape.grain != self.shape.grain:
            return Manifest(shape, sequence=self.sequence, retired=tuple(sorted(self.named())), tag=self.tag)
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
    def _from(cls, data: dict[str, Any], tag: str) -> Self:
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
            tag=tag,
        )


def _plain_shape(shape: TableShape) -> dict[str, Any]:
    return {"grain": shape.grain, "attributes": shape.attributes}
