"""Tokens that end, renewed ahead of their end.

    OAuth(Endpoint("https://oauth.pipedrive.com/oauth/token"), Refresh(folder / "secrets/pipedrive.json"))

A token is renewed before it ends, never because it was refused: `ahead` seconds before `expires_in`, or at half its
assumed life where the answer names none (Salesforce). It is looked at before each try, so a long wait in between costs
nothing. Where a vendor takes a token back early and answers 401, it is renewed once.

A refused renewal is a `DefinitionError` that names the file. Where a refresh token changes with each use, the new one
is written into that file, atomically and with mode 0600, before the new access token is used.
"""

import fcntl
import json
import os
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from passerelle.connectors.authentication import Authentication
from passerelle.connectors.errors import DefinitionError, Refused
from passerelle.connectors.exchange import Ask, Clock
from passerelle.connectors.http import Denied, Endpoint, Session
from passerelle.privacy.secret_file import read_secret

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_JWT_SECONDS = 180


class Grant(Protocol):
    """What a token is asked for with."""

    @property
    def path(self) -> Path:
        """The file that the secret stands in."""
        ...

    def form(self, now: float) -> Mapping[str, str]:
        """What to post. Raises `DefinitionError` where the file does not hold what is needed."""
        ...

    def answered(self, answer: Mapping[str, Any]) -> None:
        """Keep what the answer says for the next time."""
        ...


@dataclass(frozen=True, slots=True)
class Refresh:
    """A refresh token. The file is JSON: `client_id`, `client_secret`, `refresh_token`."""

    path: Path

    def form(self, now: float) -> Mapping[str, str]:  # noqa: ARG002 - of the protocol
        """Read anew each time: another process may have written it."""
        found = _fields(self.path, "client_id", "client_secret", "refresh_token")
        return {"grant_type": "refresh_token", **found}

    def answered(self, answer: Mapping[str, Any]) -> None:
        """A refresh token that changed is written back."""
        fresh = answer.get("refresh_token")
        held = _read(self.path)
        if isinstance(fresh, str) and fresh and fresh != held.get("refresh_token"):
            _write(self.path, {**held, "refresh_token": fresh})


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """A client's own id and secret. The file is JSON: `client_id`, `client_secret`."""

    path: Path
    scope: str = ""

    def form(self, now: float) -> Mapping[str, str]:  # noqa: ARG002 - of the protocol
        """The two, and the scope where there is one."""
        scope = {"scope": self.scope} if self.scope else {}
        return {"grant_type": "client_credentials", **_fields(self.path, "client_id", "client_secret"), **scope}

    def answered(self, answer: Mapping[str, Any]) -> None:
        """Nothing to keep."""


@dataclass(frozen=True, slots=True)
class JwtBearer:
    """A statement signed by us (RS256).

    The file is JSON. Salesforce: `client_id`, `username`, `private_key` (PEM). Google: a service account's file as it
    is downloaded, with `client_email`, `private_key`; then `scope` says what for.
    """

    path: Path
    audience: str
    scope: str = ""

    def form(self, now: float) -> Mapping[str, str]:
        """Signed now, and good for three minutes."""
        google = bool(self.scope)
        issuer, subject = ("client_email", None) if google else ("client_id", "username")
        names = (issuer, "private_key", *(() if subject is None else (subject,)))
        found = _fields(self.path, *names)
        claims: dict[str, Any] = {"iss": found[issuer], "aud": self.audience, "exp": int(now) + _JWT_SECONDS}
        if subject is None:
            claims |= {"scope": self.scope, "iat": int(now)}
        else:
            claims["sub"] = found[subject]
        return {"grant_type": JWT_BEARER, "assertion": signed(claims, found["private_key"], self.path.name)}

    def answered(self, answer: Mapping[str, Any]) -> None:
        """Nothing to keep."""


@dataclass(slots=True)
class OAuth(Authentication):
    """A token, asked for at `endpoint` (the token URL itself), and shown in `header` behind `prefix`."""

    endpoint: Endpoint
    grant: Grant
    header: str = "authorization"
    prefix: str = "Bearer "
    ahead: float = 120.0
    assumed_life: float = 3600.0
    clock: Clock = field(default_factory=Clock, repr=False)
    _token: str = field(default="", init=False, repr=False)
    _renew_at: float = field(default=0.0, init=False, repr=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def headers(self) -> Mapping[str, str]:
        """The token, renewed where its end is near."""
        with self._lock:
            if not self._token or self.clock.now() >= self._renew_at:
                self._ask()
            return {self.header: self.prefix + self._token}

    def renew(self, used: Mapping[str, str]) -> bool:
        """A new token, unless another thread has fetched one since `used`."""
        with self._lock:
            if used.get(self.header) == self.prefix + self._token:
                self._ask()
            return True

    def _ask(self) -> None:
        with _alone(self.grant.path):
            refused = ""
            answer: Any = None
            try:
                with Session(self.endpoint, clock=self.clock) as session:
                    ask = Ask(self.endpoint.url, method="POST", form=self.grant.form(self.clock.now()))
                    answer = session.send(ask).at("")
            except (Refused, Denied) as problem:
                refused = problem.message
            token = answer.get("access_token") if isinstance(answer, dict) else None
            if refused or not isinstance(token, str) or not token:
                raise DefinitionError(
                    f"No token is given for what stands in {self.grant.path.name}. {refused}".rstrip(),
                    advice="It was taken back, has ended, or is for another address: connect the account anew.",
                )
            self.grant.answered(answer)
        self._token = token
        self._renew_at = self.clock.now() + self._lasting(answer.get("expires_in"))

    def _lasting(self, said: object) -> float:
        """Seconds for which the token is used: nearly all its life, or half of one that nobody named."""
        try:
            life = float(str(said))
        except ValueError:
            return self.assumed_life / 2
        return max(life - self.ahead, life / 2)


def signed(claims: Mapping[str, Any], private_key: str, name: str) -> str:
    """A JWT, signed with RS256. `name` is the file's, for the error where the key cannot be used."""
    try:
        key = serialization.load_pem_private_key(private_key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise DefinitionError(f"{name} holds no RSA private key as unencrypted PEM.")
    parts = [
        _coded(json.dumps(part, separators=(",", ":")).encode()) for part in ({"alg": "RS256", "typ": "JWT"}, claims)
    ]
    text = ".".join(parts)
    return f"{text}.{_coded(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _coded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def _read(path: Path) -> dict[str, Any]:
    text = read_secret(path)
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise DefinitionError(f"The secret file {path.name} is no JSON object.")
    return found


def _fields(path: Path, *names: str) -> dict[str, str]:
    found = _read(path)
    lacking = [name for name in names if not isinstance(found.get(name), str) or not found[name]]
    if lacking:
        raise DefinitionError(f"The secret file {path.name} lacks {' and '.join(lacking)}.")
    return {name: str(found[name]) for name in names}


def _write(path: Path, content: Mapping[str, Any]) -> None:
    """Whole or not at all, and never readable by others."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(content, stream, indent=1)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time renews what stands in a file: a refresh token may be good for one use."""
    try:
        descriptor = os.open(path.parent, os.O_RDONLY)
    except OSError:
        raise DefinitionError(f"The folder of the secret file {path.name} cannot be read.") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
