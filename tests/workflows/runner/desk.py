"""A desk whose runs are a small script, so that the runner is tried without a workspace."""

import sys
from pathlib import Path

from pydantic import Field

from passerelle.workflows.runner.allowed import address
from passerelle.workflows.runner.answers import Answer, Asked
from passerelle.workflows.runner.child import Children
from passerelle.workflows.runner.consent import ConsentDoor
from passerelle.workflows.runner.desk import Desk
from passerelle.workflows.runner.memory import Memory
from passerelle.workflows.runner.secret import Secret
from passerelle.workflows.runner.turns import Turns
from passerelle.workflows.verbs.contract import AnyVerb, Environment, Request, Result, Verb

TOKEN = "a-token-that-is-long-enough"

SCRIPT = """
import base64, json, os, pathlib, signal, sys, time
words = sys.argv[1:]
request = json.loads(base64.b64decode(words[words.index("--request-b64") + 1]))
folder = pathlib.Path(words[words.index("--workspace") + 1])
with (folder / "calls").open("a") as calls:
    calls.write(json.dumps([words[0], request]) + "\\n")
told = (folder / "say").read_text() if (folder / "say").exists() else '{"outcome": "done"}'
if (folder / "kill").exists():
    os.kill(os.getpid(), signal.SIGKILL)
def stopped(*_):
    print('{"outcome": "try_later"}'); sys.exit(0)
signal.signal(signal.SIGTERM, stopped)
while (folder / "hold").exists():
    time.sleep(0.02)
print(told)
"""


class SyncRequest(Request):
    """The fields of `sync` that matter here, and one that must not be set from afar."""

    audiences: list[str] = Field(default_factory=list)
    removals_only: bool = False
    plan: Path | None = None


def _run(_environment: Environment, _request: Request) -> Result:
    return Result()


SYNC: AnyVerb = Verb("sync", "Sync.", SyncRequest, Result, _run, lambda _result, _console: None, remote=True)


def desk(folder: Path, *, consent: ConsentDoor | None = None, timeout: float = 30.0) -> Desk:
    """A desk that knows `sync`. Files in `folder` steer the script: say, kill, hold; it notes its calls there."""
    (folder / "script.py").write_text(SCRIPT)
    return Desk(
        token=Secret(TOKEN.encode()),
        verbs={address("sync"): SYNC},
        children=Children(folder, timeout, (sys.executable, str(folder / "script.py"))),
        memory=Memory(lambda: 0.0),
        turns=Turns(),
        consent=consent,
    )


def ask(at: Desk, body: bytes = b"{}", *, path: str = "/v1/sync", token: str = TOKEN, key: str = "") -> Answer:
    """Ask for a sync."""
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    return at.answer(Asked("POST", path, headers | ({"idempotency-key": key} if key else {}), body))


def calls(folder: Path) -> int:
    """How often the script ran."""
    return len((folder / "calls").read_text().splitlines()) if (folder / "calls").exists() else 0
