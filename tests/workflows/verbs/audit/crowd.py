"""A workspace in which many people consented, were sent, and some withdrew: made in whole columns."""

from pathlib import Path

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection

from passerelle.privacy.consent.events import shaped
from passerelle.privacy.ledger import Ledger, Opening, Place, Remote, Told
from passerelle.privacy.personal import Personal
from passerelle.privacy.vocabulary import Destination, Purpose
from passerelle.workflows.workspace import Workspace
from tests.workflows.surroundings import NOW
from tests.workflows.verbs.audit.shop import HOUR
from tests.workflows.verbs.people import workspace

PLACE = Place("meta", "lapsing_champions")
DAY = 24 * HOUR
ROWS = 10_000


def crowd(folder: Path, people: int, *, store_url: str | None = None) -> Path:
    """Everybody was sent to Meta; one in ten said no since, and half of those are out."""
    workspace(folder)
    if store_url is not None:
        _kept_at(folder, store_url)
    with Workspace.open(folder) as opened:
        with opened.store().write() as connection:
            table = pa.table(
                {"email": [f"p{number}@example.com" for number in range(people)], "country": ["FR"] * people}
            )
            ids = opened.subjects().register(connection, Personal(table), now=NOW - 9 * DAY)
        said(opened, ids, "ConsentGiven", NOW - 200 * DAY, now=NOW - 8 * DAY)
        with opened.store().write() as connection:
            ledger = Ledger(opened.store(), opened.log(), opened.subjects())
            remote = Remote("77", ("EMAIL",), Destination.META, Purpose.AD_LIST_MATCHING)
            ledger.remember(connection, PLACE, remote, now=NOW - 7 * DAY)
            for start in range(0, people, ROWS):
                _sent(opened, connection, ledger, ids.slice(start, ROWS), f"a{start}")
        no = ids.filter(pa.array(np.arange(people) % 10 == 0))
        said(opened, no, "ConsentWithdrawn", NOW - 6 * DAY, now=NOW - 5 * DAY)
        with opened.store().write() as connection:
            ledger = Ledger(opened.store(), opened.log(), opened.subjects())
            out = no.slice(0, len(no) // 2)
            opening = Opening("r1", "r1", PLACE, NOW - 5 * DAY + HOUR)
            ledger.intend_removal(connection, opening, ledger.removal_batch(connection, PLACE, Destination.META, out))
            ledger.receive(connection, "r1", Told(True, len(out), 0, 0, {}, {}), now=NOW - 5 * DAY + 2 * HOUR)
    return folder


def said(opened: Workspace, ids: pa.Array, state: str, at: int, *, now: int) -> None:
    """Everybody of `ids` says the same at the same time."""
    count = len(ids)
    columns = {
        "subject_id": ids,
        "purpose": pa.repeat("ad_list_matching", count),
        "state": pa.repeat(state, count),
        "event_time": pa.array(np.full(count, at)),
        "precision": pa.repeat("second", count),
        "notice": pa.repeat("ads-2026@1", count),
        "grade": pa.repeat("A", count),
        "stream": pa.repeat("crm", count),
        "method": pa.repeat("web_form", count),
    }
    with opened.store().write() as connection:
        opened.consent_log().ingest(connection, shaped(pa.table(columns)), actor="test", now=now)


def _sent(opened: Workspace, connection: Connection, ledger: Ledger, ids: pa.Array, name: str) -> None:
    cleared = opened.gate().clear(
        connection,
        ids,
        audience=PLACE.audience,
        destination=Destination.META,
        destination_name=PLACE.destination,
        purpose=Purpose.AD_LIST_MATCHING,
        now=NOW - 7 * DAY,
    )
    who = cleared.batch.subject_ids
    rows = Personal(pa.table({"EMAIL": pa.repeat("x", len(who))}))
    ledger.intend_add(
        connection, Opening(name, "r0", PLACE, NOW - 7 * DAY), cleared.batch, rows, who, columns=("EMAIL",)
    )
    ledger.receive(connection, name, Told(True, len(who), 0, 0, {"session": 1}, {}), now=NOW - 7 * DAY + HOUR)


def _kept_at(folder: Path, store_url: str) -> None:
    secret = folder / "secrets" / "store.url"
    secret.write_text(store_url, "utf-8")
    secret.chmod(0o600)
    settings = folder / "passerelle.yaml"
    text = settings.read_text("utf-8").replace("store: var/control.db", "store: {url_file: secrets/store.url}")
    settings.write_text(text, "utf-8")
