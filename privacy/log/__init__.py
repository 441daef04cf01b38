"""The RFC 6962 log of events, decisions and batches."""

from passerelle.privacy.log.book import KINDS, Log
from passerelle.privacy.log.canonical import canonical
from passerelle.privacy.log.entries import Verification
from passerelle.privacy.log.note import Checkpoint, Verifier

__all__ = ["KINDS", "Checkpoint", "Log", "Verification", "Verifier", "canonical"]
