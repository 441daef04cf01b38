"""People are erased through the command line: platforms first, keys last, and nothing of them stays."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from passerelle.privacy.pseudonyms import Pseudonyms
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Field
from passerelle.workflows.pull.digest import digests
from passerelle.workflows.workspace import Workspace
from tests.end_to_end.conftest import Cli
from tests.end_to_end.shop import ShopWorkspace
from tests.waiting import until

REMOVALS = ["meta.users.remove", "data_manager.remove"]


def ask(shop: ShopWorkspace, statement: str) -> list[tuple[Any, ...]]:
    with Workspace.open(shop.folder) as workspace, workspace.store().read() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(statement)]


def members(shop: ShopWorkspace, count: int = 1) -> list[tuple[int, str, str]]:
    """Number, pseudonym and e-mail of people who are at both platforms."""
    statement = (
        "SELECT subject_id, subject_ref FROM subject JOIN membership USING (subject_id) WHERE state = 'member'"
        " GROUP BY 1, 2 HAVING count(*) = 2 ORDER BY 1"
    )
    return with_emails(shop, statement)[:count]


def everybody(shop: ShopWorkspace) -> list[tuple[int, str, str]]:
    """Number, pseudonym and e-mail of whoever is known."""
    return with_emails(shop, "SELECT subject_id, subject_ref FROM subject WHERE merged_into IS NULL LIMIT 20")


def with_emails(shop: ShopWorkspace, statement: str) -> list[tuple[int, str, str]]:
    rows = ask(shop, statement)
    with Workspace.open(shop.folder) as workspace, workspace.store().read() as connection:
        ids = pa.array([row[0] for row in rows])
        emails = workspace.subjects().identifiers(connection, ids).reveal()["email"].to_pylist()
    return [(number, ref, mails[0]) for (number, ref), mails in zip(rows, emails, strict=True) if mails]


def in_file(folder: Path, *values: str) -> str:
    path = folder.parent / "who.txt"
    path.write_text("\n".join(values) + "\n")
    return str(path)


def has_keys(shop: ShopWorkspace, number: int) -> bool:
    return (number,) in ask(shop, "SELECT subject_id FROM vault")


def lake_people(shop: ShopWorkspace) -> set[int]:
    files = (shop.folder / "var/lake").rglob("rows-*.parquet")
    return {number for file in files for number in pq.read_table(file)["subject_id"].to_pylist()}


def snapshot_people(shop: ShopWorkspace) -> set[int]:
    files = (shop.folder / "var/snapshots").rglob("members-*.parquet")
    return {number for file in files for number in pq.read_table(file)["subject_id"].to_pylist()}


def traces_of(shop: ShopWorkspace, number: int, email: str) -> list[bytes]:
    """What who knows the identifiers and holds the master key can look for; each is in the workspace now."""
    with Workspace.open(shop.folder) as workspace:
        keys, store = workspace.keys(), workspace.store()
        with store.write() as connection:
            held = workspace.subjects().identifiers(connection, pa.array([number])).reveal()
            record = digests(pa.array(held["external_id"][0].as_py()[:1]), keys.lasting("lake/crm"))[0].as_py()
            place = {"source": ["crm"], "resource": ["records"], "place": [f"key:{record.hex()}"]}
            store.insert(connection, t.quarantine, {**place, "field": ["x"], "reason": ["bad"], "seen_at": [1]})
    found = [
        Pseudonyms(keys).identity(Field.EMAIL, [email.lower()])[0],
        record.hex().encode(),
        record.hex()[:16].encode(),
    ]
    held_now = b"".join(path.read_bytes() for path in (shop.folder / "var").glob("control.db*"))
    assert all(trace in held_now for trace in found)
    return [*found, record]


def test_a_person_is_taken_out_everywhere_and_then_nothing_of_them_stays(small: ShopWorkspace, cli: Cli) -> None:
    key = small.folder.parent / "dpo.key"
    assert cli(small, "evidence", "keygen", "--out", str(key))[0] == 0
    settings = small.folder / "passerelle.yaml"
    settings.write_text(f"{settings.read_text()}\nevidence: {{dpo_key_file: {key}.pub, keep_days: 100}}\n")
    assert cli(small, "sync")[0] == 0
    (number, ref, email), (_, other, _) = members(small, 2)
    before = small.at_twins()
    assert number in snapshot_people(small)
    traces = traces_of(small, number, email)
    code, told = cli(small, "erase", "--file", in_file(small.folder, email), "--received", "2026-11-01")
    assert (code, told["outcome"], told["done"], told["queued"]) == (0, "done", 1, 2)
    assert {place: count - 1 for place, count in before.items()} == small.at_twins()
    assert told["evidence_sealed"] == 1
    assert number not in lake_people(small) | snapshot_people(small)
    assert not has_keys(small, number)
    assert email not in json.dumps(told)
    assert ref not in json.dumps(told)
    held = [path.read_bytes() for path in (small.folder / "var").rglob("*") if path.is_file()]
    assert not [trace for trace in (ref.encode(), *traces) if any(trace in content for content in held)]
    name = told["erasures"][0]["erasure"]
    code, again = cli(small, "erase", "--file", in_file(small.folder, email))
    assert (code, again["already"], again["asked"]) == (0, 1, 0)
    code, opened = cli(small, "evidence", "open", name, "--key-file", str(key), "--reason", "claim 12")
    assert (code, opened["rows"], len(opened["sent"])) == (0, opened["confirmed"], 5)
    with Workspace.open(small.folder) as workspace, workspace.store().read() as connection:
        assert workspace.subjects().by_ref(connection, other) is not None
        canonical = workspace.subjects().canonical(Field.EMAIL, [email], ["FR"])
        assert workspace.subjects().were_erased(connection, Field.EMAIL, canonical).to_pylist() == [True]
    assert cli(small, "audit", "verify")[0] == 0
    code, answer = cli(small, "audit", "erasures")
    assert (code, answer["facts"]["done"]) == (0, 1)
    assert {line["what"] for line in answer["tables"]["retained"]} >= {"sealed evidence", "fingerprints"}


def test_who_comes_back_with_the_next_pull_is_somebody_new_and_not_sent(synced: ShopWorkspace, cli: Cli) -> None:
    ((number, _, email),) = members(synced)
    assert cli(synced, "erase", "--file", in_file(synced.folder, email))[0] == 0
    assert cli(synced, "pull", "--full")[0] == 0
    with Workspace.open(synced.folder) as workspace, workspace.store().read() as connection:
        back = workspace.subjects().find(connection, Field.EMAIL, email, "FR")
    assert back is not None
    assert back != number
    assert (back,) in ask(synced, "SELECT subject_id FROM subject WHERE suppressed_at IS NOT NULL")
    code, planned = cli(synced, "plan")
    assert code == 0
    assert {line["adds"] for line in planned["audiences"]} == {0}
    assert all(line["withheld"].get("suppressed") == 1 for line in planned["audiences"])


def test_keys_stay_while_a_platform_refuses(synced: ShopWorkspace, cli: Cli) -> None:
    ((number, _, email),) = members(synced)
    synced.twins.fault(call="meta.users.remove", graph={"code": 200, "message": "no"}, times=1)
    code, told = cli(synced, "erase", "--file", in_file(synced.folder, email))
    assert (code, told["outcome"]) == (7, "refused")
    (line,) = told["erasures"]
    assert [(place["destination"], place["state"]) for place in line["open"]] == [("meta", "refused")]
    assert has_keys(synced, number)
    code, status = cli(synced, "erase", "--status", line["erasure"])
    assert (code, status["outcome"], status["erasures"][0]["state"]) == (5, "pending", "removing")
    code, told = cli(synced, "erase", "--file", in_file(synced.folder, email))
    assert (code, told["done"], told["erasures"][0]["erasure"]) == (0, 1, line["erasure"])
    assert cli(synced, "erase", "--status")[1]["outcome"] == "done"
    assert cli(synced, "audit", "verify")[0] == 0


@pytest.mark.slow
def test_what_a_platform_has_not_settled_is_waited_for_and_not_sent_twice(synced: ShopWorkspace, cli: Cli) -> None:
    ((_, _, email),) = members(synced)
    synced.twins.clock(hold=True)
    code, told = cli(synced, "erase", "--file", in_file(synced.folder, email), "--wait", "0")
    assert (code, told["outcome"]) == (5, "pending")
    assert {place["state"] for place in told["erasures"][0]["open"]} == {"pending"}
    removals = [synced.twins.calls()[call] for call in REMOVALS]
    assert cli(synced, "erase", "--open", "--wait", "0")[0] == 5
    synced.twins.clock(release=True)
    code, told = cli(synced, "erase", "--open")
    assert (code, told["done"]) == (0, 1)
    assert [synced.twins.calls()[call] for call in REMOVALS] == removals


@pytest.mark.slow
def test_many_people_leave_at_once_and_asking_first_is_enough_to_stop_everything(
    synced: ShopWorkspace, cli: Cli
) -> None:
    people = members(synced, 5)
    lines = [json.dumps({"email": email}) for _, _, email in people[:3]]
    lines += [json.dumps({"subject_ref": ref}) for _, ref, _ in people[3:]] + [json.dumps({"email": "x@nowhere.fr"})]
    file = in_file(synced.folder, *lines)
    code, told = cli(synced, "erase", "--file", file, "--queue-only")
    assert (code, told["asked"], told["queued"], told["unknown_lines"]) == (5, 5, 10, [6])
    code, planned = cli(synced, "plan")
    assert all(line["removes"] == {"queued": 5} for line in planned["audiences"])
    code, told = cli(synced, "erase", "--file", file)
    assert (code, told["outcome"], told["done"], told["asked"]) == (3, "held_back", 5, 0)
    assert not {number for number, _, _ in people} & lake_people(synced)
    assert cli(synced, "audit", "verify")[0] == 0


def test_nothing_is_destroyed_while_a_pull_is_at_work(small: ShopWorkspace, cli: Cli) -> None:
    ((number, _, email),) = everybody(small)[:1]
    with Workspace.open(small.folder) as workspace, workspace.store().exclusive("pull crm"):
        code, told = cli(small, "erase", "--file", in_file(small.folder, email))
    assert (code, told["outcome"], told["asked"]) == (75, "try_later", 1)
    assert has_keys(small, number)
    code, told = cli(small, "erase", told["erasures"][0]["erasure"])
    assert (code, told["done"], has_keys(small, number)) == (0, 1, False)
    assert cli(small, "erase", "--expired")[0] == 0


def test_what_names_nobody_is_said_without_repeating_it(small: ShopWorkspace, cli: Cli) -> None:
    code, told = cli(small, "erase", "--file", in_file(small.folder, "nobody@example.org"))
    assert (code, "nobody@example.org" in json.dumps(told)) == (2, False)
    for line in ('{"email": "a@b.fr", "phone": "1"}', '{"mail": "a@b.fr"}', '{"email": "a@b.fr"', "{}"):
        code, told = cli(small, "erase", "--file", in_file(small.folder, line))
        assert (code, "a@b.fr" in json.dumps(told)) == (2, False)


STEPS = ["asked", "removals pushed", "quarantine released", "manifest renamed", "lake rewritten"]
STEPS += ["snapshots rewritten", "destroyed"]


@pytest.mark.slow
def test_an_erasure_that_dies_at_any_step_is_ended_by_the_next(synced: ShopWorkspace) -> None:
    people = members(synced, len(STEPS))
    for step, (number, _, email) in zip(STEPS, people, strict=True):
        command = [sys.executable, "-m", "tests.end_to_end.dying", str(synced.folder), step, str(number)]
        assert subprocess.run(command, check=False, capture_output=True).returncode == 9
        assert has_keys(synced, number) == (step != "destroyed")
        again = synced.here("erase", "--file", in_file(synced.folder, email))
        assert (again["done"], again["already"]) == ((0, 1) if step == "destroyed" else (1, 0))
        assert not has_keys(synced, number)
        assert number not in lake_people(synced) | snapshot_people(synced)
    assert synced.here("erase", "--status")["outcome"] == "done"
    assert synced.here("audit", "verify")["outcome"] == "done"


@pytest.mark.slow
@pytest.mark.parametrize("call", REMOVALS)
def test_a_kill_while_a_platform_is_asked_loses_nothing(synced: ShopWorkspace, call: str) -> None:
    ((number, _, email),) = members(synced)
    file = in_file(synced.folder, email)
    synced.twins.fault(call=call, slow_seconds=3.0, applied=True)
    before = synced.twins.calls().get(call, 0)
    command = synced.command("erase", "--file", file)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until(lambda: synced.twins.calls().get(call, 0) > before)
        os.kill(process.pid, signal.SIGKILL)
    synced.twins.clear_faults()
    assert has_keys(synced, number)
    told = synced.here("erase", "--file", file)
    assert told["done"] == 1
    assert not has_keys(synced, number)
    assert synced.here("audit", "verify")["outcome"] == "done"
