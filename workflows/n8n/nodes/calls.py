"""Nodes that reach out: the command line, the runner, a mailbox, a channel."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from passerelle.workflows.n8n.nodes.node import Credential, Json, JsonObject, Node


@dataclass(frozen=True, kw_only=True)
class ExecuteCommand(Node):
    """Runs a shell line once. n8n keeps neither output nor exit code of a failed one."""

    type: ClassVar[str] = "n8n-nodes-base.executeCommand"
    version: ClassVar[float] = 1

    command: str

    def parameters(self) -> JsonObject:
        """The node's parameters as n8n stores them."""
        return {"executeOnce": True, "command": self.command}


@dataclass(frozen=True, kw_only=True)
class HttpRequest(Node):
    """Posts JSON and hands on the whole answer as text, whatever its status: who reads it judges it."""

    type: ClassVar[str] = "n8n-nodes-base.httpRequest"
    version: ClassVar[float] = 4.3

    url: str
    credential: Credential
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_ms: int

    def parameters(self) -> JsonObject:
        """The node's parameters as n8n stores them."""
        headers: list[Json] = [{"name": name, "value": value} for name, value in self.headers.items()]
        return {
            "method": "POST",
            "url": self.url,
            "authentication": "genericCredentialType",
            "genericAuthType": self.credential.kind,
            "sendHeaders": True,
            "headerParameters": {"parameters": headers},
            "sendBody": True,
            "specifyBody": "json",
            "jsonBody": self.body,
            "options": {
                "redirect": {"redirect": {"followRedirects": False}},
                "response": {"response": {"fullResponse": True, "neverError": True, "responseFormat": "text"}},
                "timeout": self.timeout_ms,
            },
        }

    def extras(self) -> JsonObject:
        """The credential."""
        return {"credentials": self.credential.reference()}


@dataclass(frozen=True, kw_only=True)
class EmailSend(Node):
    """Sends a plain text e-mail."""

    type: ClassVar[str] = "n8n-nodes-base.emailSend"
    version: ClassVar[float] = 2.1

    credential: Credential
    sender: str
    recipient: str
    subject: str
    text: str

    def parameters(self) -> JsonObject:
        """The node's parameters as n8n stores them."""
        return {
            "resource": "email",
            "operation": "send",
            "fromEmail": self.sender,
            "toEmail": self.recipient,
            "subject": self.subject,
            "emailFormat": "text",
            "text": self.text,
            "options": {"appendAttribution": False},
        }

    def extras(self) -> JsonObject:
        """The credential."""
        return {"credentials": self.credential.reference()}


@dataclass(frozen=True, kw_only=True)
class Slack(Node):
    """Posts a message into a channel."""

    type: ClassVar[str] = "n8n-nodes-base.slack"
    version: ClassVar[float] = 2.4

    credential: Credential
    channel: str
    text: str

    def parameters(self) -> JsonObject:
        """The node's parameters as n8n stores them."""
        return {
            "resource": "message",
            "operation": "post",
            "authentication": "accessToken",
            "select": "channel",
            "channelId": {"__rl": True, "mode": "name", "value": self.channel},
            "messageType": "text",
            "text": self.text,
            "otherOptions": {"includeLinkToWorkflow": False},
        }

    def extras(self) -> JsonObject:
        """The credential."""
        return {"credentials": self.credential.reference()}
