"""The tables for the user's own BI: every row accounted for, and nobody in them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from passerelle.workflows.accounts import write_accounts
from passerelle.workflows.workspace import Workspace
from tests.end_to_end.conftest import Cli
from tests.end_to_end.shop import ShopWorkspace, member


def table(shop: ShopWorkspace, name: str) -> pa.Table:
    return pq.read_table(shop.folder / "var" / "accounts" / f"{name}.parquet")


def test_every_row_that_was_sent_is_accounted_for(small: ShopWorkspace, cli: Cli) -> None:
    small.twins.fault(call="meta.users.add", partial={"rows": [0, 3]})
    cli(small, "sync")
    audiences = {row["destination"]: row for row in table(small, "audiences").to_pylist()}
    assert audiences.keys() == {"meta", "google"}
    for row in audiences.values():
        assert row["sent"] == row["accepted"] + row["rejected"] + row["pending"] > 0
        assert row["members"] == row["accepted"]
    assert audiences["meta"]["rejected"] == 2
    assert sum(row["rows"] for row in table(small, "rejections").to_pylist()) == 2
    for row in table(small, "batches").to_pylist():
        assert row["rows"] == row["accepted"] + row["rejected"] + row["pending"]
        assert row["settled_at"] >= row["intended_at"]


@pytest.mark.slow
def test_an_owed_removal_stands_there_with_its_cause_and_deadline(synced: ShopWorkspace, cli: Cli) -> None:
    assert table(synced, "removals").num_rows == 0
    with_email = synced.folder / "who.txt"
    first = (synced.folder / "data" / "contacts.csv").read_text().splitlines()
    emails = [line.split(";")[4] for line in first[1:]]
    for email in emails[:12]:
        with_email.write_text(email + "\n")
        cli(synced, "consent", "withdraw", "--file", str(with_email))
    synced.twins.fault(call="meta.users.remove", graph={"code": 2, "transient": True}, times=0)
    synced.twins.fault(call="data_manager.remove", grpc={"code": "UNAVAILABLE"}, times=0)
    cli(synced, "sync", "--removals-only")
    owed = table(synced, "removals").to_pylist()
    assert sum(row["people"] for row in owed) == sum(
        row["removals_owed"] for row in table(synced, "audiences").to_pylist()
    )
    assert {row["cause"] for row in owed} == {"consent_withdrawn"}
    assert all(
        (row["deadline"] - row["queued_at"]).total_seconds() == 72 * 3600 and row["state"] == "ok" for row in owed
    )


def test_the_tables_name_nobody(synced: ShopWorkspace) -> None:
    files = sorted(path.name for path in Path(synced.folder / "var" / "accounts").iterdir())
    assert files == ["audiences.parquet", "batches.parquet", "rejections.parquet", "removals.parquet"]
    columns = {column for file in files for column in table(synced, file.removesuffix(".parquet")).column_names}
    assert not columns & {"subject_id", "subject_ref", "sent_keys"}


def test_status_says_what_became_of_every_row_and_writes_the_tables_anew(small: ShopWorkspace, cli: Cli) -> None:
    small.twins.fault(call="meta.users.add", partial={"rows": [0, 3]})
    small.twins.clock(polls=3)
    cli(small, "sync", "--wait", "0")
    before = {row["destination"]: row for row in table(small, "audiences").to_pylist()}
    assert before["google"]["pending"] == before["google"]["sent"] > 0
    for _ in range(4):
        told = cli(small, "status")[1]
    rows = {row["destination"]: row["rows"] for row in told["audiences"]}
    assert all(each["sent"] == each["accepted"] + each["rejected"] + each["pending"] for each in rows.values())
    assert (rows["meta"]["rejected"], rows["google"]["pending"]) == (2, 0)
    written = {row["destination"]: row for row in table(small, "audiences").to_pylist()}
    assert {name: {key: written[name][key] for key in each} for name, each in rows.items()} == rows


def test_an_erasure_writes_the_tables_anew(synced: ShopWorkspace, cli: Cli) -> None:
    before = {row["destination"]: row["members"] for row in table(synced, "audiences").to_pylist()}
    assert cli(synced, "erase", "--subject-ref", member(synced))[0] == 0
    after = {row["destination"]: row["members"] for row in table(synced, "audiences").to_pylist()}
    assert after == {name: count - 1 for name, count in before.items()}


def test_the_newest_batches_are_written_and_all_of_them_are_counted(small: ShopWorkspace, cli: Cli) -> None:
    small.twins.fault(call="meta.users.add", partial={"rows": [0]})
    cli(small, "sync")
    sent = {row["destination"]: row["sent"] for row in table(small, "audiences").to_pylist()}
    cli(small, "consent", "withdraw", "--subject-ref", member(small))
    cli(small, "sync")
    whole = table(small, "batches")
    with Workspace.open(small.folder) as workspace:
        write_accounts(workspace, now=1, most=2)
    assert table(small, "batches").to_pylist() == whole.to_pylist()[-2:]
    assert table(small, "rejections").num_rows == 0
    now = {row["destination"]: row["sent"] for row in table(small, "audiences").to_pylist()}
    assert now == {place: rows + 1 for place, rows in sent.items()}
