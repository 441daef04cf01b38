"""Tokens that end: renewed in time, by one thread, and never shown."""

import json
import threading
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from passerelle.connectors.authentication import Basic, from_command
from passerelle.connectors.errors import DefinitionError, TryLater
from passerelle.connectors.exchange import Clock
from passerelle.connectors.http import Endpoint, Session
from passerelle.connectors.oauth import ClientCredentials, Grant, JwtBearer, OAuth, Refresh
from tests.connectors.contract.test_http import FakeTime
from tests.connectors.contract.vendor import Answer, Vendor, vendor

CLIENT = {"client_id": "id-1", "client_secret": "CANARY-secret", "refresh_token": "CANARY-0"}


class Desk:
    """A vendor's token address: numbers its tokens, and may change the refresh token with each use."""

    def __init__(self, **more: object) -> None:
        self.given = 0
        self.refresh: str | None = None
        self.more = more

    def __call__(self, _made: Vendor, _path: str, _query: dict[str, str]) -> Answer:
        self.given += 1
        answer: dict[str, Any] = {"access_token": f"CANARY-t{self.given}", **self.more}
        if self.refresh is not None:
            answer["refresh_token"] = self.refresh
        return 200, {}, json.dumps(answer).encode()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    return written(tmp_path / "vendor.json", CLIENT)


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


def written(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    path.chmod(0o600)
    return path


@dataclass
class At:
    """Opens an account at a vendor's token address."""

    vendor: Vendor
    time: FakeTime

    def __call__(self, desk: Desk, grant: Grant) -> OAuth:
        self.vendor.behave = desk
        return OAuth(Endpoint(f"{self.vendor.url}/token", allow_private=True), grant, clock=self.time.clock())


@pytest.fixture
def at(time: FakeTime) -> Iterator[At]:
    with vendor() as made:
        yield At(made, time)


def token(oauth: OAuth) -> str:
    return oauth.headers()["authorization"].removeprefix("Bearer CANARY-")


@pytest.mark.parametrize(
    ("more", "still", "then"),
    [
        ({"expires_in": 1800}, 1679, 1680),
        ({"expires_in": "60"}, 29, 30),
        ({}, 1799, 1800),
        ({"expires_in": None}, 1799, 1800),
    ],
)
def test_it_is_renewed_ahead_of_its_end_and_at_half_of_a_life_that_nobody_named(
    at: At, secret: Path, time: FakeTime, more: dict[str, object], still: float, then: float
) -> None:
    oauth = at(Desk(**more), Refresh(secret))
    began = time.at
    assert token(oauth) == "t1"
    time.at = began + still
    assert token(oauth) == "t1"
    time.at = began + then
    assert token(oauth) == "t2"


def test_a_refresh_token_that_changes_is_written_back_whole_and_private(at: At, secret: Path) -> None:
    desk = Desk(expires_in=60)
    desk.refresh = "CANARY-1"
    token(at(desk, Refresh(secret)))
    assert json.loads(secret.read_text()) == {**CLIENT, "refresh_token": "CANARY-1"}
    assert secret.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in secret.parent.iterdir()] == ["vendor.json"]
    desk.refresh = "CANARY-2"
    token(at(desk, Refresh(secret)))
    assert parse_qs(at.vendor.bodies[-1].decode())["refresh_token"] == ["CANARY-1"]


