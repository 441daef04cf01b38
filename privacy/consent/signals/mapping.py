"""A mapping file: what the operator says a vendor's purposes mean, or what the keys of any other record mean.

    signal: onetrust                     # one of the vendors
    who: {email: identifier}
    purposes:
      "9d1f0c63-…": {purpose: ad_list_matching, notice: ads-2026@1, recipients: [meta]}

    signal: records                      # anything else
    who: {email: contact.mail}
    statements:
      - purpose: ad_list_matching
        state: {key: ads, given: ["yes"], withdrawn: ["no"]}
        at: ads_date
        notice: ads-2026@1
        method: web_form

Nothing means an ads purpose unless it stands here with the notice that asked for it.
"""

from typing import Annotated, Literal, Self, get_args
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from passerelle.privacy.consent.digest import digest
from passerelle.privacy.consent.signals.reading import Meaning, Meanings
from passerelle.privacy.vocabulary import (
    ADS,
    Channel,
    Destination,
    EvidenceGrade,
    Expression,
    Purpose,
    Readable,
    Stop,
    Vendor,
)
from passerelle.privacy.vocabulary import Field as Identifier
from passerelle.privacy.zones import time_zones

VENDORS: tuple[str, ...] = get_args(Vendor)
WITH_PURPOSES = ("hubspot", "salesforce", "mailchimp", "onetrust", "didomi", "usercentrics")
"""Vendors whose records name purposes of the operator's own."""

Path = Annotated[str, Field(min_length=1, max_length=200)]
"""A key of the record, or a dotted way to it."""

NoticeReference = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}@[1-9][0-9]{0,4}$")]
Method = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _plain(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word.strip().casefold() for word in words)


Words = Annotated[tuple[str, ...], AfterValidator(_plain)]


class StateWords(_Closed):
    """Where the answer stands, and which words mean what. Compared without case and outer blanks."""

    key: Path = Field(description="The key whose value is the answer.")
    given: Words = Field((), description="Words that mean yes.")
    refused: Words = Field((), description="Words that mean no.")
    withdrawn: Words = Field((), description="Words that mean: yes once, no now.")
    requested: Words = Field((), description="Words that mean: asked, not answered yet.")

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        said = [*self.given, *self.refused, *self.withdrawn, *self.requested]
        if not said:
            raise ValueError("`state` must say what at least one word means")
        if len(set(said)) != len(said):
            raise ValueError("`state` gives one word two meanings")
        return self


class PurposeWords(_Closed):
    """Where the purpose is named, and which word means which of ours. Other words say nothing."""

    key: Path
    words: dict[str, Purpose] = Field(min_length=1)


class NoticeWords(_Closed):
    """Where the notice is named. Words that are not listed must be `id@version` themselves."""

    key: Path
    words: dict[str, NoticeReference] = Field(default_factory=dict)


class LeftOut(_Closed):
    """Records that do not count, such as tests."""

    key: Path
    words: Words = Field(min_length=1, description="Values for which the record is left out.")


class PurposeMeaning(_Closed):
    """What one of the vendor's own purposes means."""

    purpose: Purpose = Field(description="Which of our purposes people were asked about.")
    notice: NoticeReference | None = Field(None, description="The notice that was shown: id@version.")
    recipients: tuple[Destination, ...] = Field((), description="Platforms that were named; none: see the notice.")

    @model_validator(mode="after")
    def _shown(self) -> Self:
        if self.purpose in ADS and self.notice is None:
            raise ValueError(f"{self.purpose.value} needs the `notice` under which people were asked")
        return self

    def meaning(self) -> Meaning:
        """As the readers take it."""
        return Meaning(self.purpose, self.notice, tuple(platform.value for platform in self.recipients))


