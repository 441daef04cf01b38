"""What really goes over the wire, byte for byte and message for message."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from google.ads import datamanager_v1 as dm

from passerelle.connectors.contract.destination import Intent, RemoteAudience
from passerelle.connectors.destinations.google_requests import Requests
from passerelle.connectors.destinations.google_rows import COLUMNS
from passerelle.connectors.destinations.google_rows import match_keys as google_keys
from passerelle.connectors.destinations.meta import Meta
from passerelle.connectors.destinations.meta_rows import SCHEMA
from passerelle.connectors.destinations.meta_rows import match_keys as meta_keys
from passerelle.privacy.vocabulary import Destination
from tests.connectors.destinations.people import cleared, removal, sha
from tests.connectors.destinations.stage import TOKEN

ZOE = {
    "external_id": ["C000042"],
    "email": ["Zoe.D+x@Gmail.com", "zoe.d@gmail.com", "zoe@example.fr"],
    "phone": ["06 12 34 56 78"],
    "first_name": ["Zoé"],
    "last_name": ["D'Ambrosio"],
    "gender": ["Femme"],
    "birth_year": ["1984"],
    "city": ["Saint-Étienne"],
    "postal_code": ["42 000"],
    "country": "FR",
}
RECEIPT = {
    "audience_id": "7",
    "session_id": "1",
    "num_received": 1,
    "num_invalid_entries": 0,
    "invalid_entry_samples": {},
}


class Recorder(BaseHTTPRequestHandler):
    seen: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append({"path": self.path, "headers": dict(self.headers), "body": body})  # type: ignore[attr-defined]
        raw = json.dumps(RECEIPT).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def recorder() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Recorder)
    server.seen = []  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def made(recorder: HTTPServer, folder: Path) -> Meta:
    for name, content in (("token", TOKEN), ("secret", "app-secret")):
        (folder / name).write_text(content)
        (folder / name).chmod(0o400)
    settings = Meta.Settings(
        kind="meta",
        ad_account="act_1",
        token_file=Path("token"),
        app_secret_file=Path("secret"),
        endpoint=f"http://127.0.0.1:{recorder.server_port}",
    )
    return Meta("meta", settings, folder=folder, sleep=lambda _: None)


def fields(body: bytes) -> dict[str, str]:
    """The parts of a multipart form."""
    boundary = body.split(b"\r\n", 1)[0]
    found = {}
    for part in body.split(boundary)[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        found[head.split(b'name="')[1].split(b'"')[0].decode()] = value.removesuffix(b"\r\n").decode()
    return found


def test_what_meta_gets_of_one_person(recorder: HTTPServer, tmp_path: Path) -> None:
    batch = cleared([ZOE], Destination.META)
    remote = RemoteAudience("7", tuple(SCHEMA))
    made(recorder, tmp_path).add(remote, batch, meta_keys(batch), Intent("b1", 1))
    (call,) = recorder.seen  # type: ignore[attr-defined]
    sent = fields(call["body"])
    assert call["path"].startswith("/v26.0/7/users?appsecret_proof=")
    assert call["headers"]["Authorization"] == f"Bearer {TOKEN}"
    assert sent.keys() == {"session", "payload"}
    session = json.loads(sent["session"])
    assert 0 < session.pop("session_id") < 2**63
    assert session == {"batch_seq": 1, "last_batch_flag": True, "estimated_num_total": 1}
    payload = json.loads(sent["payload"])
    assert payload.keys() == {"schema", "data"}
    assert dict(zip(payload["schema"], payload["data"][0], strict=True)) == {
        "EXTERN_ID": "C000042",
        "EMAIL": sha("zoe.d+x@gmail.com"),
        "PHONE": sha("33612345678"),
        "MADID": "",
        "FN": sha("zoé"),
        "LN": sha("dambrosio"),
        "GEN": sha("f"),
        "DOBY": sha("1984"),
        "DOBM": "",
        "DOBD": "",
        "CT": sha("saintetienne"),
        "ST": "",
        "ZIP": sha("42000"),
        "COUNTRY": sha("fr"),
    }


def test_a_removal_is_a_post_that_says_delete_with_nothing_in_its_url(recorder: HTTPServer, tmp_path: Path) -> None:
    rows = meta_keys(cleared([ZOE], Destination.META)).rows.reveal()
    remote = RemoteAudience("7", tuple(SCHEMA))
    made(recorder, tmp_path).remove(remote, removal([1], rows, Destination.META), Intent("b1", 1))
    (call,) = recorder.seen  # type: ignore[attr-defined]
    sent = fields(call["body"])
    assert sent["method"] == "delete"
    assert json.loads(sent["payload"])["data"][0][1] == sha("zoe.d+x@gmail.com")
    assert sha("zoe.d+x@gmail.com") not in call["path"]
    assert TOKEN not in call["path"]


def test_each_try_has_a_session_of_its_own(recorder: HTTPServer, tmp_path: Path) -> None:
    batch = cleared([ZOE], Destination.META)
    meta, remote = made(recorder, tmp_path), RemoteAudience("7", tuple(SCHEMA))
    for intent in (Intent("b1", 1), Intent("b1", 2), Intent("b2", 1)):
        meta.add(remote, batch, meta_keys(batch), intent)
    sessions = {json.loads(fields(call["body"])["session"])["session_id"] for call in recorder.seen}  # type: ignore[attr-defined]
    assert len(sessions) == 3


def test_what_google_gets_of_one_person() -> None:
    remote = RemoteAudience("8000000001", COLUMNS)
    rows = google_keys(cleared([ZOE], Destination.GOOGLE_ADS)).rows.reveal()
    request = Requests("1234567890", "9876543210").ingest(remote, rows)
    assert dm.IngestAudienceMembersRequest.to_dict(
        request, use_integers_for_enums=False, always_print_fields_with_no_presence=False
    ) == {
        "destinations": [
            {
                "operating_account": {"account_id": "1234567890", "account_type": "GOOGLE_ADS"},
                "login_account": {"account_id": "9876543210", "account_type": "GOOGLE_ADS"},
                "product_destination_id": "8000000001",
            }
        ],
        "audience_members": [
            {
                "composite_data": {
                    "user_data": {
                        "user_identifiers": [
                            {"email_address": sha("zoed@gmail.com")},
                            {"email_address": sha("zoe@example.fr")},
                            {"phone_number": sha("+33612345678")},
                            {
                                "address": {
                                    "given_name": sha("zoé"),
                                    "family_name": sha("d'ambrosio"),
                                    "region_code": "FR",
                                    "postal_code": "42000",
                                }
                            },
                        ]
                    }
                },
                "consent": {"ad_user_data": "CONSENT_GRANTED", "ad_personalization": "CONSENT_GRANTED"},
            }
        ],
        "encoding": "HEX",
        "terms_of_service": {"customer_match_terms_of_service_status": "ACCEPTED"},
    }


def test_an_address_that_is_not_whole_is_not_sent_at_all() -> None:
    partly = {name: value for name, value in ZOE.items() if name != "postal_code"}
    keys = google_keys(cleared([partly], Destination.GOOGLE_ADS))
    (row,) = keys.rows.reveal().to_pylist()
    assert [row[name] for name in ("given_name", "family_name", "region_code", "postal_code")] == [None] * 4
    assert keys.dropped == {"address.incomplete": 1}


def test_a_member_never_has_more_than_ten_identifiers() -> None:
    much = {
        "email": [f"zoe{number}@example.fr" for number in range(20)],
        "phone": [f"+336123456{number}" for number in range(10, 30)],
        "first_name": ["Zoé"],
        "last_name": ["Martin"],
        "postal_code": ["59000"],
        "country": "FR",
    }
    keys = google_keys(cleared([much], Destination.GOOGLE_ADS))
    request = Requests("1234567890", None).ingest(RemoteAudience("1", COLUMNS), keys.rows.reveal())
    (member,) = request.audience_members
    assert len(member.composite_data.user_data.user_identifiers) == 10
    assert keys.dropped == {"email.too_many": 15, "phone.too_many": 16}


def test_a_removal_from_google_carries_no_consent_and_the_keys_that_were_sent() -> None:
    rows = google_keys(cleared([ZOE], Destination.GOOGLE_ADS)).rows.reveal()
    request = Requests("1234567890", None).remove(RemoteAudience("1", COLUMNS), rows)
    (member,) = request.audience_members
    assert len(member.composite_data.user_data.user_identifiers) == 4
    assert "consent" not in dm.AudienceMember.to_dict(member) or member.consent.ad_user_data == 0
