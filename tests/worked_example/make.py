"""The worked example: a workspace over the Online Retail lines, each command of its page run in it, and its pictures.

The lines are the retailer's. Contacts and consents are invented, by a fixed seed: the data names nobody. All lines are
moved by one span of time, so that the data's last full day ended when the clock last struck: a shop that is alive. What
a command prints is then the same whenever it is run, but for times, names of runs and digests, which are left out.
"""

import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from passerelle.connectors.twins.handle import Twins
from passerelle.workflows.demo.shop import write_contacts
from tests.end_to_end.shop import ShopWorkspace, made

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "online-retail"
PAGE = FOLDER / "README.md"
DATA = ROOT.parent / "shared" / "data" / "online_retail.parquet"

_END = datetime(2011, 12, 10, tzinfo=UTC)
_SEED = 7
_BLOCK = re.compile(r"(?<=^```console\n)\$ passerelle (?P<words>[^\n]*)\n.*?(?=^```)", re.DOTALL | re.MULTILINE)
_PICTURES = {
    "silhouette": ("shoppers.html", "Silhouette: the greatest is best"),
    "elbow": ("shoppers.html", "Elbow: where more groups stop making them tighter"),
    "gap": ("shoppers.html", "Gap statistic: against people without groups"),
    "plane": ("shoppers.html", "Groups on the plane of the two main directions"),
    "conditions": ("best.html", "How many people are left after each condition"),
    "consent": ("best.html", "How far consent reaches at meta for ad list matching"),
}
"""By file, the page that a picture is taken from, and its title there."""
_VARIES = (
    (re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\dZ| UTC)"), "2011-12-10 00:00 UTC"),
    (re.compile(r"\b\d{8}T\d{6}-[0-9a-f]{8}\b"), "RUN"),
    (re.compile(r"\b(?:[0-9a-f]{64}|(?<=Plan )[0-9a-f]{12})\b"), "…"),
    (re.compile(r" +$", re.MULTILINE), ""),
    (re.compile(r" +(?:Seconds|\d+\.\d)$", re.MULTILINE), ""),
    (re.compile(r"[\d,]+(?= bytes\.)"), "…"),
)
"""What another run prints differently: times, runs, digests, how long it took."""
_COPY = """COPY (
  SELECT row_number() OVER () AS line, CAST(CustomerID AS VARCHAR) AS customer, InvoiceNo AS invoice,
         InvoiceDate + to_seconds({moved}) AS "at", round(Quantity * UnitPrice, 2) AS amount,
         CASE WHEN InvoiceNo LIKE 'C%' THEN 'cancellation' ELSE 'purchase' END AS kind
  FROM read_parquet($lines)) TO '{target}' (FORMAT parquet)"""
_CUSTOMERS = "SELECT DISTINCT CustomerID FROM read_parquet($lines) WHERE CustomerID IS NOT NULL ORDER BY 1"


def workspace(folder: Path, twins: Twins, *, data: Path = DATA) -> ShopWorkspace:
    """The example's workspace in `folder`, from nothing but what `init` writes, docs/online-retail and the lines."""
    shop = made(folder, twins, people=200)
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    moved = (hour - _END).total_seconds()
    with duckdb.connect() as db:
        db.execute(_COPY.format(moved=moved, target=folder / "data" / "lines.parquet"), {"lines": str(data)})
        customers = [str(number) for (number,) in db.execute(_CUSTOMERS, {"lines": str(data)}).fetchall()]
    chance = random.Random(_SEED)  # noqa: S311 - invented people
    write_contacts(folder / "data" / "contacts.csv", customers, chance=chance, at=hour)
    text = (folder / "passerelle.yaml").read_text()
    start, end = text.index("  orders:"), text.index("# --- Where audiences go")
    source = (FOLDER / "workspace" / "source.yaml").read_text()
    (folder / "passerelle.yaml").write_text(text[:start] + source + "\n" + text[end:])
    for kind in ("segments", "audiences"):
        shutil.rmtree(folder / kind)
    shutil.copytree(FOLDER / "workspace", folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("source.yaml"))
    return shop


def told(shop: ShopWorkspace, page: str) -> str:
    """The page with what each of its commands prints, run one after the other."""
    return _BLOCK.sub(lambda block: f"$ passerelle {block['words']}\n{_run(shop, block['words'])}", page)


def _run(shop: ShopWorkspace, words: str) -> str:
    environment = {**os.environ, "COLUMNS": "110", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-m", "passerelle.workflows.cli.main", *words.split(), "--no-json", "--quiet"]
    done = subprocess.run(command, cwd=shop.folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    said = done.stdout
    for pattern, instead in _VARIES:
        said = pattern.sub(instead, said)
    return said.strip("\n") + "\n"


def pictures(shop: ShopWorkspace) -> Mapping[str, str]:
    """By file name, each picture of the page, which its commands have drawn."""
    found = {"rfm": (shop.folder / "rfm.svg").read_text()}
    for name, (page, title) in _PICTURES.items():
        found[name] = _standing_alone(_drawn(shop.folder / page, title), (shop.folder / page).read_text())
    return {f"{name}.svg": text.strip() + "\n" for name, text in found.items()}


def _drawn(page: Path, title: str) -> str:
    every: Iterator[str] = (match[0] for match in re.finditer(r"<svg .*?</svg>", page.read_text(), re.DOTALL))
    return next(each for each in every if f"<title>{title}" in each)


def _standing_alone(picture: str, page: str) -> str:
    """A picture with the rules of its page that it needs, on white: a file is shown on whatever lies behind."""
    css = page[page.index("<style") : page.index("</style>")].partition(">")[2]
    names = dict(re.findall(r"(--\w+): (#\w+);", css))
    rules = "".join(re.findall(r"(?<=svg )\.?\w+ \{[^}]*\}", css))
    plain = re.sub(r"var\((--\w+)\)", lambda name: names[name[1]], rules)
    head, _, rest = picture.partition(">")
    return f'{head}><style>{plain}</style><rect width="100%" height="100%" fill="#fff"/>{rest}'
