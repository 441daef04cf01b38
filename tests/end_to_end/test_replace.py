"""All members of an audience replaced, on both platforms: when, how, and what is true after it ended or died."""

import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from passerelle.connectors.contract.destination import Intent, RemoteAudience
from passerelle.privacy.ledger import Doubt
from passerelle.privacy.ledger.replacements import doubt_everywhere
from passerelle.workflows.cli.progress import Silent
from passerelle.workflows.sync.crew import crew
from passerelle.workflows.sync.run import sync
from passerelle.workflows.verbs.sync import SyncResult, result_of
from passerelle.workflows.workspace import Workspace
from tests.connectors.destinations.people import cleared, person, sha
from tests.end_to_end.conftest import EVERYBODY, Cli
from tests.end_to_end.rooms import Rooms
from tests.end_to_end.shop import ShopWorkspace, ledger_of, member
from tests.end_to_end.test_outcomes import edit, row

DESTINATIONS = {"meta": "meta", "google": "google_ads"}
STRANGER = sha("person4711@example.fr")
ROWS = 100
"""Of a small batch: five fill an audience."""


def in_small_batches(shop: ShopWorkspace) -> None:
    settings = shop.folder / "passerelle.yaml"
    for kind in ("meta", "google_ads"):
        edit(settings, f"kind: {kind}\n", f"kind: {kind}\n    rows_per_request: {ROWS}\n")


def wants(shop: ShopWorkspace, word: str) -> None:
    with (shop.folder / "audiences" / "everybody.yaml").open("a") as file:
        file.write(f"replace: {word}\n")


def doubtful(shop: ShopWorkspace, *, hours: int = 3) -> None:
    """As after a backup was put back some hours ago."""
    since = time.time_ns() // 1000 - hours * 3600 * 1_000_000
    with Workspace.open(shop.folder) as workspace, workspace.store().write() as connection:
        doubt_everywhere(connection, workspace.store(), Doubt("restored", since))


def stranger(shop: ShopWorkspace, name: str) -> None:
    """Put somebody into an audience whom the ledger does not know."""
    with Workspace.open(shop.folder) as workspace:
        destination = workspace.destination(name)
        (audience,) = shop.twins.audiences(DESTINATIONS[name]).values()
        batch = cleared([person(4711)], destination.platform)
        columns = destination.match_keys(batch, RemoteAudience(audience, ())).rows.reveal().column_names
        remote = RemoteAudience(audience, tuple(columns))
        destination.add(remote, batch, destination.match_keys(batch, remote), Intent("stranger", 1))
    assert STRANGER in str(there(shop, name))


def there(shop: ShopWorkspace, name: str) -> list[tuple[str, ...]]:
    (audience,) = shop.twins.audiences(DESTINATIONS[name]).values()
    return shop.twins.members(audience)


def later(shop: ShopWorkspace, hours: int, *, patience: float = 30) -> SyncResult:
    """A sync some hours later, by our clock and by the platforms'."""
    seconds = hours * 3600
    shop.twins.clock(advance_seconds=seconds)
    with Workspace.open(shop.folder) as workspace:
        hands = crew(
            workspace,
            run_id=f"later{hours}",
            now=lambda: time.time_ns() // 1000 + seconds * 1_000_000,
            sleep=time.sleep,
            progress=Silent(),
            patience=patience,
        )
        return result_of(hands.run_id, sync(hands, []))


def batches(shop: ShopWorkspace, destination: str) -> list[tuple[str, str, int]]:
    """Action, state and rows of what the last replacement consisted of."""
    return [
        (str(action), str(state), int(rows))
        for action, state, rows, place in ledger_of(
            shop,
            "SELECT action, state, rows, destination FROM batch WHERE action = 'replace' OR replacement IS NOT NULL"
            " ORDER BY log_index",
        )
        if place == destination
    ]


def agree(shop: ShopWorkspace) -> None:
    """Twins and ledger have the same people, nobody uncertain, and the log verifies."""
    held = ledger_of(
        shop, "SELECT destination, state, count(*) FROM membership WHERE state <> 'unsendable' GROUP BY 1, 2"
    )
    assert {(name, state) for name, state, _ in held} == {("meta", "member"), ("google", "member")}
    assert {name: count for name, _, count in held} == {name: len(there(shop, name)) for name in DESTINATIONS}
    assert not ledger_of(shop, "SELECT 1 FROM removal")
    assert shop.here("audit", "verify")["outcome"] == "done"


