"""Consent that comes in by hand, by file or by the runner's signed endpoint, rather than with a pull."""

from passerelle.workflows.intake.record import Recorded, record_events
from passerelle.workflows.intake.statement import ConsentStatement, statements_of

__all__ = ["ConsentStatement", "Recorded", "record_events", "statements_of"]
