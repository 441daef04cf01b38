"""Consent events, notices, policy, resolution and the gate."""

from passerelle.privacy.consent.events import CONSENT_EVENTS
from passerelle.privacy.consent.foreseen import Foreseen
from passerelle.privacy.consent.gate import Cleared, Gate, StaleSource
from passerelle.privacy.consent.notice import Notice
from passerelle.privacy.consent.policy import Policy
from passerelle.privacy.consent.reasons import REASONS
from passerelle.privacy.consent.record import ConsentLog, Ingested
from passerelle.privacy.consent.resolve import resolve

__all__ = [
    "CONSENT_EVENTS",
    "REASONS",
    "Cleared",
    "ConsentLog",
    "Foreseen",
    "Gate",
    "Ingested",
    "Notice",
    "Policy",
    "StaleSource",
    "resolve",
]
