"""Knocks at the workflow that carries out removals. The knock says nothing: no body, no person, no count."""

import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from passerelle.privacy.errors import DefinitionError, PasserelleError
from passerelle.workflows.runner.secret import Secret

_TIMEOUT = 10.0
_LOG = logging.getLogger(__name__)


class PingSettings(BaseModel):
    """`--ping-file`: where to knock, and with which secret header."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str
    header: str = "X-Passerelle-Ping"
    token_file: Path


@dataclass(frozen=True, slots=True)
class Ping:
    """Knocks in the background. A knock that fails is no loss: the workflow also looks every few minutes."""

    url: str
    header: str
    token: Secret

    @classmethod
    def from_file(cls, path: Path) -> "Ping":
        """Read the settings, JSON. A relative `token_file` stands beside them. Raises `DefinitionError`."""
        try:
            settings = PingSettings.model_validate_json(path.read_bytes())
        except OSError as problem:
            raise DefinitionError(f"The ping file {path.name} cannot be read: {problem.strerror}.") from None
        except ValidationError:
            raise DefinitionError(
                f"{path.name} is not a ping file.", advice='Write {"url": …, "header": …, "token_file": …}.'
            ) from None
        if urlsplit(settings.url).scheme not in {"http", "https"}:
            raise DefinitionError(f"The url in {path.name} must begin with http:// or https://.")
        return cls(settings.url, settings.header, Secret.from_file(path.parent / settings.token_file))

    def __call__(self) -> None:
        """Knock, without waiting for the answer."""
        threading.Thread(target=self._knock, name="ping", daemon=True).start()

    def _knock(self) -> None:
        from passerelle.connectors.http import Endpoint, Patience, Session

        endpoint = Endpoint(self.url, allow_private=True, timeout=_TIMEOUT)  # n8n stands beside us
        try:
            headers = {self.header: self.token.text()}
            with Session(endpoint, headers=headers, patience=Patience(attempts=1)) as session:
                session.request("POST", self.url)
        except (PasserelleError, ValueError):
            _LOG.warning("the removal workflow could not be pinged; it looks by itself every few minutes")