class SpokenOf(_Closed):
    """One thing that a record says of its person."""

    each: Path | None = Field(
        None, description="A list in the record: one statement for each item. Keys are looked for there first."
    )
    purpose: Purpose | None = Field(None, description="What it is about.")
    purpose_from: PurposeWords | None = Field(None, description="Or the key that says what it is about.")
    state: StateWords
    at: Path | None = Field(None, description="The key that says when it was said.")
    recorded_at: Path | None = Field(None, description="The key that says when the vendor wrote it down.")
    valid_until: Path | None = Field(None, description="The key that says until when.")
    notice: NoticeReference | None = Field(None, description="The notice that was shown: id@version.")
    notice_from: NoticeWords | None = Field(None, description="Or the key that names it.")
    recipients: tuple[Destination, ...] = Field((), description="Platforms that were named; none: see the notice.")
    method: Method | None = Field(None, description="How it was said, such as web_form.")
    method_from: Path | None = Field(None, description="Or the key that tells how.")
    grade: EvidenceGrade = Field(EvidenceGrade.A, description="The best grade that it may have.")
    channel: Channel | None = Field(
        None, description="What it is really about, where that is a mailing or a browser: it then only vetoes."
    )
    stop: Stop | None = Field(None, description="The hard stop that a refusal imposes.")
    expression: Expression | None = Field(None, description="How people say yes here.")
    scope: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")] | None = Field(
        None, description="A later statement of the same scope replaces an earlier one; by default the purpose."
    )

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if (self.purpose is None) == (self.purpose_from is None):
            raise ValueError("give either `purpose` or `purpose_from`")
        for name in ("notice", "method"):
            if getattr(self, name) is not None and getattr(self, f"{name}_from") is not None:
                raise ValueError(f"give either `{name}` or `{name}_from`")
        about = set(self.purpose_from.words.values()) if self.purpose_from else {self.purpose}
        if about & set(ADS) and self.channel is None and self.notice is None and self.notice_from is None:
            raise ValueError("an ads purpose needs the `notice` under which people were asked, or a `channel`")
        return self


class SignalMapping(_Closed):
    """What a vendor's purposes mean, or how to read any other record. The file of `consent import --mapping`."""

    signal: Readable = Field(description="Whose records: a vendor, or `records` for anything else.")
    who: dict[Literal["email", "phone", "external_id", "country"], Path] = Field(
        default_factory=dict, description="Which keys name the person; for a vendor, instead of its own."
    )
    purposes: dict[str, PurposeMeaning] = Field(default_factory=dict, description="The vendor's purpose ids.")
    statements: tuple[SpokenOf, ...] = Field((), description="What a record says; only with `signal: records`.")
    left_out: tuple[LeftOut, ...] = Field((), description="Records that do not count.")
    timezone: str | None = Field(None, description="Zone of times without one; otherwise these are not known.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.signal == "records" and (not self.statements or not self.who or self.purposes):
            raise ValueError("`signal: records` needs `who` and `statements`, and no `purposes`")
        if self.signal != "records" and (self.statements or self.timezone):
            raise ValueError("`statements` and `timezone` belong to `signal: records`")
        if self.purposes and self.signal not in WITH_PURPOSES:
            raise ValueError(f"records of {self.signal} name no purposes")
        if self.who and not set(self.who) - {"country"}:
            raise ValueError("`who` must name at least one of email, phone, external_id")
        if self.timezone is not None and self.timezone not in time_zones():
            raise ValueError("`timezone` must be a name such as Europe/Paris")
        return self

    @property
    def zone(self) -> ZoneInfo | None:
        """The zone of times that say none."""
        return None if self.timezone is None else ZoneInfo(self.timezone)

    @property
    def meanings(self) -> Meanings:
        """The vendor's purposes as its reader takes them."""
        return {name: one.meaning() for name, one in self.purposes.items()}

    @property
    def persons(self) -> dict[Identifier, str]:
        """Field to key."""
        return {Identifier(name): path for name, path in self.who.items()}

    def fingerprint(self) -> str:
        """Eight hex digits over all that it says: they stand beside the reader's name in every event."""
        return digest(self.model_dump(mode="json"))[:8]
