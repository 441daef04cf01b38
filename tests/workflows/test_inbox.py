"""What is sent to an inbox, and what comes of it: people, consents, removals, and the lake."""

import base64
import hmac
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from passerelle.connectors.sources.webhooks import Deletions, Delivery, Webhooks, WebhooksSettings
from passerelle.privacy.errors import DefinitionError, TryLater
from passerelle.privacy.store import tables as t
from passerelle.workflows.pull.delivered import able, keep_delivered
from passerelle.workflows.pull.report import SourceReport
from passerelle.workflows.runner.answers import Answer, Asked
from passerelle.workflows.runner.inbox import GroupCommit, Inbox
from passerelle.workflows.runner.memory import Memory
from tests.canary import Canary, leaks
from tests.workflows.pulls import CRM, NOW, SHOP, Shop, contact

KEY = "a-secret-between-the-two"
MINUTE = 60_000_000
FIELDS: dict[str, Any] = {
    "id": {"key": True, "identifier": "external_id"},
    "email": {"identifier": "email", "column": "contact.email"},
    "tier": {"attribute": "string"},
    "ads": {
        "consent": {
            "purpose": "ad_list_matching",
            "given": ["true"],
            "withdrawn": ["false"],
            "at": "updated_at",
            "notice": "ads_notice",
            "grade": "A",
        }
    },
    "ads_notice": {"detail": "string"},
    "updated_at": {"cursor": "timestamp"},
    "topic": {"tombstone": ["customers/delete"], "column": "header:X-Topic"},
}
SAID: dict[str, Any] = {
    "kind": "webhooks",
    "signature": {"scheme": "shopify", "token_file": "shop.secret"},
    "grain": "person",
    "fields": FIELDS,
}


def customer(number: int, minute: int = 0, **more: object) -> dict[str, Any]:
    moment = f"2026-11-20T10:{minute:02d}:00Z"
    contact = {"email": f"person.{number}@example.org", "phone": "+33612340001"}
    plain = {"id": number, "contact": contact, "tier": "gold", "ads": True, "ads_notice": "ads-2026@1"}
    return {**plain, "updated_at": moment, **more}


def asked(body: object, topic: str = "customers/update") -> Asked:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    signature = base64.b64encode(hmac.digest(KEY.encode(), raw, "sha256")).decode()
    return Asked("POST", "/v1/inbox/web", {"x-shopify-hmac-sha256": signature, "x-topic": topic}, raw)


GONE: dict[str, Any] = {
    "kind": "webhook_deletions",
    "signature": {"scheme": "shopify", "token_file": "shop.secret"},
    "of": "crm",
    "key": "customer.id",
}


class Door:
    """A shop with one inbox, and perhaps other sources."""

    def __init__(self, folder: Path, said: dict[str, Any], **others: dict[str, Any]) -> None:
        self.shop = Shop(folder, {"web": said, **others})
        secret = self.shop.folder / "shop.secret"
        secret.write_text(KEY)
        secret.chmod(0o600)
        source = self.shop.open().source("web")
        assert isinstance(source, Webhooks | Deletions)
        self.source = source
        self.pings = 0
        self.reports: list[SourceReport] = []
        self.inbox = Inbox("web", source.receiver, self.keep, self.ping, lambda: NOW / 1e6, Memory(lambda: 0.0))

    def keep(self, deliveries: Sequence[Delivery]) -> bool:
        self.reports.append(keep_delivered(self.shop.open(), self.source, deliveries, now=NOW))
        return self.reports[-1].removals > 0

    def ping(self) -> None:
        self.pings += 1

    def send(self, body: object, topic: str = "customers/update") -> Answer:
        return self.inbox.answer(asked(body, topic))

    def upload(self) -> None:
        """As if everybody who is known were in an audience."""
        people: list[object] = [subject for (subject,) in self.shop.rows("subject", "subject_id")]
        count = len(people)
        rows: dict[str, list[object]] = {
            "destination": ["meta"] * count,
            "audience": ["buyers"] * count,
            "subject_id": people,
            "state": ["member"] * count,
            "revision": [1] * count,
            "batch_id": ["b"] * count,
            "since": [NOW] * count,
        }
        audience: dict[str, list[object]] = {
            "destination": ["meta"],
            "audience": ["buyers"],
            "remote_id": ["77"],
            "columns": ["[]"],
            "described": [""],
            "platform": ["meta"],
            "purpose": ["ad_list_matching"],
            "created_at": [NOW],
        }
        store = self.shop.open().store()
        with store.write() as connection:
            store.insert(connection, t.remote_audience, audience)
            store.insert(connection, t.membership, rows)

    def lake(self) -> list[tuple[Any, ...]]:
        (report,) = self.shop.pull(now=NOW + MINUTE).sources
        assert report.error is None
        return self.shop.lake("web", "tier")

    def consents(self) -> list[str]:
        return [state for (state,) in self.shop.rows("consent_event", "state")]


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path, SAID)


