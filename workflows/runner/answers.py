"""What the runner answers: always one JSON object with an outcome, never a value it was given."""

import json
from dataclasses import dataclass
from http import HTTPStatus

from passerelle.workflows.verbs.contract import Outcome
from passerelle.workflows.verbs.failure import Failure, completed


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status and the bytes of a JSON object. `outcome` is for the runner's own log line."""

    status: int
    body: bytes
    outcome: str = ""

    def is_done(self) -> bool:
        """Whether what was asked for was done."""
        return self.status == HTTPStatus.OK


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, read whole. Header names are in small letters."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def done(**counts: int) -> Answer:
    """What was sent is kept."""
    body = {"outcome": Outcome.DONE.value, "exit_code": 0, "retryable": False, "advice": "", **counts}
    return Answer(HTTPStatus.OK, json.dumps(body).encode(), Outcome.DONE.value)


def refusal(status: int, outcome: Outcome, message: str, advice: str = "") -> Answer:
    """A call that never became a run. It has the shape of a verb's failure, so that workflows route on it alike."""
    failure = completed(Failure(outcome=outcome, message=message, advice=advice))
    return Answer(status, failure.model_dump_json().encode(), failure.outcome.value)
