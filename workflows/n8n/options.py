"""What an export may choose: how Passerelle is reached, where, how patiently, and whom to tell."""

import re
from dataclasses import dataclass, field
from typing import Literal

from passerelle.privacy.zones import time_zones
from passerelle.workflows.n8n.nodes import Credential

Via = Literal["command", "http"]

DEMO_AUDIENCES = ("cart_abandoners", "lapsing_champions", "newsletter_readers")
"""The audiences of the workspace that `init` makes: the form's choices where no workspace is at hand."""

RUNNER = Credential("httpHeaderAuth", "passerelleRunner", "Passerelle runner")
PING = Credential("jwtAuth", "passerellePing00", "Passerelle removal ping")
FORM = Credential("httpBasicAuth", "passerelleForm00", "Passerelle form")
MAIL = Credential("smtp", "passerelleMailer", "Passerelle mail")
SLACK = Credential("slackApi", "passerelleSlack0", "Passerelle Slack")
CREDENTIALS = (RUNNER, PING, FORM, MAIL, SLACK)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a workflow goes on by itself. No single wait passes 65 seconds: n8n would park the run."""

    attempts: int = 7
    """Tries of one step while it says `try_later`."""
    first_wait: float = 5
    """Seconds before the second try; doubled each time."""
    longest_wait: float = 60
    """Seconds that no wait passes."""
    polls: int = 10
    """How often to ask whether a platform has finished."""
    poll_wait: float = 60
    """Seconds between two such questions."""

    def __post_init__(self) -> None:
        if max(self.first_wait, self.longest_wait, self.poll_wait) > 65:  # noqa: PLR2004 - n8n's own limit
            raise ValueError("no wait may pass 65 seconds")


@dataclass(frozen=True, slots=True)
class Options:
    """One export. The defaults are those of `docker-compose.yml`."""

    via: Via = "http"
    program: str = "passerelle"
    workspace: str = "/workspace"
    runner_url: str = "http://runner:8080"
    timezone: str = "Europe/Paris"
    audiences: tuple[str, ...] = DEMO_AUDIENCES
    slack_channel: str = "#audiences"
    mail_from: str = "passerelle@example.com"
    mail_to: str = "data-team@example.com"
    pace: Pace = field(default_factory=Pace)

    def __post_init__(self) -> None:
        fixed = (self.program, self.workspace, self.runner_url, self.timezone, self.slack_channel)
        if any("{{" in text or text.startswith("=") or not text.isprintable() for text in fixed):
            raise ValueError("a path, an address or a channel must be plain text")
        if self.timezone not in time_zones():
            raise ValueError("the time zone must be one such as Europe/Paris")
        if not all(re.fullmatch(r"[a-z0-9_]{1,64}", name) for name in self.audiences) or not self.audiences:
            raise ValueError("audiences need names of small letters, digits and underscores, and at least one")
