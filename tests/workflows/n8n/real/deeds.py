"""What people and other machines do to the stage: fill in the form, send a withdrawal, log in, ask for a run."""

import base64
import csv
import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from passerelle.workflows.n8n.answers import MEANINGS
from passerelle.workflows.n8n.catalogue import CATALOGUE
from passerelle.workflows.runner.ping import knock_token
from passerelle.workflows.runner.secret import Secret
from passerelle.workflows.verbs.contract import Outcome
from tests.waiting import until
from tests.workflows.n8n.real.conftest import OWNER, Stage

_WAIT = 180.0
_TRIES = 5
_CREDENTIALS = "credentials.json"


def credential(stage: Stage, kind: str, name: str) -> dict[str, Any]:
    """The data of one of the credentials that n8n was given."""
    rows = json.loads((stage.secrets / _CREDENTIALS).read_text())
    found: dict[str, Any] = next(row["data"] for row in rows if row["type"] == kind and name in row["name"])
    return found


def submit_form(stage: Stage, audience: str, what: str) -> str:
    """Fill in the marketer's form, again where the page says "not now"; the last page's HTML.

    Every five minutes a run takes people out; a form that is sent meanwhile is turned away, as it should be.
    """
    for _ in range(_TRIES):
        wait_for_runs(stage)
        page = _submitted(stage, audience, what)
        if MEANINGS[Outcome.TRY_LATER].headline not in page:
            break
    return page


def _submitted(stage: Stage, audience: str, what: str) -> str:
    """Follow the form to its last page, as a browser would."""
    login = credential(stage, "httpBasicAuth", "form")
    with httpx.Client(auth=(login["user"], login["password"]), timeout=_WAIT, trust_env=False) as browser:
        answers = {"field-0": (None, audience), "field-1": (None, what)}
        started = browser.post(f"{stage.n8n.url}/form/passerelle", files=answers)
        assert started.status_code == 200, started.text
        waiting = httpx.URL(started.json()["formWaitingUrl"])
        status = waiting.copy_with(path=f"{waiting.path}/n8n-execution-status")
        until(lambda: browser.get(status).text.strip() == "form-waiting", _WAIT)
        page = browser.get(waiting).text
        browser.post(waiting)
        return page


def words_on(page: str) -> str:
    """What a reader sees of a page, without its styles and scripts."""
    seen = re.sub(r"(?s)<(script|style)\b.*?</\1>|<[^>]+>", " ", page)
    return " ".join(seen.split())


def emails_of(stage: Stage) -> dict[str, str]:
    """Every plain e-mail address of the shop's contacts by the SHA-256 that platforms are sent."""
    with (stage.workspace / "data" / "contacts.csv").open(encoding="utf-8") as file:
        rows = [row["email"].strip() for row in csv.DictReader(file, delimiter=";")]
    plain = {row for row in rows if re.fullmatch(r"[a-z0-9.-]+@example\.(com|fr|net|org)", row)}
    return {hashlib.sha256(email.encode()).hexdigest(): email for email in plain}


def whereabouts(stage: Stage, digest: str) -> list[str]:
    """The audiences, at either twin, that hold somebody known by this hash."""
    held = stage.twins.state()["audiences"]
    return [
        f"{one['platform']}/{one['name']}"
        for one in held
        if any(digest in key for keys in stage.twins.members(one["id"]) for key in keys)
    ]


def somebody_everywhere(stage: Stage) -> tuple[str, str]:
    """The e-mail address and hash of somebody who is in an audience at both platforms."""
    for digest, email in sorted(emails_of(stage).items()):
        if len({place.split("/")[0] for place in whereabouts(stage, digest)}) > 1:
            return email, digest
    raise AssertionError("nobody is at both platforms")


def send_withdrawal(stage: Stage, email: str) -> httpx.Response:
    """Post a signed withdrawal to the runner, as a website would."""
    event = {
        "email": email,
        "purpose": "ad_list_matching",
        "state": "withdrawn",
        "at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "source": "website",
        "method": "web_form",
    }
    body = json.dumps({"events": [event]}).encode()
    name, stamp = f"msg_{time.time_ns()}", str(int(time.time()))
    key = (stage.secrets / "consent.key").read_bytes().strip()
    signature = base64.b64encode(hmac.digest(key, f"{name}.{stamp}.".encode() + body, "sha256")).decode()
    headers = {
        "content-type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{signature}",
    }
    return httpx.post(f"{stage.runner}/v1/consent", content=body, headers=headers, timeout=_WAIT, trust_env=False)


