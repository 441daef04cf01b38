"""Every exported workflow, in a real n8n, against the real command line or runner and the twins.

What takes long happens once, in the fixtures, in the order a first week would have; the tests look at what came of it.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest

from passerelle.workflows.n8n.export import export
from passerelle.workflows.n8n.marketer_form import PREVIEW, SYNC
from passerelle.workflows.n8n.options import Options, Pace
from passerelle.workflows.n8n.settings import ALERT, AUDIT, FORM, REMOVE
from passerelle.workflows.n8n.settings import SYNC as NIGHTLY
from passerelle.workflows.verbs.registry import verb
from tests.canary import run_cli
from tests.waiting import until
from tests.workflows.n8n.real.conftest import Stage
from tests.workflows.n8n.real.deeds import (
    given_away,
    ping,
    publish_by_api,
    send_withdrawal,
    somebody_everywhere,
    submit_form,
    whereabouts,
    words_on,
)
from tests.workflows.n8n.real.instance import Execution, N8n

pytestmark = [pytest.mark.n8n, pytest.mark.timeout(900)]

DENIED = {"code": 190, "message": "the token is no good"}
THROTTLED = {"code": 80003, "minutes": 2}  # a minute would be waited for within the run


@dataclass(frozen=True)
class Told:
    """What the form's last page showed, and what people heard of it."""

    page: str
    mails: list[tuple[str, str]]
    slack: list[str]


@pytest.fixture(scope="session")
def published(stage: Stage) -> dict[str, int]:
    """Published through the API, and answering."""
    statuses = publish_by_api(stage)
    stage.n8n.wait_for_form()
    return statuses


@pytest.fixture(scope="session")
def refused(stage: Stage, published: dict[str, int]) -> Told:
    """Before anything was sent, Meta refuses the token: what the form shows, and what people are told of it."""
    assert len(published) == 5
    run_cli("pull", workspace=stage.workspace, check=0)
    stage.twins.fault(call="meta.*", times=0, graph=DENIED)
    page = submit_form(stage, "newsletter_readers", SYNC)
    until(lambda: bool(stage.received.mails and stage.received.slack), 120, seen=words_on(page))
    return Told(page, [*stage.received.mails], [each["text"] for each in stage.received.slack])


@pytest.fixture(scope="session")
def refused_night(stage: Stage, refused: Told) -> Execution:
    """The night after: Meta still refuses."""
    assert refused.page
    run = stage.n8n.execute(NIGHTLY.id)
    stage.twins.clear_faults()
    return run


@pytest.fixture(scope="session")
def throttled(stage: Stage, refused_night: Execution) -> Execution:
    """The next night: Meta throttles the first upload, then takes it."""
    assert refused_night.status == "error"
    stage.twins.fault(call="meta.users.add", times=1, graph=THROTTLED)
    run = stage.n8n.execute(NIGHTLY.id)
    stage.twins.clear_faults()
    return run


@pytest.fixture(scope="session")
def quiet(stage: Stage, throttled: Execution) -> tuple[Execution, dict[str, int]]:
    """A night on which nothing has changed, and how many calls changed something at the platforms."""
    assert (throttled.status, throttled.message) == ("success", "")
    before = _changes(stage)
    run = stage.n8n.execute(NIGHTLY.id)
    return run, {name: count - before.get(name, 0) for name, count in _changes(stage).items()}


def _changes(stage: Stage) -> dict[str, int]:
    calls = stage.twins.calls()
    return {name: count for name, count in calls.items() if name.split(".")[-1] in {"add", "remove", "ingest"}}


@dataclass(frozen=True)
class Day:
    """A day with forms, a withdrawal and strangers."""

    strangers: list[int]
    preview: str
    sync: str
    invented: str
    withdrawn_from: list[str]
    answer: dict[str, object]
    afterwards: list[str]


@pytest.fixture(scope="session")
def day(stage: Stage, throttled: Execution) -> Day:
    """Forms filled in, a withdrawal, knocks by strangers."""
    assert (throttled.status, throttled.message) == ("success", "")
    email, digest = somebody_everywhere(stage)
    until(lambda: ping(stage, (stage.secrets / "ping.token").read_bytes()) == 202, 60)
    strangers = [ping(stage, None), ping(stage, b"a secret that is not ours")]
    preview = submit_form(stage, "newsletter_readers", PREVIEW)
    sync = submit_form(stage, "newsletter_readers", SYNC)
    invented = submit_form(stage, "$(id)", SYNC)
    withdrawn_from = whereabouts(stage, digest)
    answer = dict(send_withdrawal(stage, email).json())
    until(lambda: not whereabouts(stage, digest), 240)
    return Day(
        strangers=strangers,
        preview=preview,
        sync=sync,
        invented=invented,
        withdrawn_from=withdrawn_from,
        answer=answer,
        afterwards=whereabouts(stage, digest),
    )


def test_a_refusal_ends_the_run_with_outcome_and_advice(refused_night: Execution) -> None:
    says = "[refused] sync: cart_abandoners at meta: Meta does not accept the access token"
    assert refused_night.message.startswith(says)
    assert refused_night.last_node == "Stop: refused"
    assert refused_night.times("Back off: sync the audiences") == 0