def test_many_threads_ask_for_one_token(at: At, secret: Path) -> None:
    desk = Desk(expires_in=600)
    oauth = at(desk, Refresh(secret))
    used = oauth.headers()
    threads = [threading.Thread(target=oauth.renew, args=(used,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert desk.given == 2


def test_a_long_wait_for_the_vendor_does_not_outlast_the_token(at: At, secret: Path, time: FakeTime) -> None:
    desk = Desk(expires_in=90)
    oauth = at(desk, Refresh(secret))
    with vendor() as api:
        api.first = [(429, {"retry-after": "50"}, b"")]
        clock = Clock(now=lambda: time.at, sleep=time.sleep)
        with Session(Endpoint(api.url, allow_private=True), authentication=oauth, clock=clock) as session:
            session.get("people")
    assert [one["authorization"] for one in api.headers] == ["Bearer CANARY-t1", "Bearer CANARY-t2"]


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        ((400, {}, b'{"error": "invalid_grant", "x": "CANARY"}'), DefinitionError, r"vendor\.json"),
        ((401, {}, b"CANARY"), DefinitionError, r"vendor\.json"),
        ((200, {}, b'{"access_token": null}'), DefinitionError, r"vendor\.json"),
        ((200, {}, b"CANARY"), DefinitionError, r"vendor\.json"),
    ],
)
def test_a_refused_renewal_names_the_file_and_shows_no_secret(
    at: At, secret: Path, answer: Answer, error: type[Exception], said: str
) -> None:
    oauth = at(Desk(), Refresh(secret))
    at.vendor.first = [answer]
    with pytest.raises(error, match=said) as refused:
        oauth.headers()
    assert refused.value.__context__ is None
    assert "CANARY" not in repr((oauth, refused.value, refused.value.__dict__))


def test_a_token_address_that_is_down_is_for_later(at: At, secret: Path) -> None:
    oauth = at(Desk(), Refresh(secret))
    at.vendor.first = [(503, {}, b"")] * 9
    with pytest.raises(TryLater):
        oauth.headers()


@pytest.mark.parametrize("content", [{"client_id": "x"}, ["CANARY"], {**CLIENT, "refresh_token": 7}])
def test_a_file_that_lacks_something_is_named(at: At, tmp_path: Path, content: object) -> None:
    with pytest.raises(DefinitionError, match=r"vendor\.json") as lacking:
        at(Desk(), Refresh(written(tmp_path / "vendor.json", content))).headers()
    assert "CANARY" not in lacking.value.message


def test_client_credentials_are_posted_as_a_form(at: At, secret: Path) -> None:
    token(at(Desk(), ClientCredentials(secret, "api")))
    assert parse_qs(at.vendor.bodies[0].decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["id-1"],
        "client_secret": ["CANARY-secret"],
        "scope": ["api"],
    }


@pytest.mark.parametrize("google", [True, False])
def test_a_jwt_says_who_for_whom_and_is_signed(at: At, tmp_path: Path, time: FakeTime, google: bool) -> None:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    names = {"client_email": "a@b.example"} if google else {"client_id": "id-1", "username": "u@b.example"}
    path = written(tmp_path / "key.json", {**names, "private_key": pem})
    token(at(Desk(), JwtBearer(path, "https://login.example", "scope-1" if google else "")))
    form = parse_qs(at.vendor.bodies[0].decode())
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    head, claims, signature = form["assertion"][0].split(".")
    key.public_key().verify(decoded(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
    wanted = {"iss": "a@b.example" if google else "id-1", "aud": "https://login.example", "exp": int(time.at) + 180}
    wanted |= {"scope": "scope-1", "iat": int(time.at)} if google else {"sub": "u@b.example"}
    assert json.loads(decoded(claims)) == wanted
    assert json.loads(decoded(head)) == {"alg": "RS256", "typ": "JWT"}


def test_a_key_that_is_none_is_named_and_not_shown(at: At, tmp_path: Path) -> None:
    path = written(tmp_path / "key.json", {"client_id": "x", "username": "y", "private_key": "CANARY"})
    with pytest.raises(DefinitionError, match=r"key\.json holds no RSA") as wrong:
        at(Desk(), JwtBearer(path, "x")).headers()
    assert "CANARY" not in repr(wrong.value)


def test_a_secret_may_come_from_a_command(tmp_path: Path) -> None:
    shown = Basic(from_command(["printf", "user"], tmp_path), from_command(["printf", "pw"], tmp_path))
    assert shown.headers() == {"authorization": "Basic dXNlcjpwdw=="}
    for words in (["false"], ["true"], ["no-such-program-here"]):
        with pytest.raises(DefinitionError, match=words[0]):
            from_command(words, tmp_path)()


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
