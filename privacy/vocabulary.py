"""The words that every room shares: who, what, for what, where to.

Values are closed where a wrong one would be dangerous (destinations, purposes, states) and follow
ISO/IEC TS 27560 and W3C DPV where these name the thing.
"""

from enum import StrEnum
from typing import Literal, NewType

SubjectRef = NewType("SubjectRef", str)
"""A person's keyed pseudonym, `s1` + 32 hex digits: in the log, in reports, on the command line.

The number is its version's: a pseudonym of before a rotation of the key still finds its person.
"""

SubjectId = NewType("SubjectId", int)
"""A person's 64-bit surrogate, in the lake, in plans and in the ledger. Says nothing outside this store."""

NOT_SENT = "not_sent"
"""Reason of rows that a push left out for no fault of theirs: the next run tries them again."""


class Destination(StrEnum):
    """A platform whose rules for identifiers and consent we know."""

    META = "meta"
    GOOGLE_ADS = "google_ads"


class Field(StrEnum):
    """What an identifier is. The names of `normalize` and of a source's `identifier:`."""

    EMAIL = "email"
    PHONE = "phone"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    FIRST_INITIAL = "first_initial"
    GENDER = "gender"
    BIRTH_YEAR = "birth_year"
    BIRTH_MONTH = "birth_month"
    BIRTH_DAY = "birth_day"
    CITY = "city"
    STATE = "state"
    POSTAL_CODE = "postal_code"
    COUNTRY = "country"
    MOBILE_AD_ID = "mobile_ad_id"
    EXTERNAL_ID = "external_id"


IDENTITY_FIELDS: tuple[Field, ...] = (Field.EMAIL, Field.PHONE, Field.EXTERNAL_ID)
"""Fields of which an equal value means the same person. Names, cities and devices never do."""


class Purpose(StrEnum):
    """What the data is used for. No hierarchy: a grant for one says nothing about another."""

    AD_LIST_MATCHING = "ad_list_matching"
    AD_LOOKALIKE_SEED = "ad_lookalike_seed"
    AD_SUPPRESSION = "ad_suppression"
    AD_MEASUREMENT = "ad_measurement"
    PROFILING_SEGMENTATION = "profiling_segmentation"
    EMAIL_MARKETING = "email_marketing"
    SMS_MARKETING = "sms_marketing"


ADS: tuple[Purpose, ...] = (
    Purpose.AD_LIST_MATCHING,
    Purpose.AD_LOOKALIKE_SEED,
    Purpose.AD_SUPPRESSION,
    Purpose.AD_MEASUREMENT,
)
"""Purposes that an opt-in to a mailing never grants, and an opt-out of everything vetoes."""


class ConsentState(StrEnum):
    """State of a consent, by its W3C DPV name."""

    GIVEN = "ConsentGiven"
    RENEWED = "RenewedConsentGiven"
    UNKNOWN = "ConsentUnknown"
    REQUESTED = "ConsentRequested"
    REQUEST_DEFERRED = "ConsentRequestDeferred"
    REFUSED = "ConsentRefused"
    WITHDRAWN = "ConsentWithdrawn"
    EXPIRED = "ConsentExpired"
    TERMINATED = "ConsentTerminated"
    INVALIDATED = "ConsentInvalidated"

    @property
    def permits(self) -> bool:
        """Whether DPV counts processing under this state as allowed."""
        return self in {ConsentState.GIVEN, ConsentState.RENEWED}


class Precision(StrEnum):
    """How exactly an event's time is known: a day means somewhere in that UTC day."""

    SECOND = "second"
    DAY = "day"
    UNKNOWN = "unknown"


class EvidenceGrade(StrEnum):
    """A: notice, time and mechanism. B: time. C: a bare flag, which can only veto."""

    A = "A"
    B = "B"
    C = "C"


class Channel(StrEnum):
    """What a signal is about, where that is not the very purpose it is held against. Such a signal only vetoes."""

    WEB = "web"
    EMAIL = "email"
    SMS = "sms"
    PHONE = "phone"
    POST = "post"


class Stop(StrEnum):
    """A no that no later yes beats: only its own lifting does, which is a permitting statement with the same stop."""

    OBJECTION = "objection"
    """GDPR art. 21; lifted when the person takes the objection back."""
    OPT_OUT = "opt_out"
    """GPC, or a US opt-out of sale, sharing or targeted advertising; lifted by a two-step opt-in."""
    UNDER_AGE = "under_age"
    """Known to be a child."""
    PLATFORM = "platform"
    """The platform reports that the person opted out there."""


class Expression(StrEnum):
    """How the person said it, after ISO/IEC TS 27560 `event_type`."""

    EXPLICIT = "explicit"
    IMPLICIT = "implicit"
    TWO_STEP = "two_step"
    """Asked for, and confirmed in a second step."""


class Action(StrEnum):
    """What a batch does to an audience."""

    ADD = "add"
    REMOVE = "remove"
    REPLACE = "replace"
    """Names nobody: the batches that it consists of do."""


Vendor = Literal[
    "hubspot", "salesforce", "shopify", "brevo", "klaviyo", "mailchimp", "onetrust", "didomi", "usercentrics"
]
"""Whose exports of consent are understood."""

Readable = Literal[Vendor, "records"]
"""Whose records can be read; `records`: anybody's, by a mapping."""
