"""Runs bqemulator in its own environment: `bigquery_server.py REST_PORT GRPC_PORT`, until it is ended.

Two things are made good that it lacks beside BigQuery: its DuckDB finds the extension that stands beside it, and what
a query answered can be read through the Storage Read API, as any table of results can.
"""

import re
import sys
from typing import Any

import bqemulator.server
import duckdb_extensions
from bqemulator.cli import main
from bqemulator.jobs.executor import JOB_RESULTS
from bqemulator.storage.engine import DuckDBEngine

_ANSWER = re.compile(r'SELECT .* FROM "[^"]*_bqemu_anonymous"\."anon([0-9a-f]{32})"')


class Answering(DuckDBEngine):  # type: ignore[misc]
    """The emulator's database, and the answers that it keeps beside it."""

    def fetch_arrow(self, sql: str, *arguments: Any, **more: Any) -> Any:  # noqa: ANN401 - as it stands there
        found = _ANSWER.match(sql)
        if found is None:
            return super().fetch_arrow(sql, *arguments, **more)
        code = found[1]
        return JOB_RESULTS["-".join((code[:8], code[8:12], code[12:16], code[16:20], code[20:]))]


if __name__ == "__main__":
    duckdb_extensions.import_extension("spatial")
    bqemulator.server.DuckDBEngine = Answering
    _, rest, grpc = sys.argv
    main(["start", "--rest-port", rest, "--grpc-port", grpc, "--log-level", "critical"])
