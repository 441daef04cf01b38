from collections import Counter
from pathlib import Path

import duckdb
import pytest

from passerelle.segmentation import Dataset, DatasetTable, ModelFile, SegmentFile, evaluate
from passerelle.segmentation.rfm import GRID, NAMES, cells, group
from tests.segmentation.world import MODEL, World, persons, purchase, segment

RETAIL = Path(__file__).parents[2] / "../shared/data/online_retail.parquet"


def test_there_are_eleven_groups_and_every_pair_of_scores_has_one() -> None:
    assert len(NAMES) == 11
    assert {name for row in GRID.values() for name in row} == set(NAMES)
    assert sum(len(cells(name)) for name in NAMES) == 25


def test_fm_is_the_mean_of_frequency_and_money_a_half_rounded_up() -> None:
    assert group(5, 5, 5) == group(5, 4, 3) == "champions"
    assert group(1, 1, 1) == "lost"
    assert group(5, 1, 2) == "potential_loyalists"


def test_every_buyer_is_in_exactly_one_group_and_nobody_else_in_any(world: World) -> None:
    world.people = persons(*range(40))
    world.orders = [purchase(p, 1 + p * 7 % 300 + i, 1_000 * (p % 7 + 1)) for p in range(30) for i in range(1 + p % 5)]
    found = world.run(*(segment(name, {"rfm": name}) for name in NAMES))
    counts = Counter(person for item in found.values() for person in item.subject_ids.to_pylist())
    assert counts == dict.fromkeys(range(30), 1)


def test_groups_agree_with_the_scores(world: World) -> None:
    world.people = persons(*range(25))
    world.orders = [purchase(p, 1 + p, 1_000 + p) for p in range(25) for _ in range(1 + p % 4)]
    scores = [segment(f"{part}{n}", {"trait": f"rfm.{part}", "is": n}) for part in "rfm" for n in range(1, 6)]
    found = world.run(*scores, *(segment(name, {"rfm": name}) for name in NAMES))

    def of(part: str, person: int) -> int:
        return next(n for n in range(1, 6) if person in found[f"{part}{n}"].subject_ids.to_pylist())

    for person in range(25):
        name = group(of("r", person), of("f", person), of("m", person))
        assert person in found[name].subject_ids.to_pylist()


def test_scores_of_equal_people_are_equal(world: World) -> None:
    world.people = persons(*range(10))
    world.orders = [purchase(person, 3) for person in range(10)]
    found = world.run(*(segment(f"f{n}", {"trait": "rfm.f", "is": n}) for n in range(1, 6)))
    assert sorted(item.size for item in found.values()) == [0, 0, 0, 0, 10]


def test_bins_can_be_other_than_five_for_scores_only(world: World) -> None:
    world.people = persons(*range(9))
    world.orders = [purchase(person, 1 + person, 100 * (person + 1)) for person in range(9)]
    world.model = {"rfm": {**MODEL["rfm"], "bins": 3}}
    assert world.members({"trait": "rfm.m", "is": 3}) == {6, 7, 8}
    assert world.members({"trait": "rfm.r", "is": 3}) == {0, 1, 2}


@pytest.mark.skipif(not RETAIL.exists(), reason="the Online Retail data set is not here")
def test_figures_on_real_invoices_agree_with_sql_written_apart(tmp_path: Path) -> None:
    people, events, instant = _retail(tmp_path)
    model = {
        "tables": {
            "customers": {"from": "crm", "grain": "person"},
            "orders": {"from": "orders", "grain": "event", "events": ["purchase"]},
        },
        "traits": {
            "recency_days": {"recency": "purchase"},
            "invoices": {"distinct": "purchase.invoice", "within": "365d"},
            "revenue": {"sum": "purchase.amount", "within": "365d"},
        },
        "rfm": {
            "recency": "recency_days",
            "frequency": "invoices",
            "monetary": "revenue",
            "over": {"trait": "invoices", "at_least": 1},
        },
    }
    columns = {"subject_id": "integer", "event": "string", "at": "timestamp", "invoice": "string", "amount": "money"}
    dataset = Dataset(
        {
            "crm": DatasetTable("crm", "person", {"subject_id": "integer"}, [people]),
            "orders": DatasetTable("orders", "event", columns, [events]),
        }
    )
    names = [f"{part}{n}" for part in "rfm" for n in range(1, 6)]
    files = {
        name: SegmentFile.model_validate({"segment": name, "where": {"trait": f"rfm.{name[0]}", "is": int(name[1])}})
        for name in names
    }
    found = evaluate(names, model=ModelFile.model_validate(model), segments=files, dataset=dataset, as_of=instant)
    by_hand = _scores_by_hand(people, events, instant)
    assert len(by_hand) > 4_000
    for name in names:
        wanted = sorted(row["subject_id"] for row in by_hand if row[name[0]] == int(name[1]))
        assert found[name].subject_ids.to_pylist() == wanted, name


