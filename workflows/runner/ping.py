"""Knocks at the workflow that carries out removals. The knock says nothing: no body, no person, no count.

n8n writes the headers of every call to its database. So the secret itself is never sent: a JSON Web Token signed with
it is, which is worthless a minute later.
"""

import base64
import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from passerelle.privacy.errors import DefinitionError, PasserelleError
from passerelle.workflows.runner.secret import Secret

_TIMEOUT = 10.0
_LIFE_SECONDS = 60
_LOG = logging.getLogger(__name__)


class PingSettings(BaseModel):
    """`--ping-file`: where to knock, and the file with the secret that n8n's credential holds, too."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str
    token_file: Path


def knock_token(secret: Secret, now: float) -> str:
    """A JSON Web Token (HS256) that is good for a minute from `now`, in seconds since 1970."""
    claims = {"iat": int(now), "exp": int(now) + _LIFE_SECONDS}
    parts = [_encoded(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    return ".".join([*parts, _encoded(secret.sign(".".join(parts).encode()))])


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Ping:
    """Knocks in the background. A knock that fails is no loss: the workflow also looks every few minutes."""

    url: str
    secret: Secret
    seconds: Callable[[], float]

    @classmethod
    def from_file(cls, path: Path, seconds: Callable[[], float]) -> "Ping":
        """Read the settings, JSON. A relative `token_file` stands beside them. Raises `DefinitionError`."""
        try:
            settings = PingSettings.model_validate_json(path.read_bytes())
        except OSError as problem:
            raise DefinitionError(f"The ping file {path.name} cannot be read: {problem.strerror}.") from None
        except ValidationError:
            raise DefinitionError(
                f"{path.name} is not a ping file.", advice='Write {"url": …, "token_file": …}.'
            ) from None
        if urlsplit(settings.url).scheme not in {"http", "https"}:
            raise DefinitionError(f"The url in {path.name} must begin with http:// or https://.")
        return cls(settings.url, Secret.from_file(path.parent / settings.token_file), seconds)

    def __call__(self) -> None:
        """Knock, without waiting for the answer."""
        threading.Thread(target=self._knock, name="ping", daemon=True).start()

    def _knock(self) -> None:
        from passerelle.connectors.http import Endpoint, Patience, Session

        endpoint = Endpoint(self.url, allow_private=True, timeout=_TIMEOUT)  # n8n stands beside us
        headers = {"Authorization": f"Bearer {knock_token(self.secret, self.seconds())}"}
        try:
            with Session(endpoint, headers=headers, patience=Patience(attempts=1)) as session:
                session.request("POST", self.url)
        except (PasserelleError, ValueError):
            _LOG.warning("the removal workflow could not be pinged; it looks by itself every few minutes")
