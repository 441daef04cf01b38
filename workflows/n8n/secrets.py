"""Makes the secrets that n8n and the runner share. What stands there already is never overwritten."""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from passerelle.workflows.n8n.nodes.node import Credential, Json
from passerelle.workflows.n8n.options import FORM, MAIL, PING, RUNNER, SLACK
from passerelle.workflows.runner.ping import PingSettings


@dataclass(frozen=True, slots=True)
class Made:
    """Names of files: made now, and kept."""

    written: tuple[str, ...]
    kept: tuple[str, ...]


def make(folder: Path, ping_url: str) -> Made:
    """Write what is missing, readable by its owner only."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    written: list[str] = []
    for name in ("runner.token", "ping.token", "consent.key", "n8n.key", "postgres.password"):
        _write(folder, name, secrets.token_urlsafe(32), written)
    password = (folder / "postgres.password").read_text().strip()
    _write(folder, "store.url", f"postgresql+psycopg://passerelle:{password}@postgres:5432/passerelle", written)
    ping = PingSettings(url=ping_url, token_file=Path("ping.token"))
    _write(folder, "ping.json", ping.model_dump_json() + "\n", written)
    _write(folder, "credentials.json", json.dumps(_credentials(folder), indent=2) + "\n", written)
    everything = sorted(path.name for path in folder.iterdir() if path.is_file())
    return Made(tuple(written), tuple(name for name in everything if name not in written))


def _write(folder: Path, name: str, text: str, written: list[str]) -> None:
    try:
        handle = os.open(folder / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    written.append(name)


def _credentials(folder: Path) -> list[Json]:
    """What `n8n import:credentials` takes. n8n encrypts them; mail server and Slack are for a person to fill in."""
    token = (folder / "runner.token").read_text().strip()
    knock = (folder / "ping.token").read_text().strip()
    data: dict[Credential, dict[str, Json]] = {
        RUNNER: {"name": "Authorization", "value": f"Bearer {token}"},
        PING: {"keyType": "passphrase", "secret": knock, "algorithm": "HS256"},
        FORM: {"user": "marketing", "password": secrets.token_urlsafe(12)},
        MAIL: {"host": "smtp.example.com", "port": 465, "secure": True, "user": "", "password": ""},
        SLACK: {"accessToken": ""},
    }
    return [{"id": each.id, "name": each.name, "type": each.kind, "data": value} for each, value in data.items()]