def ping(stage: Stage, secret: bytes | None) -> int:
    """Knock at the removal workflow; the status."""
    token = None if secret is None else knock_token(Secret(secret), time.time())
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    url = f"{stage.n8n.url}/webhook/passerelle/removals"
    return httpx.post(url, headers=headers, timeout=_WAIT, trust_env=False).status_code


@contextmanager
def _owner(stage: Stage) -> Iterator[httpx.Client]:
    """A browser in which n8n's owner is logged in."""
    with httpx.Client(base_url=stage.n8n.url, timeout=_WAIT, trust_env=False) as browser:
        told = {"emailOrLdapLoginId": OWNER["email"], "password": OWNER["password"]}
        assert browser.post("/rest/login", json=told).status_code == 200
        yield browser


def wait_for_runs(stage: Stage) -> None:
    """Wait until no workflow is at work: two runs on one audience would turn each other away."""
    at_work = {"filter": json.dumps({"status": ["new", "running"]})}
    with _owner(stage) as browser:
        until(lambda: browser.get("/rest/executions", params=at_work).json()["data"]["results"] == [], _WAIT)


def publish_by_api(stage: Stage) -> dict[str, int]:
    """Publish every workflow through n8n's API, which, unlike its command line, checks nodes and parameters."""
    with _owner(stage) as browser:
        scopes = browser.get("/rest/api-keys/scopes").json()["data"]
        wanted = {"label": "test", "expiresAt": None, "scopes": scopes}
        key = browser.post("/rest/api-keys", json=wanted).json()["data"]["rawApiKey"]
        headers = {"X-N8N-API-KEY": key}
        return {
            identity.id: browser.post(f"/api/v1/workflows/{identity.id}/publish", headers=headers, json={}).status_code
            for identity, _ in CATALOGUE
        }


def given_away(folder: Path, stage: Stage) -> set[str]:
    """What of the shop's people, or of our keys, stands anywhere in a folder: file and kind, never the value."""
    contacts = (stage.workspace / "data" / "contacts.csv").read_text(encoding="utf-8")
    emails = {each.lower() for each in re.findall(r"[\w.+-]+@[\w.-]+", contacts)}
    bare = {re.sub(r"\D", "", each)[1:] for each in re.findall(r"\b0\d(?:[ .]?\d\d){4}\b", contacts)}
    phones = {prefix + each for each in bare for prefix in ("0", "33", "0033")}
    sent = emails | {f"33{each}" for each in bare} | {f"+33{each}" for each in bare}
    digests = {hashlib.sha256(each.encode()).digest() for each in sent}
    hashes = {digest.hex() for digest in digests}
    encoded = {base64.b64encode(digest).decode().rstrip("=") for digest in digests}
    secrets = [stage.secrets / name for name in ("consent.key", "runner.token", "ping.token")]
    secrets.append(stage.workspace / "secrets" / "meta.token")
    login = credential(stage, "httpBasicAuth", "form")
    basic = base64.b64encode(f"{login['user']}:{login['password']}".encode())
    tokens = [path.read_bytes().strip() for path in secrets] + [b"xoxb-for-a-test", login["password"].encode(), basic]
    found = set()
    shipped = folder / ".cache" / "n8n" / "public"  # the pages that n8n brings along
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() and shipped not in path.parents else b""
        text = content.decode("latin-1").lower()
        spaced = re.sub(r"(?<=\d)[ .](?=\d\d)", "", text)
        kinds = {
            "an e-mail address": emails & set(re.findall(r"[\w.+-]+@[\w.-]+", text)),
            "a phone number": phones & {*re.findall(r"\d{10,13}", text), *re.findall(r"\d{10,13}", spaced)},
            "a hash": hashes & set(re.findall(r"[0-9a-f]{64}", text)),
            "a hash in base64": encoded & set(re.findall(r"[\w+/-]{43}", content.decode("latin-1"))),
            "a secret": {str(place) for place, token in enumerate(tokens) if token in content},
        }
        found |= {f"{path.relative_to(folder)}: {kind}" for kind, values in kinds.items() if values}
    return found
