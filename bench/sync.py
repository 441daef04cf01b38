"""The first sync of a million people to both platforms, and the same run again.

The yardstick of the first is the plainest thing that could be done with the same fields: `sha256(v.strip().lower())`
over the twelve that Meta takes and the four that Google takes. The second is measured against the first. Both ratios
are of CPU time: of the `passerelle sync` process and all it started, on however many cores, against the CPU time of the
loop. The elapsed time is printed beside it, and says little on a machine that others use. The twins count people and
keep no keys.
"""

import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.measure import Child, Measure, child
from bench.people import contacts, write_csv
from passerelle.connectors.twins.handle import Twins, subprocess_twins
from passerelle.workflows.scaffold.write import scaffold

PEOPLE = int(os.environ.get("BENCH_PEOPLE", "1000000"))
FIRST_GOAL = 2.5
AGAIN_GOAL = 0.02
META_FIELDS = 12
GOOGLE_FIELDS = 4

_SEGMENT = """segment: everybody
where: {trait: loyalty, in: [or, argent, bronze]}
"""
_AUDIENCE = """audience: everybody
segment: everybody
purpose: ad_list_matching
destinations: {meta: {}, google: {}}
"""
_MODEL = """version: 1
timezone: Europe/Paris
tables:
  customers: {from: crm, grain: person}
traits:
  loyalty: {column: customers.fidelite}
"""


def run() -> dict[str, Measure]:
    """Pull, sync, sync again."""
    folder = Path(tempfile.mkdtemp(prefix="passerelle-bench-"))
    try:
        with subprocess_twins("--count-only") as twins:
            _workspace(folder, twins)
            pulled = _passerelle(folder, "pull")
            _say("pulled", pulled)
            first = _passerelle(folder, "sync", "--wait", "600")
            _say("synced", first)
            again = _passerelle(folder, "sync")
            _say("synced again", again)
            _check(first, again)
    finally:
        shutil.rmtree(folder)
    yardstick = _plain_loop()
    print(f"  the plain loop: {yardstick:.1f} s of CPU", file=sys.stderr, flush=True)
    return {
        "first_sync": Measure(first.cpu_seconds / yardstick, FIRST_GOAL, first.peak_mib),
        "same_sync_again": Measure(again.cpu_seconds / first.cpu_seconds, AGAIN_GOAL, again.peak_mib),
    }


def _workspace(folder: Path, twins: Twins) -> None:
    made = folder / "shop"
    scaffold(made)
    for name in ("segments", "audiences"):
        shutil.rmtree(made / name)
        (made / name).mkdir()
    (made / "segments" / "everybody.yaml").write_text(_SEGMENT)
    (made / "audiences" / "everybody.yaml").write_text(_AUDIENCE)
    (made / "quality.yaml").unlink()  # it speaks of orders and events, of which there are none here
    (made / "model.yaml").write_text(_MODEL)
    text = (made / "passerelle.yaml").read_text()
    start, end = text.index("  orders:"), text.index("# --- Where audiences go")
    text = text[:start] + text[end:]
    for column in ("civilite", "annee", "mois", "jour", "newsletter", "newsletter_at"):
        text = _without(text, column)
    text = text.replace("http://127.0.0.1:8701", twins.meta).replace("127.0.0.1:8702", twins.google["data_manager"])
    (made / "passerelle.yaml").write_text(text.replace("127.0.0.1:8703", twins.google["google_ads"]))
    agreed = (datetime.now(UTC) - timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    write_csv(made / "data" / "contacts.csv", PEOPLE, agreed_at=agreed)


def _without(text: str, column: str) -> str:
    """The settings without one field: its line, and what is indented below it."""
    lines, kept, skipping = text.splitlines(), [], False
    for line in lines:
        if line.startswith(f"      {column}:"):
            skipping = True
        elif skipping and not line.startswith("        "):
            skipping = False
        if not skipping:
            kept.append(line)
    return "\n".join(kept) + "\n"


def _passerelle(folder: Path, *words: str) -> Child:
    return child([sys.executable, "-m", "passerelle.workflows.cli.main", *words, "--json", "--quiet"], folder / "shop")


def _check(first: Child, again: Child) -> None:
    """A benchmark of a sync that sent nobody would be quick."""
    sent = [row["accepted"] for row in json.loads(first.stdout)["audiences"]]
    resent = [row["sent"]["adds"] for row in json.loads(again.stdout)["audiences"]]
    if sent != [PEOPLE, PEOPLE] or resent != [0, 0]:
        raise RuntimeError(f"accepted {sent}, sent again {resent}")


def _plain_loop() -> float:  # seconds for PEOPLE people
    table = contacts(min(PEOPLE, 200_000), agreed_at="2026-10-01T00:00:00Z")
    names = ("customer_id", "prenom", "nom", "email", "mobile", "code_postal", "ville", "pays", "fidelite")
    columns = [table[name].to_pylist() for name in names]
    fields = [columns[place % len(columns)] for place in range(META_FIELDS + GOOGLE_FIELDS)]
    start = time.process_time()
    for values in fields:
        for value in values:
            hashlib.sha256(value.strip().lower().encode()).hexdigest()
    return float((time.process_time() - start) * PEOPLE / table.num_rows)


def _say(what: str, took: Child) -> None:
    times = f"{took.cpu_seconds:.1f} s of CPU, {took.elapsed_seconds:.1f} s elapsed"
    print(f"  {what}: {times}, {took.peak_mib:.0f} MiB", file=sys.stderr, flush=True)
