"""Who asked to go is dropped from every audience of the ad account, whoever made it; who merely left is not told of."""

import json
import urllib.parse
import urllib.request
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from passerelle.workflows.workspace import Workspace
from tests.end_to_end.conftest import Cli
from tests.end_to_end.shop import ShopWorkspace, member
from tests.end_to_end.test_outcomes import row

FORGET = "meta.users.forget"
ACCOUNT = "act_1000000001"


def post(shop: ShopWorkspace, path: str, **form: str) -> dict[str, str]:
    body = urllib.parse.urlencode(form).encode()
    headers = {"Authorization": "Bearer EAAbyhand0123"}
    request = urllib.request.Request(f"{shop.twins.meta}/v26.0/{path}", body, headers)  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
        told: dict[str, str] = json.loads(answer.read())
        return told


def copied_by_hand(shop: ShopWorkspace) -> str:
    """An audience with everybody's e-mail, as somebody may have made it in Ads Manager; its id."""
    told = {"name": "By hand", "subtype": "CUSTOM", "customer_file_source": "USER_PROVIDED_ONLY"}
    made = post(shop, f"{ACCOUNT}/customaudiences", **told)["id"]
    members = shop.twins.members(shop.twins.audiences("meta")["everybody"])
    rows = [[key.removeprefix("email:")] for person in members for key in person if key.startswith("email:")]
    post(shop, f"{made}/users", payload=json.dumps({"schema": ["EMAIL"], "data": rows}))
    return made


def reachable_member(shop: ShopWorkspace) -> str:
    """The pseudonym of a member with an e-mail address."""
    statement = "SELECT subject_id, subject_ref FROM subject JOIN membership USING (subject_id) WHERE state = 'member'"
    with Workspace.open(shop.folder) as workspace, workspace.store().read() as connection:
        found = connection.exec_driver_sql(f"{statement} ORDER BY 1").all()
        emails = workspace.subjects().identifiers(connection, pa.array([one for one, _ in found])).reveal()["email"]
    return next(str(ref) for (_, ref), held in zip(found, emails.to_pylist(), strict=True) if held)


def calls(shop: ShopWorkspace) -> int:
    return shop.twins.calls().get(FORGET, 0)


def test_a_withdrawal_reaches_copies_that_somebody_made_by_hand(synced: ShopWorkspace, cli: Cli) -> None:
    copy = copied_by_hand(synced)
    before = synced.twins.count(copy)
    cli(synced, "consent", "withdraw", "--subject-ref", reachable_member(synced))
    code, result = cli(synced, "sync", "--removals-only")
    assert code == 0
    assert result["farewells"] == [
        {"destination": "meta", "outcome": "done", "asked": 1, "accepted": 1, "debt": 0, "problem": "", "advice": ""}
    ]
    assert synced.twins.count(copy) == before - 1
    (upload,) = cli(synced, "audit", "uploads")[1]["tables"]["uploads"][-1:]
    assert (upload["audience"], upload["destination"], upload["action"]) == ("*", "meta", "remove")
    assert (upload["rows"], upload["accepted"]) == (1, 1)
    assert cli(synced, "audit", "verify")[0] == 0
    assert (cli(synced, "sync")[1]["farewells"], calls(synced)) == ([], 1), "asked once, it is not asked again"


def test_a_farewell_that_fails_is_debt_until_it_works(synced: ShopWorkspace, cli: Cli) -> None:
    cli(synced, "consent", "withdraw", "--subject-ref", member(synced))
    synced.twins.fault(call=FORGET, times=0, http={"status": 502, "body": "<html>no</html>"})
    code, result = cli(synced, "sync", "--removals-only")
    assert (code, result["farewells"][0]["outcome"], result["farewells"][0]["debt"]) == (75, "try_later", 1)
    everywhere = [line for line in cli(synced, "status")[1]["audiences"] if line["audience"] == "*"]
    assert [(line["destination"], line["debt"]["causes"]) for line in everywhere] == [
        ("meta", {"consent_withdrawn": 1})
    ]
    synced.twins.clear_faults()
    synced.twins.fault(call=FORGET, graph={"code": 200})
    assert cli(synced, "sync", "--removals-only")[0] == 7
    assert cli(synced, "sync", "--removals-only")[0] == 0
    assert {line["audience"] for line in cli(synced, "status")[1]["audiences"]} == {"everybody"}


def test_who_left_a_segment_or_is_held_out_is_not_told_of(synced: ShopWorkspace, cli: Cli) -> None:
    audience = synced.folder / "audiences" / "everybody.yaml"
    audience.write_text(audience.read_text() + "holdout: {percent: 20, salt: x}\n")
    code, result = cli(synced, "sync")
    assert (code, row(result, "meta")["sent"]["removes"] > 20) == (0, True)
    assert (result["farewells"], calls(synced)) == ([], 0)


def test_who_agreed_anew_meanwhile_comes_back_and_is_asked_for_no_more(small: ShopWorkspace, cli: Cli) -> None:
    code, result = cli(small, "sync")
    assert code == 0, result
    before, ref = small.at_twins(), member(small)
    before_now = datetime.now(UTC) - timedelta(minutes=1)  # a yes in the same second as the no would not count
    cli(small, "consent", "withdraw", "--subject-ref", ref, "--at", before_now.isoformat())
    small.twins.fault(call=FORGET, times=0, graph={"code": 80003, "minutes": 2})
    code, result = cli(small, "sync", "--removals-only")
    assert (code, row(result, "meta")["outcome"], result["farewells"][0]["debt"]) == (75, "done", 1), result
    assert cli(small, "consent", "record", "--subject-ref", ref, "--notice", "ads-2026@1")[0] == 0
    _, result = cli(small, "sync")
    assert row(result, "meta")["withheld"].get("leaving_everywhere") == 1, result
    assert (result["farewells"][0]["asked"], result["farewells"][0]["debt"]) == (0, 0)
    assert cli(small, "sync")[0] == 0
    assert small.at_twins() == before


def test_an_erasure_waits_for_the_farewell(synced: ShopWorkspace, cli: Cli) -> None:
    copy = copied_by_hand(synced)
    before, ref = synced.twins.count(copy), reachable_member(synced)
    synced.twins.fault(call=FORGET, times=0, drop=True)
    code, told = cli(synced, "erase", "--subject-ref", ref)
    assert (code, told["done"]) == (75, 0)
    assert [place["audience"] for one in told["erasures"] for place in one["open"]] == ["*"]
    synced.twins.clear_faults()
    code, told = cli(synced, "erase", "--open")
    assert (code, told["done"], synced.twins.count(copy)) == (0, 1, before - 1)


def test_a_removal_refused_because_too_few_would_be_left_stays_owed(synced: ShopWorkspace, cli: Cli) -> None:
    before = synced.at_twins()["everybody", "meta"]
    cli(synced, "consent", "withdraw", "--subject-ref", reachable_member(synced))
    synced.twins.set_meta(smallest=before)
    code, result = cli(synced, "sync", "--removals-only")
    assert (code, row(result, "meta")["rejected"], row(result, "meta")["debt"]) == (7, 1, 1)
    assert row(cli(synced, "status")[1], "meta")["debt"]["refusals"] == {"AudienceTooSmall": 1}
    assert synced.at_twins()["everybody", "meta"] == before - 1, "the farewell took them out all the same"
    synced.twins.set_meta(smallest=0)
    assert cli(synced, "sync", "--removals-only")[0] == 0
    assert row(cli(synced, "status")[1], "meta")["debt"] is None