def test_a_delivery_is_kept_before_it_is_answered_and_a_pull_makes_it_part_of_the_lake(door: Door) -> None:
    answer = door.send(customer(1))
    assert (answer.status, json.loads(answer.body)["outcome"]) == (200, "done")
    assert len(door.shop.rows("subject", "subject_id")) == 1
    assert door.consents() == ["ConsentGiven"]
    assert door.lake() == [("gold",)]
    assert door.lake() == [("gold",)], "and the next pull changes nothing"


def test_a_table_that_nothing_was_sent_to_is_there(door: Door) -> None:
    assert door.lake() == []
    assert "web" in door.shop.open().lake().tables()
    assert door.shop.rows("cursor", "watermark") == [(0,)], "nothing says up to when it is known"


def test_what_is_sent_again_changes_nothing_and_what_is_older_neither(door: Door) -> None:
    """An old delivery keeps its signature for ever: what it says is older, and so it stays."""
    door.send(customer(1, 5, tier="new"))
    assert door.send(customer(1, 5, tier="new")).status == 200
    assert len(door.reports) == 1
    again = Inbox("web", door.source.receiver, door.keep, door.ping, lambda: NOW / 1e6, Memory(lambda: 0.0))
    assert again.answer(asked(customer(1, 5, tier="new"))).status == 200, "after the runner was started again"
    assert again.answer(asked(customer(1, 4, tier="old"))).status == 200
    assert door.lake() == [("new",)]
    door.send(customer(1, 6, tier="newer"))
    assert door.lake() == [("newer",)]


def test_who_withdraws_or_is_deleted_there_leaves_at_once(door: Door) -> None:
    for number in (1, 2, 3):
        door.send(customer(number))
    assert door.lake() == [("gold",)] * 3
    door.upload()
    door.send(customer(3, 7, tier="silver"))
    assert door.pings == 0
    door.send(customer(1, 7, ads=False))
    assert (door.pings, door.shop.rows("removal", "cause")) == (1, [("consent_withdrawn",)])
    door.send({"id": 2, "updated_at": "2026-11-20T11:00:00Z"}, topic="customers/delete")
    assert (door.pings, door.reports[-1].deleted) == (2, 1)
    assert len(door.shop.rows("removal", "subject_id")) == 2
    assert sorted(door.consents()) == [*["ConsentGiven"] * 4, "ConsentTerminated", "ConsentWithdrawn"]
    assert door.lake() == [("gold",), ("silver",)]


@pytest.mark.parametrize(
    ("body", "place", "field", "reason"),
    [
        (b"<html>", "", "", "not_json"),
        (b'{"id": NaN}', "", "", "not_json"),
        ([customer(1), 7], " record 2", "", "not_a_record"),
        (customer(1, updated_at="yesterday"), None, "updated_at", "not_a_timestamp"),
        (customer(1, id={"a": 1}), " record 1", "id", "string_type"),
    ],
)
def test_what_is_no_record_is_answered_and_quarantined_without_its_value(
    door: Door, body: object, place: str | None, field: str, reason: str
) -> None:
    assert door.send(body).status == 200, "whoever sent it would send the same again for ever"
    ((where, what, why),) = door.shop.rows("quarantine", "place", "field", "reason")
    assert (what, why) == (field, reason)
    assert where.startswith("key:") if place is None else where.startswith("delivery ")
    assert where.endswith(place or "")


