"""Errors of the outside world, by what the caller does next. They carry codes and request ids, never a payload.

TryLater               (privacy.errors) throttled or down before anything was applied
├── OutcomeUnknown     the connection died after the request left: it may have been applied
├── Outdated           consent was decided too long ago: this request was not sent, and must be decided anew
└── ReplacementOver    a replacement ended before its last batch: what was taken stands, the rest goes by other ways
Refused                (privacy.errors) refused for good
├── BadRows            the other side refused the request because of some of its rows
├── AlreadyThere       what was asked for was done by a try before
├── Forgotten          the platform no longer knows what became of a push: it must be made again
└── AudienceTooSmall   a removal was refused because the audience would become too small: it stays owed
"""

from passerelle.privacy.errors import DefinitionError, Refused, TryLater, Wait


class OutcomeUnknown(TryLater):
    """The request may have been applied. Sending it again must be harmless, and is what the next run does."""


class ReplacementOver(TryLater):
    """The platform takes no more parts of this replacement. What it took stands; who else is there is not known."""


class Outdated(TryLater):
    """The people of a request were cleared too long ago to be sent now. Who waited decides again, or gives up."""


class BadRows(Refused):
    """Some rows made the platform refuse all of them. `rows` holds their places in the request, where it said so."""

    def __init__(self, message: str, *, rows: tuple[int, ...] = (), reason: str = "", advice: str = "") -> None:
        super().__init__(message, advice=advice)
        self.rows = rows
        self.reason = reason


class AlreadyThere(Refused):
    """What was asked for is there: a try before, perhaps one that was never answered, has done it."""


class Forgotten(Refused):
    """The platform keeps no trace of a push any more: whether it worked is unknown, and asking again will not help."""


class AudienceTooSmall(Refused):
    """The platform refuses to take people out of an audience that would become too small. The removal stays owed."""


__all__ = [
    "AlreadyThere",
    "AudienceTooSmall",
    "BadRows",
    "DefinitionError",
    "Forgotten",
    "OutcomeUnknown",
    "Outdated",
    "Refused",
    "ReplacementOver",
    "TryLater",
    "Wait",
]
