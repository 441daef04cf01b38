"""The main job on half a million real invoice lines; RFM agrees with SQL written apart.

Consents and identifiers are generated for the retailer's customers; the lines are theirs.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from passerelle.connectors.twins.handle import in_process
from passerelle.workflows.demo.shop import write_contacts
from tests.end_to_end.shop import ShopWorkspace, made
from tests.end_to_end.test_mixed_consent import agreed, contacts

LINES = Path(__file__).parents[3] / "shared" / "data" / "online_retail.parquet"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("online_retail"),
    pytest.mark.skipif(not LINES.exists(), reason="the Online Retail data is not beside this checkout"),
]

ORDERS = """  orders:
    kind: files
    path: data/lines.parquet
    grain: event
    timezone: UTC
    fields:
      line: {key: true}
      customer: {identifier: external_id}
      kind: {event_name: true}
      at: {event_time: true}
      invoice: {attribute: string}
      amount: {attribute: money}
"""
MODEL = """version: 1
timezone: Europe/London
tables:
  customers: {from: crm, grain: person}
  orders: {from: orders, grain: event, events: [purchase, cancellation]}
traits:
  recency_days: {recency: purchase}
  invoices: {distinct: purchase.invoice}
  revenue: {sum: purchase.amount}
rfm:
  recency: recency_days
  frequency: invoices
  monetary: revenue
  over: {trait: invoices, at_least: 1}
"""
SEGMENT = """segment: best
where:
  all:
    - {trait: rfm.r, at_least: 4}
    - {trait: rfm.f, at_least: 4}
    - {trait: rfm.m, at_least: 4}
"""
AUDIENCE = """audience: best
segment: best
purpose: ad_list_matching
destinations: {meta: {}, google: {}}
"""
WHAT_A_SHOP_TAKES = "at_least: 0, at_most: 100000"
PREPARE = """COPY (
  SELECT row_number() OVER () AS line, CAST(CustomerID AS VARCHAR) AS customer, InvoiceNo AS invoice,
         InvoiceDate AS "at", round(Quantity * UnitPrice, 2) AS amount,
         CASE WHEN InvoiceNo LIKE 'C%' THEN 'cancellation' ELSE 'purchase' END AS kind
  FROM read_parquet($lines)) TO '{target}' (FORMAT parquet)"""

# Scores by how many of the 20, 40, 60 and 80 % thresholds lie strictly below; a threshold is the smallest value that
# at least such a share of customers does not exceed. Of recency, a low value is a good one.
BY_HAND = """WITH people AS (
  SELECT CustomerID AS id, ($t - CAST(epoch(max(InvoiceDate)) AS BIGINT)) // 86400 AS days,
         count(DISTINCT InvoiceNo) AS f, sum(CAST(round(round(Quantity * UnitPrice, 2) * 100) AS BIGINT)) AS m
  FROM read_parquet($lines) WHERE CustomerID IS NOT NULL AND InvoiceNo NOT LIKE 'C%' GROUP BY 1),
shares AS (SELECT *, cume_dist() OVER (ORDER BY f) AS cf, cume_dist() OVER (ORDER BY m) AS cm,
                  cume_dist() OVER (ORDER BY days) AS cr FROM people),
cuts AS (SELECT q, min(f) FILTER (cf >= q) AS tf, min(m) FILTER (cm >= q) AS tm, min(days) FILTER (cr >= q) AS tr
         FROM shares, (VALUES (0.2), (0.4), (0.6), (0.8)) AS t(q) GROUP BY q)
SELECT id FROM people, cuts GROUP BY id, f, m, days
HAVING 1 + count(*) FILTER (tf < f) >= 4
   AND 1 + count(*) FILTER (tm < m) >= 4
   AND 5 - count(*) FILTER (tr < days) >= 4"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopWorkspace]:
    with in_process() as twins:
        shop = made(tmp_path_factory.mktemp("retail") / "shop", twins, people=2_000)
        _replace(shop)
        yield shop


def _replace(shop: ShopWorkspace) -> None:
    """Put the retailer in the place of the French shop."""
    folder = shop.folder
    with duckdb.connect() as db:
        db.execute(PREPARE.format(target=folder / "data" / "lines.parquet"), {"lines": str(LINES)})
        found = db.execute(
            "SELECT DISTINCT CustomerID FROM read_parquet($lines) WHERE CustomerID IS NOT NULL ORDER BY 1",
            {"lines": str(LINES)},
        )
        customers = [str(number) for (number,) in found.fetchall()]
    chance = random.Random(7)  # noqa: S311 - invented people
    write_contacts(folder / "data" / "contacts.csv", customers, chance=chance, at=datetime.now(UTC))
    text = (folder / "passerelle.yaml").read_text()
    start, end = text.index("  orders:"), text.index("# --- Where audiences go")
    (folder / "passerelle.yaml").write_text(text[:start] + ORDERS + "\n" + text[end:])
    (folder / "model.yaml").write_text(MODEL)
    quality = (folder / "quality.yaml").read_text()
    assert WHAT_A_SHOP_TAKES in quality  # here, what was cancelled is below zero, and one order is above
    (folder / "quality.yaml").write_text(quality.replace(WHAT_A_SHOP_TAKES, "at_least: -1000000, at_most: 1000000"))
    for kind, body in (("segments", SEGMENT), ("audiences", AUDIENCE)):
        for file in (folder / kind).glob("*.yaml"):
            file.unlink()
        (folder / kind / "best.yaml").write_text(body)


def by_hand(as_of: str) -> set[str]:
    instant = int(datetime.fromisoformat(as_of).timestamp())
    with duckdb.connect() as db:
        found = db.execute(BY_HAND, {"lines": str(LINES), "t": instant})
        return {str(number) for (number,) in found.fetchall()}


def test_the_main_job_on_real_invoice_lines(shop: ShopWorkspace) -> None:
    pulled = shop.here("pull")
    orders = next(source for source in pulled["sources"] if source["source"] == "orders")
    assert orders["rows"] == 541_909
    preview = shop.here("segment", "preview", "best")
    best = by_hand(preview["as_of"])
    assert preview["size"] == len(best) > 500

    shop.here("sync")
    rows = contacts(shop)
    willing = {row["customer_id"] for row in rows if agreed(row)} & best
    (audience,) = shop.twins.audiences("meta").values()
    keys = {key.partition(":")[2] for person in shop.twins.members(audience) for key in person}
    # A person who was entered twice goes by the newer number: D and their place in the list.
    customers = [row["customer_id"] for row in rows if row["customer_id"].isdigit()]
    there = {customers[int(key[1:])] if key[0] == "D" else key for key in keys if key[0] == "D" or key in customers}
    assert there == willing
