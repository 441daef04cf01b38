"""Nodes that face a browser or another machine: forms, their last page, webhooks."""

from dataclasses import dataclass
from typing import ClassVar

from passerelle.workflows.n8n.nodes.node import Credential, Json, JsonObject, Node


@dataclass(frozen=True, slots=True)
class Dropdown:
    """A required choice. n8n does not check the answer, so whoever reads it must."""

    label: str
    options: tuple[str, ...]

    def field(self) -> JsonObject:
        """One field of the form."""
        options: list[Json] = [{"option": option} for option in self.options]
        return {
            "fieldLabel": self.label,
            "fieldType": "dropdown",
            "fieldOptions": {"values": options},
            "requiredField": True,
        }


@dataclass(frozen=True, kw_only=True)
class FormTrigger(Node):
    """A form behind a login. The page waits for the last node."""

    type: ClassVar[str] = "n8n-nodes-base.formTrigger"
    version: ClassVar[float] = 2.3
    is_trigger: ClassVar[bool] = True

    credential: Credential
    webhook_id: str
    path: str
    title: str
    description: str
    fields: tuple[Dropdown, ...]
    button: str

    def parameters(self) -> JsonObject:
        """The node's parameters as n8n stores them."""
        fields: list[Json] = [field.field() for field in self.fields]
        return {
            "authentication": "basicAuth",
            "formTitle": self.title,
            "formDescription": self.description,
            "formFields": {"values": fields},
            "responseMode": "lastNode",
            "options": {"path": self.path, "appendAttribution": False, "buttonLabel": self.button},
        }

    def extras(self) -> JsonObject:
        """The credential and the address."""
        return {"webhookId": self.webhook_id, "credentials": self.credential.reference()}


@dataclass(frozen=True, kw_only=True)
class FormPage(Node):
    """The form's last page. What follows it runs once the page was shown, or after ten minutes."""

    type: ClassVar[str] = "n8n-nodes-base.form"
    version: ClassVar[float] = 2.3

    webhook_id: str
    title: str
    message: str

    def parameters(self) -> JsonObject:
        """The node's parameters as n8n stores them."""
        return {
            "operation": "completion",
            "respondWith": "text",
            "completionTitle": self.title,
            "completionMessage": self.message,
            "limitWaitTime": True,
            "limitType": "afterTimeInterval",
            "resumeAmount": 10,
            "resumeUnit": "minutes",
            "options": {},
        }

    def extras(self) -> JsonObject:
        """The address."""
        return {"webhookId": self.webhook_id}


@dataclass(frozen=True, kw_only=True)
class Webhook(Node):
    """Another machine's call, with a signed token that soon expires. A Respond node answers it.

    n8n writes a call's headers to its database: a secret header would stand there as it is.
    """

    type: ClassVar[str] = "n8n-nodes-base.webhook"
    version: ClassVar[float] = 2.1
    is_trigger: ClassVar[bool] = True

    credential: Credential
    webhook_id: str
    path: str

    def parameters(self) -> JsonObject:
        """The node's parameters as n8n stores them."""
        return {
            "httpMethod": "POST",
            "path": self.path,
            "authentication": "jwtAuth",
            "responseMode": "responseNode",
            "options": {},
        }

    def extras(self) -> JsonObject:
        """The credential and the address."""
        return {"webhookId": self.webhook_id, "credentials": self.credential.reference()}


@dataclass(frozen=True, kw_only=True)
class RespondToWebhook(Node):
    """Answers the webhook's caller with JSON and goes on."""

    type: ClassVar[str] = "n8n-nodes-base.respondToWebhook"
    version: ClassVar[float] = 1.5

    body: str
    status: int

    def parameters(self) -> JsonObject:
        """The node's parameters as n8n stores them."""
        return {"respondWith": "json", "responseBody": self.body, "options": {"responseCode": self.status}}