def test_others_of_the_same_sender_are_answered_and_left(tmp_path: Path) -> None:
    said = {**SAID, "records": "data.object", "only": {"body:type": ["customer.updated", "customer.deleted"]}}
    said["fields"] = {**FIELDS, "topic": {"tombstone": ["customer.deleted"], "column": "body:type"}}
    door = Door(tmp_path, said)
    for number, kind in enumerate(("customer.updated", "invoice.paid", "customer.updated", "customer.deleted")):
        body = {"type": kind, "data": {"object": customer(number % 3, number)}}
        assert door.send(body).status == 200
    assert len(door.lake()) == 1


def test_without_the_right_signature_nothing_is_read(door: Door) -> None:
    whole = asked(customer(1))
    for headers in ({}, {"x-shopify-hmac-sha256": "AAAA"}, {**whole.headers, "x-shopify-hmac-sha256": "é"}):
        assert door.inbox.answer(Asked("POST", whole.path, headers, whole.body)).status == 401
    assert (door.reports, door.shop.rows("subject", "subject_id")) == ([], [])


def test_while_a_secret_is_changed_both_hold(tmp_path: Path) -> None:
    signature = {"scheme": "shopify", "token_file": "new.secret", "previous": {"token_file": "shop.secret"}}
    door = Door(tmp_path, {**SAID, "signature": signature})
    (door.shop.folder / "new.secret").write_text("another-secret-altogether")
    (door.shop.folder / "new.secret").chmod(0o600)
    assert door.send(customer(1)).status == 200


def test_a_secret_that_is_gone_is_no_fault_of_the_sender(door: Door) -> None:
    (door.shop.folder / "shop.secret").unlink()
    assert door.send(customer(1)).status == 500
    assert [(check.state, "shop.secret" in check.message) for check in door.source.check()] == [("failed", True)]


def test_what_could_not_be_kept_may_be_sent_again(door: Door) -> None:
    problems: list[Exception] = [TryLater("The store is busy.")]

    def keep(deliveries: Sequence[Delivery]) -> bool:
        if problems:
            raise problems.pop()
        return door.keep(deliveries)

    inbox = Inbox("web", door.source.receiver, keep, door.ping, lambda: NOW / 1e6, Memory(lambda: 0.0))
    answers = [inbox.answer(asked(customer(1))) for _ in range(2)]
    assert [(answer.status, answer.outcome) for answer in answers] == [(503, "try_later"), (200, "done")]
    assert len(door.lake()) == 1


def test_an_inbox_whose_old_deliveries_could_not_be_told_is_refused() -> None:
    fields = {name: role for name, role in FIELDS.items() if name != "updated_at"}
    fields["ads"] = {"consent": {**FIELDS["ads"]["consent"], "at": None}}
    with pytest.raises(DefinitionError, match="no time"):
        WebhooksSettings.model_validate({**SAID, "fields": fields})
    timed = {"scheme": "standard", "token_file": "shop.secret"}
    WebhooksSettings.model_validate({**SAID, "signature": timed, "fields": fields})
    with pytest.raises(DefinitionError, match="`header`"):
        WebhooksSettings.model_validate({**SAID, "signature": {**timed, "scheme": "hmac"}})


def test_nothing_of_anybody_is_in_answers_or_errors(door: Door) -> None:
    zoe = Canary.make("inbox")
    body = customer(1, contact={"email": zoe.email, "phone": zoe.email}, tier={"a": zoe.email})
    for answer in (door.send(body), door.send(customer(2, contact={"email": zoe.email}))):
        assert answer.status == 200
        assert leaks([zoe], answer.body) == []
    assert (
        leaks([zoe], repr(door.source.receiver.signed(asked(body).headers, asked(body).body, NOW / 1e6)).encode()) == []
    )
    door.lake()
    lake = b"".join(path.read_bytes() for path in (door.shop.folder / "var/lake").rglob("*") if path.is_file())
    assert leaks([zoe], lake) == []


