"""A workspace in which one person consented and was sent to Meta, and questions asked about it."""

from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import select

from passerelle.privacy.ledger import Ledger, Opening, Place, Remote, Told
from passerelle.privacy.personal import Personal
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Destination, Purpose
from passerelle.workflows.intake import record_events, statements_of
from passerelle.workflows.verbs.audit.question import AnswerResult
from passerelle.workflows.verbs.contract import Result
from passerelle.workflows.workspace import Workspace
from tests.canary import Canary
from tests.workflows.surroundings import NOW
from tests.workflows.verbs.people import ask, workspace

ZOE = Canary.make("audit")
HOUR = 3_600_000_000
PLACE = Place("meta", "lapsing_champions")
SAID = {
    "email": ZOE.email,
    "country": "FR",
    "purpose": "ad_list_matching",
    "state": "given",
    "at": "2026-03-01T10:00:00Z",
    "notice": "ads-2026@1",
    "source": "website",
    "method": "web_form",
}


class Shop:
    """A workspace in which Zoé consented and was sent to Meta."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self) -> None:
        """The story so far."""
        workspace(self.folder)
        self.say(SAID, now=NOW - 9 * HOUR)
        with Workspace.open(self.folder) as opened, opened.store().write() as connection:
            ids = pa.array([one for (one,) in connection.execute(select(t.subject.c.subject_id))], pa.int64())
            ledger = Ledger(opened.store(), opened.log(), opened.subjects())
            remote = Remote("77", ("EMAIL",), Destination.META, Purpose.AD_LIST_MATCHING)
            ledger.remember(connection, PLACE, remote, now=NOW - 8 * HOUR)
            batch = (
                opened.gate()
                .clear(
                    connection,
                    ids,
                    audience=PLACE.audience,
                    destination=Destination.META,
                    destination_name=PLACE.destination,
                    purpose=Purpose.AD_LIST_MATCHING,
                    now=NOW - 8 * HOUR,
                )
                .batch
            )
            rows = Personal(pa.table({"EMAIL": ["x"]}))
            opening = Opening("b1", "r1", PLACE, NOW - 8 * HOUR)
            ledger.intend_add(connection, opening, batch, rows, ids, columns=("EMAIL",))
            ledger.receive(connection, "b1", Told(True, 1, 0, 0, {"session": 1}, {}), now=NOW - 7 * HOUR)

    def say(self, *said: dict[str, str], now: int = NOW) -> None:
        with Workspace.open(self.folder) as opened:
            record_events(opened, statements_of(said), actor="test", now=now)

    def merge(self, external_id: str, *, now: int) -> None:
        """Find out that Zoé is the customer of that number, too."""
        with Workspace.open(self.folder) as opened, opened.store().write() as connection:
            both = Personal(pa.table({"email": [ZOE.email], "external_id": [external_id], "country": ["FR"]}))
            opened.subjects().register(connection, both, now=now)

    def withdraw(self, *, now: int = NOW - 4 * HOUR) -> None:
        self.say({**SAID, "state": "withdrawn", "at": "2026-11-20T10:00:00Z"}, now=now)

    def take_out(self, *, now: int = NOW - 3 * HOUR) -> None:
        with Workspace.open(self.folder) as opened, opened.store().write() as connection:
            ledger = Ledger(opened.store(), opened.log(), opened.subjects())
            ids = pa.array([one for (one,) in connection.execute(select(t.subject.c.subject_id))], pa.int64())
            batch = ledger.removal_batch(connection, PLACE, Destination.META, ids)
            ledger.intend_removal(connection, Opening("b2", "r2", PLACE, now), batch)
            ledger.receive(connection, "b2", Told(True, 1, 0, 0, {}, {}), now=now + HOUR)

    def ask(self, question: str, *, stdin: bytes = b"", **words: Any) -> AnswerResult:  # noqa: ANN401 - a request
        result = self.result(question, stdin=stdin, **words)
        assert isinstance(result, AnswerResult)
        return result

    def result(self, question: str, *, stdin: bytes = b"", **words: Any) -> Result:  # noqa: ANN401 - a request
        result = ask(self.folder, f"audit {question}", stdin=stdin, **words)
        assert ZOE.email not in result.model_dump_json()
        return result

    def about_zoe(self, question: str, **words: Any) -> AnswerResult:  # noqa: ANN401 - words of a request
        return self.ask(question, stdin=f"{ZOE.email}\n".encode(), **words)
