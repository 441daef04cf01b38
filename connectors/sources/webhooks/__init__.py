"""Sources that are sent to: records (`webhooks`), or what is gone from another source (`webhook_deletions`)."""

from passerelle.connectors.sources.webhooks.deletions import Deletions, WebhookDeletions
from passerelle.connectors.sources.webhooks.receiving import Delivery, Received, Receiver
from passerelle.connectors.sources.webhooks.source import Webhooks, WebhooksSettings

__all__ = ["Deletions", "Delivery", "Received", "Receiver", "WebhookDeletions", "Webhooks", "WebhooksSettings"]