def test_a_refusal_is_shown_and_told_in_slack_and_by_mail_with_what_to_do(refused: Told, stage: Stage) -> None:
    assert "Refused by the platform" in refused.page
    assert len(refused.mails) == len(refused.slack) == 1
    subject, text = refused.mails[0]
    assert subject == "Passerelle: refused by the platform (Passerelle: Preview or sync an audience by form)"
    for words in ("What happened: ", "What it means: ", "What to do: ", "`passerelle sync`", "System User token"):
        assert words in text
        assert words in refused.slack[0]
    assert stage.received.slack_tokens == {"Bearer xoxb-for-a-test"}


def test_a_throttled_run_waits_and_then_succeeds(throttled: Execution, stage: Stage) -> None:
    assert (throttled.status, throttled.message) == ("success", "")
    assert throttled.times("Back off: sync the audiences") >= 1
    assert throttled.times("Sync the audiences") == throttled.times("Back off: sync the audiences") + 1
    assert stage.twins.calls()["meta.users.add"] > 1
    assert throttled.times("Pull the sources") == 1
    status = run_cli("status", "--offline", workspace=stage.workspace).result["audiences"]
    assert len(status) == 6
    by_ledger = {(place["audience"], place["destination"]): place["members"] for place in status}
    assert all(count > 0 for count in by_ledger.values())
    assert sum(by_ledger.values()) == sum(one["count"] for one in stage.twins.state()["audiences"])


def test_a_night_without_changes_uploads_nothing(quiet: tuple[Execution, dict[str, int]]) -> None:
    run, changes = quiet
    assert (run.status, run.message) == ("success", "")
    assert not any(changes.values())


def test_the_weekly_audit_mails_size_and_root_of_the_log(stage: Stage, throttled: Execution) -> None:
    if verb("audit verify") is None:
        pytest.skip("the verb `audit verify` is not there yet")
    assert (throttled.status, throttled.message) == ("success", "")
    stage.received.mails.clear()
    run = stage.n8n.execute(AUDIT.id)
    assert (run.status, run.message) == ("success", "")
    verified = run.output("Read the answer: verify the log")["result"]
    subject, text = stage.received.mails[0]
    assert subject == "Passerelle: weekly audit, all is well"
    assert f"{verified['size']} entries, root {verified['root']}" in text


def test_removals_with_nothing_owed_end_quietly(stage: Stage, throttled: Execution) -> None:
    assert (throttled.status, throttled.message) == ("success", "")
    run = stage.n8n.execute(REMOVE.id)
    assert (run.status, run.message, run.last_node) == ("success", "", "Done")


def test_n8n_itself_finds_nothing_wrong_with_nodes_and_parameters(published: dict[str, int]) -> None:
    assert published == dict.fromkeys([ALERT.id, NIGHTLY.id, FORM.id, REMOVE.id, AUDIT.id], 200)


def test_strangers_start_nothing(day: Day) -> None:
    assert day.strangers == [401, 403]


def test_the_form_shows_the_figures_of_a_preview_and_of_a_sync(day: Day) -> None:
    for page, words in ((day.preview, "to add"), (day.sync, "added")):
        assert "newsletter_readers at meta" in page, words_on(page)
        assert "newsletter_readers at google" in page, words_on(page)
        assert words in page, words_on(page)


def test_the_form_takes_no_audience_that_is_not_on_its_list(day: Day) -> None:
    assert "not one of the choices" in day.invented
    assert "uid=" not in day.invented


def test_a_withdrawal_sent_to_the_runner_takes_the_person_out_of_both_twins(day: Day) -> None:
    assert {place.split("/")[0] for place in day.withdrawn_from} == {"meta", "google_ads"}
    assert (day.answer["outcome"], day.answer["new"], day.answer["withdrawals"]) == ("done", 1, 1)
    assert day.afterwards == []


def test_nobody_and_no_secret_is_anywhere_in_what_n8n_wrote(day: Day, stage: Stage) -> None:
    assert day.afterwards == []
    assert any(path.name == "database.sqlite" for path in stage.n8n.left_behind())
    assert given_away(stage.n8n.folder, stage) == set()


def test_n8n_wanted_to_reach_nobody_else(day: Day, stage: Stage) -> None:
    assert day.afterwards == []
    assert stage.received.refused == set()


def test_an_answer_that_cannot_be_had_or_read_is_a_failure(stage: Stage, tmp_path: Path) -> None:
    """A program that says nothing; a runner that is not there."""
    pace = Pace(attempts=1, first_wait=0.1)
    silent = Options(via=stage.via, program="true", runner_url="http://127.0.0.1:9", workspace="/", pace=pace)
    files = {path.name: path for path in export(silent, tmp_path / "workflows")}
    for name, path in files.items():
        if name != AUDIT.file:
            path.unlink()
    (tmp_path / "n8n").mkdir()
    n8n = N8n(stage.n8n.cache, tmp_path / "n8n", stage.n8n.port + 1, stage.n8n.settings)
    n8n.command("import:workflow", "--separate", f"--input={tmp_path / 'workflows'}")
    n8n.command("import:credentials", f"--input={stage.secrets / 'credentials.json'}")
    run = n8n.execute(AUDIT.id)
    says = {
        "command": "[failed] audit verify: Passerelle gave no readable",
        "http": "[try_later] audit verify: The runner",
    }
    assert run.message.startswith(says[stage.via])
