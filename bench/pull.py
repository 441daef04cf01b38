"""Pull a million contacts from a CSV file, against pyarrow's bare CSV-to-Parquet of the same file.

The bare conversion keeps the identifiers as they are and looks at nothing. A pull casts and checks each value,
recognises each person, encrypts their identifiers, logs their consents and keeps what is left in the lake.
"""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from bench.measure import Measure, child
from bench.people import COLUMNS, write_csv

NAME = "pull_csv"
ROWS = int(os.environ.get("PASSERELLE_BENCH_ROWS", "1000000"))

_BARE = """
import sys, pyarrow.csv as csv, pyarrow.parquet as pq
with csv.open_csv(sys.argv[1], parse_options=csv.ParseOptions(delimiter=";")) as reader:
    with pq.ParquetWriter(sys.argv[2], reader.schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch)
"""


def run() -> dict[str, Measure]:
    """CPU time of the pull over that of the bare conversion, and the pull's peak of memory."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        workspace = _workspace(folder / "workspace")
        source = workspace / "data" / "contacts.csv"
        write_csv(source, ROWS, agreed_at="2026-02-03T10:12:00Z")
        bare = child([sys.executable, "-c", _BARE, str(source), str(folder / "bare.parquet")], folder)
        program = Path(sys.executable).with_name("passerelle")
        pulled = child([str(program), "pull", "crm", "--workspace", str(workspace), "--json"], folder)
        if f'"rows":{ROWS}'.encode() not in pulled.stdout:
            raise RuntimeError(f"the pull did not bring {ROWS} rows: {pulled.stdout[:500]!r}")
        return {NAME: Measure(pulled.cpu_seconds / bare.cpu_seconds, None, pulled.peak_mib)}


def _workspace(folder: Path) -> Path:
    from passerelle.workflows.scaffold.write import scaffold

    scaffold(folder)
    path = folder / "passerelle.yaml"
    project = yaml.safe_load(path.read_text(encoding="utf-8"))
    crm = project["sources"]["crm"]
    crm["fields"] = {name: role for name, role in crm["fields"].items() if role.get("column", name) in COLUMNS}
    path.write_text(yaml.safe_dump(project, allow_unicode=True, sort_keys=False), encoding="utf-8")
    (folder / "data").mkdir(exist_ok=True)
    return folder
