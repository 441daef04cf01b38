"""The nodes the workflows are made of, each with typed parameters, at the node versions of n8n 2.0."""

from passerelle.workflows.n8n.nodes.calls import EmailSend, ExecuteCommand, HttpRequest, Slack
from passerelle.workflows.n8n.nodes.flow import NoOp, SetJson, StickyNote, StopAndError, Switch, Wait
from passerelle.workflows.n8n.nodes.node import Credential, Json, Node, OnError, Retry
from passerelle.workflows.n8n.nodes.pages import Dropdown, FormPage, FormTrigger, RespondToWebhook, Webhook
from passerelle.workflows.n8n.nodes.triggers import Cron, ErrorTrigger, Every, ManualTrigger, ScheduleTrigger, Weekly

__all__ = [
    "Credential",
    "Cron",
    "Dropdown",
    "EmailSend",
    "ErrorTrigger",
    "Every",
    "ExecuteCommand",
    "FormPage",
    "FormTrigger",
    "HttpRequest",
    "Json",
    "ManualTrigger",
    "NoOp",
    "Node",
    "OnError",
    "RespondToWebhook",
    "Retry",
    "ScheduleTrigger",
    "SetJson",
    "Slack",
    "StickyNote",
    "StopAndError",
    "Switch",
    "Wait",
    "Webhook",
    "Weekly",
]
