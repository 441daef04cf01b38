"""Any vendor with a REST API that nobody has written a connector for: described in YAML."""

from passerelle.connectors.sources.rest.settings import RestSettings
from passerelle.connectors.sources.rest.source import Rest

__all__ = ["Rest", "RestSettings"]
