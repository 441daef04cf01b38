"""A session that Meta never finishes: after a day its people are uncertain, and are sent again."""

from passerelle.workflows.cli.progress import Silent
from passerelle.workflows.status import look
from passerelle.workflows.sync.crew import crew
from passerelle.workflows.workspace import Workspace
from tests.end_to_end.conftest import Cli
from tests.end_to_end.shop import ShopWorkspace
from tests.end_to_end.test_outcomes import ledger, row

HOUR = 3_600_000_000


def asked(shop: ShopWorkspace, hours: int) -> int:
    """How many people are pending at Meta for whom asks so many hours later."""
    with Workspace.open(shop.folder) as workspace:
        now = shop.twins.state()["now"] + hours * HOUR
        hands = crew(workspace, run_id="later", now=lambda: now, sleep=lambda _: None, progress=Silent(), patience=0)
        return next(line.pending for line in look(hands).audiences if line.destination == "meta")


def test_a_session_stuck_in_uploading_is_given_up_after_its_time_and_sent_again(small: ShopWorkspace, cli: Cli) -> None:
    small.twins.clock(hold=True)
    code, result = cli(small, "sync", "--wait", "0")
    people = row(result, "meta")["pending"]
    assert (code, people > 100) == (5, True)
    assert asked(small, 25) == people
    assert asked(small, 27) == 0
    assert ledger(small, "meta") == {"unsettled": people}
    small.twins.clock(release=True)
    code, result = cli(small, "sync")
    assert (code, row(result, "meta")["sent"]["adds"], row(result, "meta")["accepted"]) == (0, people, people)
    assert ledger(small, "meta") == {"member": people}
    assert small.at_twins()["everybody", "meta"] == people
