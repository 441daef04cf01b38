"""`make bench`: run the benchmarks, print a table, write bench/results.json; what was not run stays as it was."""

import argparse
import importlib
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.measure import Measure

# name -> module. A module has `run()`, which yields a Measure by name.
BENCHMARKS = {
    "normalize_hash": "bench.normalize",
    "pull_csv": "bench.pull",
    "rest_records": "bench.rest",
    "sql_rows": "bench.rest",
    "resolve_consent": "bench.resolve",
    "read_consent_log": "bench.resolve",
    "segments_worst": "bench.segments",
    "rfm_clusters": "bench.clusters",
    "spark_worst": "bench.spark",
    "plan_diff": "bench.plan",
    "first_sync": "bench.sync",
    "same_sync_again": "bench.sync",
    "member_proofs": "bench.proof",
    "verify_log": "bench.proof",
    "one_proof": "bench.proof",
}
RESULTS = Path(__file__).parent / "results.json"


def main() -> int:
    """Run all benchmarks, or one."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--only", choices=sorted(BENCHMARKS), help="run the benchmark that yields this name")
    only = parser.parse_args().only
    results: dict[str, Measure] = {}
    for module in dict.fromkeys([BENCHMARKS[only]] if only else BENCHMARKS.values()):
        print(f"{module} …", file=sys.stderr, flush=True)
        results.update(importlib.import_module(module).run())
    show(results)
    kept = {
        name: {"ratio": round(measure.ratio, 3), "goal": measure.goal, "peak_mib": round(measure.peak_mib)}
        for name, measure in results.items()
    }
    before = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.write_text(json.dumps(before | kept, indent=1) + "\n")
    return 0


def show(results: dict[str, Measure]) -> None:
    """Print the table."""
    table = Table("Benchmark", "Ratio", "Goal", "Peak MiB")
    for name, measure in results.items():
        goal = "" if measure.goal is None else f"{measure.goal:g}"
        mark = "" if measure.goal is None or measure.ratio <= measure.goal else " (missed)"
        table.add_row(name, f"{measure.ratio:.3f}", goal + mark, f"{measure.peak_mib:,.0f}")
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
