"""The membership ledger: who is where, by receipts; what was sent of them; which removals are owed.

The order of writes is the design. A push is preceded by its intent (`intend_add`, `intend_removal`: batch,
members, sealed match keys and a log entry, in one transaction) and followed by its receipt (`receive`). A process
that dies between the two leaves a batch `intended`: its people count as uncertain, the next plan sends them again
or takes them out, and `supersede` closes the batch. Nothing else recovers anything.
"""

from passerelle.privacy.ledger.book import Ledger
from passerelle.privacy.ledger.debts import queue_removals
from passerelle.privacy.ledger.replacements import Replacements
from passerelle.privacy.ledger.words import EVERYWHERE, PRESENT, Batch, Doubt, Opening, Place, Remote, Told

__all__ = [
    "EVERYWHERE",
    "PRESENT",
    "Batch",
    "Doubt",
    "Ledger",
    "Opening",
    "Place",
    "Remote",
    "Replacements",
    "Told",
    "queue_removals",
]