def test_who_is_deleted_at_a_vendor_that_lists_no_deletions_is_gone_from_its_table(tmp_path: Path) -> None:
    door = Door(tmp_path, GONE, crm=CRM)
    door.shop.contacts([contact(1), contact(2, tier="bronze")])
    assert door.send({"customer": {"id": "C2"}}).status == 200, "nobody came from there yet"
    assert door.shop.pull("crm").error is None
    before = door.shop.rows("cursor", "source", "state", "watermark")
    door.upload()
    assert door.send({"customer": {"id": "C2"}, "orders_to_redact": []}).status == 200
    assert door.send({"customer": {"id": "C3"}}).status == 200, "nobody by that key"
    assert door.send({"customer": {}}).status == 200
    assert (door.pings, len(door.shop.rows("removal", "subject_id"))) == (1, 1)
    assert door.shop.rows("quarantine", "source", "field", "reason") == [("crm", "customer.id", "missing")]
    assert sorted(door.consents()) == ["ConsentGiven", "ConsentGiven", "ConsentTerminated"]
    assert door.shop.rows("cursor", "source", "state", "watermark") == before, "the next pull goes on where it was"
    for full in (False, True):
        assert door.shop.pull("crm", now=NOW + MINUTE, full=full).error is None
        assert door.shop.lake("crm", "tier") == [("or",)], "what it says is older than its end"


def test_while_the_other_source_is_pulled_a_deletion_waits(tmp_path: Path) -> None:
    door = Door(tmp_path, GONE, crm=CRM)
    with door.shop.open().store().exclusive("pull crm"):
        assert door.send({"customer": {"id": "C2"}}).status == 503
    assert door.send({"customer": {"id": "C2"}}).status == 200


def test_what_cannot_be_said_to_be_gone_is_refused_before_anybody_listens(tmp_path: Path) -> None:
    door = Door(tmp_path, {**GONE, "of": "shop"}, shop=SHOP)
    with pytest.raises(DefinitionError, match="shop cannot be told"):
        able(door.shop.open(), door.source)
    door.shop.configure({"web": {**GONE, "of": "crm.contacts"}, "crm": CRM})
    with pytest.raises(DefinitionError, match="which is no table") as caught:
        able(door.shop.open(), cast("Deletions", door.shop.open().source("web")))
    assert "crm has: crm." in caught.value.advice
    door.shop.configure({"web": {**GONE, "of": "crn"}, "crm": CRM})
    with pytest.raises(DefinitionError, match="no source `crn`"):
        door.shop.open()


def test_those_that_wait_are_kept_together_and_each_is_told() -> None:
    """While one is at work, nine come; they are one batch, and where it fails all nine hear of it."""
    batches: list[list[int]] = []
    waiting, at_work = threading.Event(), threading.Event()

    def work(items: Sequence[int]) -> None:
        batches.append(sorted(items))
        if items[0] == 0:
            at_work.set()
            assert waiting.wait(30)
        elif len(batches) == 2:
            raise TryLater("Not now.")

    commit, ends = GroupCommit(work), list[tuple[int, str]]()

    def do(item: int) -> None:
        try:
            commit.do(item)
            ends.append((item, "done"))
        except TryLater:
            ends.append((item, "try_later"))

    threads = [threading.Thread(target=do, args=(item,)) for item in range(10)]
    threads[0].start()
    assert at_work.wait(30)
    for thread in threads[1:]:
        thread.start()
    while commit.waiting < 9:
        threading.Event().wait(0.001)
    waiting.set()
    for thread in threads:
        thread.join()
    assert batches == [[0], list(range(1, 10))]
    assert sorted(ends) == [(0, "done"), *((item, "try_later") for item in range(1, 10))]
    do(11)
    assert ends[-1] == (11, "done")
