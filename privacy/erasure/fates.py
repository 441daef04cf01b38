"""What an erasure does to each table: no table is without its fate, and a test holds this list against the store."""

from enum import StrEnum


class Fate(StrEnum):
    """What becomes of an erased person's rows."""

    DESTROYED = "destroyed"
    """They are deleted."""
    EMPTIED = "emptied"
    """A row stays, of a number that leads to nobody; what it said of the person is gone."""
    NUMBER = "number"
    """A row stays as it is: it holds the number, which leads to nobody, and nothing that tells about the person."""
    NOBODY = "nobody"
    """It says nothing of single people."""
    KEPT = "kept"
    """It is there because of the erasure, until its own date."""


FATES: dict[str, tuple[Fate, str]] = {
    "setting": (Fate.NOBODY, "what the store says of itself"),
    "key_generation": (Fate.NOBODY, "generations of the master key"),
    "key_use": (Fate.NOBODY, "what they are used for"),
    "subject": (Fate.EMPTIED, "the number, that it was erased and when; pseudonym, country and dates go"),
    "identity": (Fate.DESTROYED, "digests of identifiers; at the request already, so that nobody is tied to them"),
    "vault": (Fate.DESTROYED, "the data key, the audit key, and the identifiers they seal"),
    "suppression": (Fate.KEPT, "fingerprints without a number, so that a later import is no surprise"),
    "erasure": (Fate.KEPT, "that it was asked for and done; the sealed evidence until its date"),
    "probable_link": (Fate.DESTROYED, "who they may have been, too"),
    "consent_event": (Fate.DESTROYED, "what they said; its blinded leaves stay in the log"),
    "document": (Fate.NOBODY, "texts of notices and policies"),
    "decision": (Fate.DESTROYED, "what was decided of them; its blinded leaves stay in the log"),
    "log_entry": (Fate.NOBODY, "names people by number at most, in entries about erasures"),
    "log_members": (Fate.NOBODY, "blinded leaves, which nobody can open without the audit key"),
    "log_node": (Fate.NOBODY, "hashes of the log's tree"),
    "log_checkpoint": (Fate.NOBODY, "signed sizes and roots of the log"),
    "log_witness": (Fate.NOBODY, "others' signatures under them"),
    "remote_audience": (Fate.NOBODY, "our audiences at the platforms"),
    "membership": (Fate.DESTROYED, "where they were; each row went when the platform confirmed its removal"),
    "sent": (Fate.DESTROYED, "the match keys that take them out; they go with the membership"),
    "removal": (Fate.DESTROYED, "removals that were owed; there are none when an erasure ends"),
    "batch": (Fate.NOBODY, "counts, and the platforms' request ids"),
    "batch_member": (Fate.NUMBER, "which numbers a batch was about, so that sent = accepted + rejected + pending"),
    "run": (Fate.EMPTIED, "results of commands, in which the pseudonym is blotted out"),
    "cursor": (Fate.NOBODY, "how far each source was read"),
    "quarantine": (Fate.DESTROYED, "places of records that could not be taken, where they are the person's"),
    "threshold": (Fate.NOBODY, "numbers over everybody"),
    "holdout": (Fate.DESTROYED, "which uploads they were kept out of"),
    "standstill": (Fate.NOBODY, "where nothing was to do: counts, and digests over everybody"),
    "table_seal": (Fate.NOBODY, "what each table adds up to"),
}
"""By table: what happens, and to what."""

FIRST = ("identity",)
"""Destroyed when an erasure is asked for."""

ROWS = ("consent_event", "decision", "membership", "sent", "removal", "holdout")
"""Tables whose rows of a person go, known by `subject_id`, when an erasure ends."""

ON_THE_LOG = ("consent_event", "decision")
"""Those among them whose rows rest on a log entry: the erasure's own entry says how many of which are gone."""