@pytest.mark.parametrize("batched", [False, True])
def test_people_whom_nobody_here_knows_are_out_after_a_replacement(
    synced: ShopWorkspace, cli: Cli, *, batched: bool
) -> None:
    if batched:
        in_small_batches(synced)
    before = {name: there(synced, name) for name in DESTINATIONS}
    for name in DESTINATIONS:
        stranger(synced, name)
    doubtful(synced)
    result = later(synced, 3)
    assert [(each.outcome, each.how) for each in result.audiences] == [("done", "replace")] * 2
    assert {name: there(synced, name) for name in DESTINATIONS} == before
    for name in DESTINATIONS:
        made = batches(synced, name)
        assert made[0] == ("replace", "settled", 0)
        assert made[-1] == ("remove", "settled", 0)
        assert len(made) == (2 + -(-len(before[name]) // ROWS) if batched else 3)
    agree(synced)
    assert [each["how"] for each in cli(synced, "plan")[1]["audiences"]] == ["diff"] * 2


def test_google_keeps_strangers_of_the_last_minutes_and_the_doubt_stays_with_them(
    synced: ShopWorkspace, cli: Cli
) -> None:
    """What Google sweeps ends ten minutes before, so they are still there; a later replacement takes them out."""
    for name in DESTINATIONS:
        stranger(synced, name)
    doubtful(synced, hours=0)
    _, result = cli(synced, "sync")
    assert [(each["how"], each["outcome"]) for each in result["audiences"]] == [("replace", "done")] * 2
    assert [name for name in DESTINATIONS if STRANGER in str(there(synced, name))] == ["google"]
    how = {each["destination"]: each["how"] for each in cli(synced, "plan")[1]["audiences"]}
    assert how == {"meta": "diff", "google": "replace"}
    how = {each.destination: each.how for each in later(synced, 3).audiences}
    assert how == {"meta": "diff", "google": "replace"}
    assert STRANGER not in str(there(synced, "google"))
    assert [each["how"] for each in cli(synced, "plan")[1]["audiences"]] == ["diff"] * 2
    agree(synced)


def test_who_leaves_by_a_replacement_is_named_and_confirmed_out(synced: ShopWorkspace, cli: Cli) -> None:
    in_small_batches(synced)
    ref = member(synced)
    assert cli(synced, "consent", "withdraw", "--subject-ref", ref)[0] == 0
    doubtful(synced)
    counts = {name: len(there(synced, name)) for name in DESTINATIONS}
    result = later(synced, 3)
    assert [(each.how, each.sent.removes) for each in result.audiences] == [("replace", 1)] * 2
    assert {name: len(there(synced, name)) for name in DESTINATIONS} == {name: n - 1 for name, n in counts.items()}
    assert synced.twins.calls().get("meta.users.remove", 0) == synced.twins.calls().get("data_manager.remove", 0) == 0
    agree(synced)
    _, dossier = cli(synced, "audit", "person", "--subject-ref", ref)
    here = [line["action"] for line in dossier["tables"]["sent"] if line["audience"] == "everybody"]
    assert here == ["add", "add", "remove", "remove"]
    assert dossier["tables"]["memberships"] == dossier["tables"]["owed"] == []
    _, uploads = cli(synced, "audit", "uploads")
    assert {line["action"] for line in uploads["tables"]["uploads"]} == {"add", "remove", "replace"}
    assert cli(synced, "audit", "unlawful")[0] == 0


def test_at_google_people_added_lately_go_by_their_keys_before(synced: ShopWorkspace, cli: Cli) -> None:
    cli(synced, "consent", "withdraw", "--subject-ref", member(synced))
    doubtful(synced)
    code, result = cli(synced, "sync")
    assert (code, row(result, "google")["how"]) == (0, "replace")
    assert synced.twins.calls()["data_manager.remove"] == 1
    assert "meta.users.remove" not in synced.twins.calls()
    agree(synced)
    _, latency = cli(synced, "audit", "withdrawals")
    assert (latency["facts"]["confirmed"], latency["facts"]["open"]) == (2, 0)


def test_a_change_of_nearly_everybody_is_a_replacement_because_it_is_cheaper(synced: ShopWorkspace, cli: Cli) -> None:
    edit(synced.folder / "segments" / "everybody.yaml", EVERYBODY, "{trait: orders_365d, at_least: 4}")
    _, plan = cli(synced, "plan")
    assert [(each["how"], each["adds"]) for each in plan["audiences"]] == [("replace", 0)] * 2
    assert "learned" in row(plan, "meta")["why"]
    assert "fewer rows" in row(plan, "google")["why"]
    assert cli(synced, "sync")[0] == 0
    assert synced.twins.calls()["meta.users.replace"] == 1
    agree(synced)


def test_an_audience_found_at_the_platform_is_replaced_by_the_run_that_finds_it(small: ShopWorkspace, cli: Cli) -> None:
    store = small.folder.parent / "before"
    shutil.copytree(small.folder / "var", store)
    assert cli(small, "sync")[0] == 0
    for name in DESTINATIONS:
        stranger(small, name)
    shutil.rmtree(small.folder / "var")
    shutil.copytree(store, small.folder / "var")  # as if nothing had ever been sent from here
    result = later(small, 3)
    assert [(each.outcome, each.how) for each in result.audiences] == [("done", "replace")] * 2
    assert all("found there" in each.why for each in result.audiences)
    assert STRANGER not in str([there(small, name) for name in DESTINATIONS])
    agree(small)


def test_after_a_backup_was_put_back_people_sent_since_are_out(synced: ShopWorkspace, cli: Cli) -> None:
    var, backup = synced.folder / "var", synced.folder.parent / "backup"
    shutil.copytree(var, backup)
    for name in DESTINATIONS:
        stranger(synced, name)  # sent after the backup, as far as the restored books go
    cli(synced, "consent", "withdraw", "--subject-ref", member(synced))
    for name in ("control.db", "control.db-wal", "control.db-shm"):
        (var / name).unlink(missing_ok=True)
    shutil.copy(backup / "control.db", var / "control.db")
    assert cli(synced, "sync")[0] == 4
    assert cli(synced, "audit", "accept-restore", "--reason", "the disk died")[0] == 0
    result = later(synced, 3)
    assert [(each.outcome, each.how) for each in result.audiences] == [("done", "replace")] * 2
    assert STRANGER not in str([there(synced, name) for name in DESTINATIONS])
    agree(synced)


def test_a_kept_plan_no_longer_holds_once_it_would_be_carried_out_another_way(synced: ShopWorkspace, cli: Cli) -> None:
    file = synced.folder / "plan.json"
    cli(synced, "plan", "--out", str(file))
    assert [place["how"] for place in json.loads(file.read_text())["places"]] == ["diff"] * 2
    doubtful(synced)
    code, result = cli(synced, "sync", "--plan", str(file))
    assert (code, result["outcome"]) == (3, "held_back")
    cli(synced, "plan", "--out", str(file))
    code, result = cli(synced, "sync", "--plan", str(file))
    assert (code, [each["how"] for each in result["audiences"]]) == (0, ["replace"] * 2)


def test_never_is_never_and_always_is_always(synced: ShopWorkspace, cli: Cli) -> None:
    wants(synced, "never")
    doubtful(synced)
    assert [each["how"] for each in cli(synced, "sync")[1]["audiences"]] == ["diff"] * 2
    edit(synced.folder / "audiences" / "everybody.yaml", "replace: never", "replace: always")
    assert [each["how"] for each in cli(synced, "sync")[1]["audiences"]] == ["replace"] * 2
    agree(synced)
    calls = synced.twins.calls()["meta.users.replace"]
    cli(synced, "sync")
    assert synced.twins.calls()["meta.users.replace"] == calls, "nothing changed, so nothing is sent"


def test_while_consent_is_stale_nobody_is_sent_anew_and_removals_go_out(synced: ShopWorkspace, cli: Cli) -> None:
    cli(synced, "consent", "withdraw", "--subject-ref", member(synced))
    doubtful(synced)
    edit(synced.folder / "policy.yaml", "crm: 24h", "crm: 1s")
    _, result = cli(synced, "sync")
    assert [(each["how"], each["sent"]) for each in result["audiences"]] == [("diff", {"adds": 0, "removes": 1})] * 2
    assert "stale" in row(result, "meta")["why"]
    agree(synced)


def test_an_audience_is_never_replaced_by_nobody(synced: ShopWorkspace, cli: Cli) -> None:
    doubtful(synced)
    edit(synced.folder / "segments" / "everybody.yaml", EVERYBODY, "{trait: orders_365d, at_least: 999}")
    code, result = cli(synced, "sync", "--approve", "empty_segment", "--approve", "maximum_change")
    assert "meta.users.replace" not in synced.twins.calls(), (code, result)
    assert "data_manager.remove_all" not in synced.twins.calls()


def test_where_meta_does_not_let_it_the_same_is_done_row_by_row(synced: ShopWorkspace, cli: Cli) -> None:
    ref = member(synced)
    synced.twins.fault(call="meta.users.replace", partial={"rows": [], "reason": "REPLACE_FAILED"})
    doubtful(synced)
    cli(synced, "sync")
    cli(synced, "consent", "withdraw", "--subject-ref", ref)
    code, result = cli(synced, "sync")
    assert (code, row(result, "meta")["how"]) == (0, "diff")
    assert "415" in row(result, "meta")["why"]
    code, result = cli(synced, "sync")
    assert (code, row(result, "meta")["how"]) == (0, "replace"), "its state is normal again"
    agree(synced)


def test_google_concludes_in_a_later_run_what_was_not_processed_in_time(synced: ShopWorkspace, cli: Cli) -> None:
    in_small_batches(synced)
    stranger(synced, "google")
    cli(synced, "consent", "withdraw", "--subject-ref", member(synced))
    doubtful(synced)
    synced.twins.clock(hold=True)
    result = later(synced, 3, patience=0)
    google = next(each for each in result.audiences if each.destination == "google")
    assert (google.outcome, google.pending) == ("pending", google.sent.adds)
    assert batches(synced, "google")[0] == ("replace", "accepted", 0)
    synced.twins.clock(release=True)
    assert STRANGER in str(there(synced, "google"))
    assert cli(synced, "status")[0] == 0, "status asks how it stands, and concludes nothing"
    assert STRANGER in str(there(synced, "google"))
    _, plan = cli(synced, "plan")
    assert (row(plan, "google")["how"], row(plan, "google")["why"]) == (
        "diff",
        "an earlier replacement is still under way",
    )
    assert cli(synced, "sync")[0] == 0
    assert STRANGER not in str(there(synced, "google"))
    agree(synced)


@pytest.mark.slow
@pytest.mark.parametrize("leaves", [False, True])
def test_a_conclusion_that_google_ends_as_failed_is_no_success_and_is_made_again(
    synced: ShopWorkspace, cli: Cli, *, leaves: bool
) -> None:
    """Whoever should have left stays owed, and is no member; the doubt stays, so the next run replaces once more."""
    stranger(synced, "google")
    members = len(there(synced, "google")) - 1
    if leaves:
        cli(synced, "consent", "withdraw", "--subject-ref", member(synced))
    doubtful(synced)
    synced.twins.fault(call="data_manager.remove_all", nth=3, partial={"rows": [], "reason": "INTERNAL_ERROR"})
    result = later(synced, 3)
    google = next(each for each in result.audiences if each.destination == "google")
    assert (result.exit_code, google.outcome, google.how) == (75, "try_later", "replace")
    assert "INTERNAL_ERROR" in google.problem
    assert (google.debt, google.rejected, google.members) == (leaves, leaves, members - leaves)
    assert STRANGER in str(there(synced, "google"))
    assert ledger_of(synced, "SELECT doubt FROM remote_audience WHERE destination = 'google'") == [("restored",)]
    owed = ledger_of(synced, "SELECT destination, refusal, tries FROM removal WHERE audience <> '*'")
    assert owed == [("google", "INTERNAL_ERROR", 1)] * leaves
    again = later(synced, 6)
    google = next(each for each in again.audiences if each.destination == "google")
    assert (again.exit_code, google.how, google.sent.removes, google.debt) == (0, "replace", leaves, 0)
    assert STRANGER not in str(there(synced, "google"))
    agree(synced)


def test_who_withdraws_while_a_replacement_waits_is_taken_out_and_stays_out(synced: ShopWorkspace, cli: Cli) -> None:
    in_small_batches(synced)
    doubtful(synced)
    synced.twins.clock(hold=True)
    later(synced, 3, patience=0)
    ref = member(synced)
    cli(synced, "consent", "withdraw", "--subject-ref", ref)
    synced.twins.clock(release=True)
    code, result = cli(synced, "sync")
    assert code == 0, result
    agree(synced)
    _, dossier = cli(synced, "audit", "person", "--subject-ref", ref)
    assert dossier["tables"]["memberships"] == dossier["tables"]["owed"] == []


LATER = [pytest.param(code, marks=pytest.mark.slow) for code in (1870158, 1870147, 1870148, 1870159, 1870144)]


@pytest.mark.parametrize("subcode", [1870145, *LATER])
def test_however_meta_ends_a_replacement_the_next_runs_agree(synced: ShopWorkspace, cli: Cli, subcode: int) -> None:
    in_small_batches(synced)
    cli(synced, "consent", "withdraw", "--subject-ref", member(synced))
    doubtful(synced)
    synced.twins.fault(call="meta.users.replace", nth=2, times=0, graph={"code": 2650, "subcode": subcode})
    code, result = cli(synced, "sync", "--wait", "1")
    assert code in {0, 7, 75}, result
    uncertain: Any = ledger_of(synced, "SELECT count(*) FROM membership WHERE destination = 'meta'")[0][0]
    assert uncertain >= len(there(synced, "meta")), "nobody is forgotten"
    synced.twins.clear_faults()
    synced.twins.clock(advance_seconds=91 * 60)
    code, result = cli(synced, "sync")
    assert code == 0, result
    assert cli(synced, "sync")[0] == 0
    agree(synced)


def test_a_token_that_dies_in_the_middle_forgets_nobody(synced: ShopWorkspace, cli: Cli) -> None:
    in_small_batches(synced)
    doubtful(synced)
    for call in ("meta.users.replace", "data_manager.ingest"):
        error = {"graph": {"code": 190}} if call.startswith("meta") else {"grpc": {"code": "PERMISSION_DENIED"}}
        synced.twins.fault(call=call, nth=2, times=0, **error)
    assert cli(synced, "sync", "--wait", "1")[0] == 7
    held = dict(ledger_of(synced, "SELECT destination, count(*) FROM membership GROUP BY 1"))
    assert held == {name: len(there(synced, name)) for name in DESTINATIONS}
    wants(synced, "never")
    _, plan = cli(synced, "plan")
    assert {each["destination"]: each["adds"] for each in plan["audiences"]} == {
        name: count - ROWS for name, count in held.items()
    }, "all but the part that was taken are uncertain, and would be sent again"
    edit(synced.folder / "audiences" / "everybody.yaml", "replace: never", "replace: auto")
    synced.twins.clear_faults()
    synced.twins.clock(advance_seconds=91 * 60)
    assert cli(synced, "sync")[0] == 0
    agree(synced)


@pytest.mark.slow
def test_a_withdrawal_between_two_parts_of_a_replacement_keeps_the_person_out(rooms: Rooms, cli: Cli) -> None:
    edit(rooms.shop.folder / "passerelle.yaml", "kind: meta\n", "kind: meta\n    rows_per_request: 10\n")
    first = rooms.sync()["meta"]
    members = first.members
    doubtful(rooms.shop)
    ((last,),) = rooms.rows(
        "SELECT subject_ref FROM subject JOIN membership USING (subject_id) WHERE destination = 'meta'"
        " ORDER BY subject_id DESC LIMIT 1"
    )
    rooms.shop.twins.fault(call="meta.users.replace", slow_seconds=10)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(rooms.sync)
        deadline = time.monotonic() + 60
        while not rooms.shop.twins.calls().get("meta.users.replace"):
            assert not running.done()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert cli(rooms.shop, "consent", "withdraw", "--subject-ref", str(last))[0] == 0
        assert not running.done(), "the first part is still on its way"
        report = running.result()["meta"]
    assert (report.how, report.withheld["withdrawn"]) == ("replace", first.withheld["withdrawn"] + 1)
    assert (report.members, len(there(rooms.shop, "meta"))) == (members - 1, members - 1)
    after = rooms.sync()["meta"]
    assert (after.added, after.members, after.debt) == (0, members - 1, 0)
