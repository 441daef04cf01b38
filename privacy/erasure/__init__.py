"""Erasure: a person leaves, in an order that never lies.

1. `request`: from then on nobody finds the person and nothing is decided in their favour; removals are owed
   everywhere they were ever sent. Their keys stay, since platforms remove only what they are sent again.
2. The removals are carried out (`workflows.erase`); `ready` says whose are all confirmed.
3. `finish`: what must be kept as evidence is sealed to the data protection officer; keys, identifiers, pseudonyms
   and rows are destroyed. All of it is one transaction.

`expire` destroys fingerprints and evidence whose time is over. The log has an entry of kind `erasure` for each:

    {"step": "requested", "subject_ids": […], "erasures": [{"erasure", "subject_ids"}], "cause", "received", "queued",
     "fingerprints", "until"}
    {"step": "done", "subject_ids": […], "gone": {"consent_event": {"12": 3}, "decision": {}}, "destroyed": {…},
     "erasures": [{"erasure", "subject_ids", "evidence": SHA-256 in hex or null, "destroy_after": time or null}]}
    {"step": "expired", "fingerprints": 4, "erasures": [{"erasure", "evidence"}]}

Only people whom a `done` entry names may have no audit key; `gone` says how many rows, that rest on which entries,
were destroyed with them.
"""

from passerelle.privacy.erasure.desk import CAUSES, DONE, REMOVING, REQUESTED, Desk, Kept, Open
from passerelle.privacy.erasure.finishing import Expired, Finished, expire, finish
from passerelle.privacy.erasure.requests import Requested, open_erasures, pushed, ready, request
from passerelle.privacy.erasure.sealing import Opener, Recipient

__all__ = [
    "CAUSES",
    "DONE",
    "REMOVING",
    "REQUESTED",
    "Desk",
    "Expired",
    "Finished",
    "Kept",
    "Open",
    "Opener",
    "Recipient",
    "Requested",
    "expire",
    "finish",
    "open_erasures",
    "pushed",
    "ready",
    "request",
]
