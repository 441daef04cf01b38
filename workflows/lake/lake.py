"""The lake's folder: one folder per table, each with its manifest."""

import secrets
import shutil
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from passerelle.connectors.contract.records import ARROW
from passerelle.connectors.contract.roles import Grain, Kind
from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.alone import LOCK, alone
from passerelle.workflows.lake.manifest import (
    NAME,
    Manifest,
    Shown,
    Staged,
    TableShape,
    sync_file,
    sync_folder,
)
from passerelle.workflows.lake.merging import Settled, at_work_on, keys_of, lookup, merge, needs_merge, without

Fault = Callable[[str], None]
"""Called with the name of each step as it is done: a test dies there."""


@dataclass(frozen=True, slots=True)
class LakeTable:
    """What a reader needs: column types by name (`Kind` names), and Parquet files (one at least) to scan as they are.

    Person tables have one row per `subject_id`. Columns that begin with `_` are the lake's own.
    """

    name: str
    grain: Grain
    columns: dict[str, str]
    files: list[Path]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A table as it came. `through`: readers see it. `quality`: what `let_through` or `remark` last kept."""

    table: LakeTable
    through: bool
    quality: Mapping[str, Any]
    files: tuple[str, ...]


_FIXED = {"subject_id", "event", "at"}


def row_schema(shape: TableShape) -> pa.Schema:
    """The Arrow schema of a table's rows: the lake's own columns, then what readers see."""
    own = [("_key", pa.binary()), ("_version", pa.int64())]
    return pa.schema([*own, *((name, ARROW[Kind(kind)]) for name, kind in shape.columns.items())])


DELETED = pa.schema([("_key", pa.binary()), ("_version", pa.int64())])


class Lake:
    """The pseudonymous tables under `folder`. Whoever changes a table waits for others that do, in whatever process.

    A pull follows people who turned out to be one into every table, so it changes those of other sources, too.
    """

    def __init__(
        self,
        folder: Path,
        *,
        memory: str = "1GB",
        fault: Fault | None = None,
        checked: Container[str] = (),
    ) -> None:
        """Readers see what comes into tables of `checked` only after `let_through`."""
        self._folder = folder
        self._memory = memory
        self._checked = checked
        self._fault: Fault = fault or (lambda _step: None)

    def watched(self, fault: Fault) -> "Lake":
        """The same lake, that tells `fault` of each step."""
        return Lake(self._folder, memory=self._memory, fault=fault, checked=self._checked)

    def tables(self) -> dict[str, LakeTable]:
        """Every table, by name, as it was when this was called; its files stay through the next `settle`."""
        found = ((name, self._seen(name, manifest)) for name, manifest in self._manifests())
        return {name: self._table(name, seen) for name, seen in found if seen.files or name not in self._checked}

    def waiting(self, name: str) -> "Waiting | None":
        """A table as it came, whoever may see it; None where it is not there."""
        manifest = Manifest.read(self._folder / name)
        if manifest is None or not manifest.files:
            return None
        through = manifest.checked == manifest.files
        return Waiting(self._table(name, manifest.seen), through, manifest.quality, manifest.files)

    def let_through(
        self,
        waiting: "Waiting",
        quality: Mapping[str, Any],
        repaired: Callable[[Path], None] | None = None,
        columns: Mapping[str, str] | None = None,
    ) -> bool:
        """Have readers see the table as it was looked at; `quality` is kept for the next time.

        `repaired` writes the Parquet file that they see in its stead, with `columns`. False where the table has changed
        since it was looked at: then nothing is done.
        """
        with alone(self._folder / waiting.table.name):
            return self._let_through(waiting, quality, repaired, columns)

    def _let_through(
        self,
        waiting: "Waiting",
        quality: Mapping[str, Any],
        repaired: Callable[[Path], None] | None,
        columns: Mapping[str, str] | None,
    ) -> bool:
        name = waiting.table.name
        folder = self._folder / name
        shown = None
        if repaired is not None:
            made = f"shown-{secrets.token_hex(8)}.parquet"
            with at_work_on(name):
                repaired(folder / made)
            sync_file(folder / made)
            sync_folder(folder)
            own = {column: kind for column, kind in (columns or {}).items() if column not in _FIXED}
            shown = Shown((made,), TableShape(waiting.table.grain, own))
        manifest = Manifest.read(folder)
        if manifest is None or manifest.files != waiting.files:
            return False
        before = manifest.named()
        now = replace(manifest, shown=shown, checked=manifest.files, quality=dict(quality), retired=())
        now = replace(now, retired=tuple(sorted(before - now.named() - set(manifest.retired))))
        now.write(folder)
        self._fault("let through")
        _sweep(folder, now)
        return True

    def remark(self, name: str, quality: Mapping[str, Any]) -> None:
        """Keep what is known of a table that is not let through; no table, no remark."""
        if not self.has(name):
            return
        with alone(self._folder / name):
            manifest = Manifest.read(self._folder / name)
            if manifest is not None:
                replace(manifest, quality=dict(quality)).write(self._folder / name)

    def names(self) -> list[str]:
        """Every table's name, be its files as they may."""
        return [name for name, _ in self._manifests()]

    def has(self, name: str) -> bool:
        """Whether there is such a table, be it empty."""
        return Manifest.read(self._folder / name) is not None

    def declare(self, name: str, shape: TableShape) -> None:
        """Have the table, empty if it is new, so that segments can speak of it before anything is in it."""
        folder = self._folder / name
        with alone(folder):
            if Manifest.read(folder) is None:
                Manifest(shape, files=(self._write(folder, "rows", row_schema(shape).empty_table()),)).write(folder)

    def stage(self, name: str, shape: TableShape, rows: pa.Table, deleted: pa.Table) -> None:
        """Put a page beside the table, durably. Readers see it after `settle`.

        `rows` has `row_schema(shape)`; `deleted` has `_key` and `_version`. `_key` is 16 bytes; `_version` grows when a
        record changes, null where nothing tells; then what is staged later is newer.
        """
        with alone(self._folder / name):
            self._stage(name, shape, rows, deleted)

    def _stage(self, name: str, shape: TableShape, rows: pa.Table, deleted: pa.Table) -> None:
        folder = self._folder / name
        manifest = Manifest.read(folder) or Manifest(shape)
        if manifest.shape != shape and manifest.staged:
            self._settle(name)
            manifest = Manifest.read(folder) or Manifest(shape)
        manifest = manifest.reshaped(shape)
        sequence = manifest.sequence + 1
        page = Staged(
            sequence,
            self._write(folder, "rows", rows.cast(row_schema(shape))) if rows.num_rows else None,
            self._write(folder, "deleted", deleted.cast(DELETED)) if deleted.num_rows else None,
        )
        self._fault("page written")
        replace(manifest, sequence=sequence, staged=(*manifest.staged, page)).write(folder)
        self._fault("page staged")

    def settle(self, name: str, merges: pa.Table | None = None) -> None:
        """Make what is staged part of the table, and follow `merges` (subject_id, merged_into) of persons."""
        if not self.has(name):
            return
        with alone(self._folder / name):
            self._settle(name, merges)

    def _settle(self, name: str, merges: pa.Table | None = None) -> None:
        folder = self._folder / name
        manifest = Manifest.read(folder)
        if manifest is None:
            return
        scratch = folder / ".tmp"
        with at_work_on(name):
            if not needs_merge(folder, manifest, merges):
                return
            shutil.rmtree(scratch, ignore_errors=True)
            settled = merge(folder, manifest, merges, memory=self._memory, scratch=scratch)
        self._fault("merged")
        shown = (manifest.shown or manifest.seen) if name in self._checked else None
        self._adopt(folder, manifest, settled, shown=shown)
        shutil.rmtree(scratch, ignore_errors=True)
        self._fault("settled")

    def people(self, name: str, keys: pa.Array) -> pa.Table:
        """Who is known by these keys in a person table, staged rows included: `_key`, `subject_id`, distinct."""
        manifest = Manifest.read(self._folder / name)
        if manifest is None:
            return pa.table({"_key": pa.array([], pa.binary()), "subject_id": pa.array([], pa.int64())})
        with at_work_on(name):
            return lookup(self._folder / name, manifest, keys)

    def keys(self, subject_ids: pa.Array, name: str) -> pa.Array:
        """The keys of every record of these people in one table, staged or not; distinct. None, if it is not there."""
        manifest = Manifest.read(self._folder / name)
        if manifest is None:
            return pa.array([], pa.binary())
        with at_work_on(name):
            return keys_of(self._folder / name, manifest, subject_ids)

    def forget(self, subject_ids: pa.Array, keys: pa.Array | None = None, *, only: str | None = None) -> int:
        """Take people out of every table, or of `only` one, files and all, at once. Returns how many held them.

        With `keys`, it is forgotten that records with these were deleted, too.
        """
        gone = pa.array([], pa.binary()) if keys is None else keys
        names = self.names() if only is None else [only]
        found = 0
        for name in names:
            if self.has(name):
                with alone(self._folder / name):
                    found += self._forget(name, subject_ids, gone)
        return found

    def _forget(self, name: str, subject_ids: pa.Array, keys: pa.Array) -> int:
        folder = self._folder / name
        self._settle(name)
        manifest = Manifest.read(folder)
        if manifest is None:
            return 0
        scratch = folder / ".tmp"
        with at_work_on(name):
            settled = without(folder, manifest, subject_ids, keys, memory=self._memory, scratch=scratch)
        if settled is None:
            if manifest.retired:  # they may hold people who are gone from the files that took their place
                replace(manifest, retired=()).write(folder)
                _sweep(folder, replace(manifest, retired=()))
            return 0
        shown = replace(manifest.shown, files=settled.shown) if manifest.shown is not None else None
        self._adopt(folder, manifest, settled, shown=shown, through=manifest.checked == manifest.files)
        final = Manifest.read(folder)
        if final is not None:
            replace(final, retired=()).write(folder)
            _sweep(folder, replace(final, retired=()))
        shutil.rmtree(scratch, ignore_errors=True)
        return 1

    def _adopt(
        self, folder: Path, manifest: Manifest, settled: Settled, *, shown: Shown | None, through: bool = False
    ) -> None:
        for made in settled.made:
            sync_file(folder / made)
        sync_folder(folder)
        files = settled.files or (self._write(folder, "rows", row_schema(manifest.shape).empty_table()),)
        before = manifest.named() - set(manifest.retired)
        now = replace(
            manifest, files=files, shadowed=settled.shadowed, deleted=settled.deleted, staged=(), written=None
        )
        now = replace(now, shown=shown, checked=files if through else now.checked)
        now = replace(now, retired=tuple(sorted(before - now.named())))
        now.write(folder)
        self._fault("manifest renamed")
        _sweep(folder, now)

    def _manifests(self) -> Iterator[tuple[str, Manifest]]:
        if not self._folder.is_dir():
            return
        for folder in sorted(self._folder.iterdir()):
            manifest = Manifest.read(folder) if folder.is_dir() else None
            if manifest is not None:
                yield folder.name, manifest

    def _seen(self, name: str, manifest: Manifest) -> Shown:
        return manifest.shown if manifest.shown is not None and name in self._checked else manifest.seen

    def _table(self, name: str, seen: Shown) -> LakeTable:
        shape = seen.shape
        files = [self._folder / name / file for file in seen.files]
        missing = next((file for file in files if not file.exists()), None)
        if missing is not None:
            raise DefinitionError(
                f"The lake's file {name}/{missing.name} is gone.", advice=f"Run `passerelle pull {name} --full`."
            )
        return LakeTable(name, shape.grain, shape.columns, files)

    @staticmethod
    def _write(folder: Path, kind: str, rows: pa.Table) -> str:
        name = f"{kind}-{secrets.token_hex(8)}.parquet"
        words = [field.name for field in rows.schema if pa.types.is_string(field.type)]
        pq.write_table(
            rows, folder / name, compression="zstd", use_dictionary=words, row_group_size=131_072, write_statistics=True
        )
        sync_file(folder / name)
        return name


def _sweep(folder: Path, manifest: Manifest) -> None:
    """Remove what no manifest names: leavings of a run that died, and files two generations old."""
    kept = {*manifest.named(), NAME, LOCK}
    for path in folder.iterdir():
        if path.is_file() and path.name not in kept:
            path.unlink(missing_ok=True)
