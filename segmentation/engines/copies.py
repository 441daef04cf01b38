"""Copies of the lake's tables where an engine can't read the files: what they are called, and their rows."""

import hashlib
import json
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from passerelle.privacy.errors import IntegrityError
from passerelle.segmentation.dataset import DatasetTable
from passerelle.segmentation.engines.session import schema_of

_ROWS = 131_072
COPY_NAME = r"^lake_[0-9a-f]{32}$"
"""What copies are called: nothing else is ever dropped."""


def copy_name(table: DatasetTable) -> str:
    """`lake_` and a digest of table, columns and files. The lake never changes a file, and never uses a name again."""
    if table.named:
        return _digest(table, sorted(table.named))
    try:
        files = [(file.name, stat.st_size, stat.st_mtime_ns) for file in table.files for stat in [file.stat()]]
    except OSError:
        files = []
    if len(files) < len(table.files):
        raise _unreadable()
    return _digest(table, sorted(files))


def _digest(table: DatasetTable, content: object) -> str:
    written = json.dumps([table.name, list(table.columns.items()), content])
    return f"lake_{hashlib.sha256(written.encode()).hexdigest()[:32]}"


def batches(table: DatasetTable) -> Iterator[pa.RecordBatch]:
    """The table's rows in its columns' types, some at a time."""
    schema = schema_of(table)
    for file in table.files:
        try:
            with pq.ParquetFile(file) as opened:
                for batch in opened.iter_batches(batch_size=_ROWS, columns=schema.names):
                    yield pa.RecordBatch.from_arrays(
                        [batch[name].cast(schema.field(name).type) for name in schema.names], schema=schema
                    )
        except (OSError, pa.ArrowInvalid):
            failed = True
        else:
            failed = False
        if failed:
            raise _unreadable() from None


def _unreadable() -> IntegrityError:
    return IntegrityError("A file of the lake cannot be read.", advice="Pull again; if it stays so, check the disk.")
