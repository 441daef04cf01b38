"""A command line of verbs that end in every way there is: run as a process by the tests beside it."""

import io
import json
import logging
import os
import sys
import time
import warnings
from typing import Literal

from pydantic import Field
from rich.console import Console

from passerelle.privacy.errors import (
    DefinitionError,
    HeldBack,
    IntegrityError,
    PasserelleError,
    Refused,
    StaleConsent,
    TryLater,
    Wait,
)
from passerelle.workflows.cli.main import main
from passerelle.workflows.verbs.contract import AnyVerb, Environment, Outcome, Request, Result, Verb
from tests.canary import Canary

CANARY = Canary.make("probe")

ENDINGS: dict[str, BaseException] = {
    "invalid": DefinitionError("It is wrong.", advice="Do it right."),
    "held_back": HeldBack("A guard holds it."),
    "integrity_failure": IntegrityError("The key does not fit."),
    "consent_stale": StaleConsent("The CRM is too old."),
    "refused": Refused("The terms were not accepted."),
    "try_later": TryLater("Throttled.", wait=Wait(12.5)),
    "failed": PasserelleError("It failed."),
    "crash": KeyError(CANARY.email),
    "disk": OSError(28, "No space left on device", CANARY.email),
    "interrupt": KeyboardInterrupt(),
}


class ProbeRequest(Request):
    """How to end."""

    ending: str = Field("done", description="How to end.", json_schema_extra={"cli": "argument"})
    audiences: list[str] = Field(default_factory=list, description="Names [a-z0-9_].")
    count: int = Field(1, description="A number.")
    dry: bool = Field(False, description="A flag.")
    kind: Literal["full", "quick"] = Field("full", description="One of two.")


class ProbeResult(Result):
    """What was asked."""

    asked: ProbeRequest | None = None
    run_id: str = ""
    umask: int = 0


def run(environment: Environment, request: ProbeRequest) -> ProbeResult:
    if request.ending in ENDINGS:
        raise ENDINGS[request.ending]
    if request.ending == "wait":
        sys.stderr.write("waiting\n")
        sys.stderr.flush()
        time.sleep(60)
    if request.ending == "noise":
        _noise()
    umask = os.umask(0o077)
    outcome = Outcome(request.ending) if request.ending in set(Outcome) else Outcome.DONE
    return ProbeResult(outcome=outcome, asked=request, run_id=environment.run_id, umask=umask)


def soft(_environment: Environment, request: ProbeRequest) -> ProbeResult:
    return ProbeResult(outcome=Outcome(request.ending), advice="See what it says.")


def _noise() -> None:
    """What libraries do when nobody looks."""
    url = f"https://graph.facebook.com/v26.0/act_1/users?access_token={CANARY.token}"
    logging.getLogger("httpx").info("HTTP Request: POST %s", url)
    logging.getLogger("facebook_business").error("failed: %s", CANARY.email)
    logging.getLogger("passerelle.sync").warning("a row %s", CANARY.phone, extra={"fields": {"row": CANARY.email}})
    logging.getLogger("passerelle.sync").warning("sent", extra={"fields": {"rows": 3, "audience": "lapsing"}})
    warnings.warn(f"odd value {CANARY.email}", stacklevel=1)


def stream(environment: Environment, request: ProbeRequest) -> ProbeResult:
    environment.stdout.write(b"one\ntwo\n")
    environment.stdout.flush()
    return run(environment, request)


def render(result: ProbeResult, console: Console) -> None:
    console.print(f"A table: {result.outcome.value}")


def _verb(name: str, *, streams: bool = False, recorded: bool = False) -> AnyVerb:
    work = stream if streams else soft if name == "soft" else run
    return Verb(name, f"Try {name}.", ProbeRequest, ProbeResult, work, render, streams=streams, recorded=recorded)


VERBS: list[AnyVerb] = [
    _verb("probe"),
    _verb("soft"),
    _verb("streams", streams=True),
    _verb("keep one", recorded=True),
]


def answer(arguments: list[str]) -> dict[str, str | int]:
    """One command line, with streams of its own."""
    kept = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    try:
        code = main(arguments, known=VERBS)
        sys.stdout.flush()
        sys.stderr.flush()
        written = [stream.buffer.getvalue() for stream in (sys.stdout, sys.stderr)]
    finally:
        sys.stdout, sys.stderr = kept
    return {"code": code, "stdout": written[0].decode("latin-1"), "stderr": written[1].decode("latin-1")}


if __name__ == "__main__":
    if sys.argv[1:] == ["--many"]:  # a command line per line of stdin, an answer per line of stdout
        for line in sys.stdin:
            sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
            sys.stdout.flush()
        sys.exit(0)
    sys.exit(main(known=VERBS))