def _retail(folder: Path) -> tuple[Path, Path, int]:
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        names = [row[0].lower() for row in db.execute(f"DESCRIBE SELECT * FROM '{RETAIL}'").fetchall()]  # noqa: S608
        customer = next(name for name in names if "customer" in name)
        invoice = next(name for name in names if name in {"invoiceno", "invoice", "invoice_no"})
        date = next(name for name in names if "date" in name)
        price = next(name for name in names if "price" in name)
        db.execute(
            f"CREATE TABLE e AS SELECT \"{customer}\"::DOUBLE::BIGINT AS subject_id, 'purchase' AS event, "  # noqa: S608
            f'"{date}"::TIMESTAMP AT TIME ZONE \'UTC\' AS "at", "{invoice}"::VARCHAR AS invoice, '
            f'round("quantity" * "{price}" * 100)::BIGINT AS amount FROM \'{RETAIL}\' '
            f'WHERE "{customer}" IS NOT NULL AND "quantity" > 0'
        )
        db.execute(f"COPY e TO '{folder}/events.parquet'")
        db.execute(f"COPY (SELECT DISTINCT subject_id FROM e) TO '{folder}/people.parquet'")  # noqa: S608
        found = db.execute('SELECT epoch_us(max("at")) + 1 FROM e').fetchone()
    assert found is not None
    return folder / "people.parquet", folder / "events.parquet", int(found[0])


def _scores_by_hand(people: Path, events: Path, instant: int) -> list[dict[str, int]]:
    """Quintiles by cume_dist: the discrete quantile is the smallest value whose cume_dist reaches the share."""
    edges = ", ".join(
        f"min({c}) FILTER (cd_{c} >= {q}) AS {c}_{i}"
        for c in ("rec", "freq", "mon")
        for i, q in enumerate((0.2, 0.4, 0.6, 0.8))
    )
    with duckdb.connect() as db:
        sql = f"""
        WITH b AS (
          SELECT subject_id, ({instant} - epoch_us(max("at"))) // 86400000000 AS rec,
                 count(DISTINCT invoice) FILTER (epoch_us("at") >= {instant} - 365 * 86400000000) AS freq,
                 sum(amount) FILTER (epoch_us("at") >= {instant} - 365 * 86400000000) AS mon
          FROM '{events}' SEMI JOIN '{people}' USING (subject_id) GROUP BY subject_id
        ), w AS (SELECT * FROM b WHERE freq >= 1),
        d AS (SELECT *, cume_dist() OVER (ORDER BY rec) AS cd_rec, cume_dist() OVER (ORDER BY freq) AS cd_freq,
                     cume_dist() OVER (ORDER BY mon) AS cd_mon FROM w),
        t AS (SELECT {edges} FROM d)
        SELECT subject_id, 5 - (rec > rec_0)::INT - (rec > rec_1)::INT - (rec > rec_2)::INT - (rec > rec_3)::INT AS r,
               1 + (freq > freq_0)::INT + (freq > freq_1)::INT + (freq > freq_2)::INT + (freq > freq_3)::INT AS f,
               1 + (mon > mon_0)::INT + (mon > mon_1)::INT + (mon > mon_2)::INT + (mon > mon_3)::INT AS m
        FROM w, t"""  # noqa: S608
        rows: list[dict[str, int]] = db.sql(sql).to_arrow_table().to_pylist()
    return rows
