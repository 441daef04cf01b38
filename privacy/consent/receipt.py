"""One person's consent record, in the field names of ISO/IEC TS 27560:2023 with the terms of W3C DPV.

The names and what is mandatory follow the DPV guide to consent records (w3c/dpv, `guides/consent-27560.html`). Raw
signals and identifiers are not in it: the person is their pseudonym.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from passerelle.privacy.consent.digest import digest
from passerelle.privacy.consent.notice import Version, notice_digest
from passerelle.privacy.vocabulary import ConsentState, Purpose

SCHEMA = "ISO/IEC TS 27560:2023"


_MANDATORY = (
    "privacy_notice",
    "language",
    "pii_information",
    "storage_locations",
    "retention_period",
    "jurisdiction",
    "recipient_third_parties",
    "withdrawal_method",
)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Party(_Section):
    """TS 27560, party identification (`dpv:DataController`, `dpv:Recipient`)."""

    party_id: str = Field(description="How other sections name it.")
    party_type: Literal["pii_controller", "recipient"]
    party_name: str
    party_address: str = ""
    party_contact: str = ""


class Event(_Section):
    """TS 27560, event: one statement. `event_state` is a DPV consent state."""

    event_time: str | None = Field(description="ISO 8601 in UTC; null where it is not known.")
    event_time_precision: str = Field(description="second, day or unknown (ours).")
    validity_duration: str = Field(description="Until when it was said to last; empty: as the policy says.")
    entity_id: str = Field(description="Who took it down: the source.")
    event_type: str = Field(description="explicit, implicit or two_step; unknown where the source does not say.")
    event_state: ConsentState
    recorded_at_log_index: int = Field(description="The log entry that vouches for it (ours).")


class Processing(_Section):
    """TS 27560, PII processing: one purpose under one notice."""

    purpose: Purpose = Field(description="`dpv:hasPurpose`")
    privacy_notice: str = Field(description="`dpv:hasNotice`: id@version; empty where none was named.")
    privacy_notice_digest: str = Field(
        description="SHA-256 of the text and what it declares, as the log has it (ours)."
    )
    language: str
    lawful_basis: Literal["dpv:Consent"] = Field(description="`dpv:hasLegalBasis`; mandatory under the GDPR.")
    pii_information: Sequence[str] = Field(description="`dpv:hasPersonalData`: types of identifiers.")
    pii_controllers: Sequence[str] = Field(description="`dpv:hasDataController`: party ids.")
    collection_method: Sequence[str] = Field(description="`dpv:hasDataSource`: how it was said.")
    storage_locations: Sequence[str] = Field(description="`dpv:hasStorageCondition`")
    retention_period: str
    jurisdiction: str = Field(description="`dpv:hasJurisdiction`: where the person is; empty where not known.")
    recipient_third_parties: Sequence[str] = Field(description="`dpv:hasRecipient`: party ids.")
    withdrawal_method: str = Field(description="`dpv:hasConsentControl`")
    events: Sequence[Event]


class ConsentRecord(_Section):
    """TS 27560, the record: header, processing, parties. `missing` names mandatory fields that nobody filled in."""

    schema_version: Literal["ISO/IEC TS 27560:2023"] = Field(description="Of the standard.")
    record_id: str = Field(description="SHA-256 over person and events: the same statements have the same id.")
    pii_principal_id: str = Field(description="Our pseudonym of the person.")
    pii_processing: Sequence[Processing]
    party_identification: Sequence[Party]
    missing: Sequence[str] = Field(default_factory=list)


class Circumstances(_Section):
    """What a record says beyond the statements, from the workspace's settings; empty where nobody filled it in."""

    controller: Party | None = None
    storage_locations: Sequence[str] = ()
    retention_period: str = ""
    withdrawal_method: str = ""
    jurisdiction: str = ""
    identifiers: Sequence[str] = ()


def receipt(
    principal: str, events: Iterable[Mapping[str, Any]], versions: Mapping[str, Version], around: Circumstances
) -> ConsentRecord:
    """The record of a person's `events`: lines of `audit.consents.events_of`, in the order in which they were heard."""
    lines = list(events)
    keys = dict.fromkeys((line["purpose"], line["notice"] or "") for line in lines)
    processing = [
        _processing(purpose, notice, _under(lines, purpose, notice), versions.get(notice), around)
        for purpose, notice in keys
    ]
    recipients = dict.fromkeys(name for one in processing for name in one.recipient_third_parties)
    parties = [Party(party_id=name, party_type="recipient", party_name=name) for name in recipients]
    said = [[line["event_id"], line["state"], line["at"], line["log_index"]] for line in lines]
    return ConsentRecord(
        schema_version=SCHEMA,
        record_id=digest({"principal": principal, "events": said}),
        pii_principal_id=principal,
        pii_processing=processing,
        party_identification=[*([around.controller] if around.controller else []), *parties],
        missing=_missing(processing, around),
    )


def _under(lines: Iterable[Mapping[str, Any]], purpose: str, notice: str) -> list[Mapping[str, Any]]:
    return [line for line in lines if (line["purpose"], line["notice"] or "") == (purpose, notice)]


def _processing(
    purpose: str, notice: str, lines: Sequence[Mapping[str, Any]], version: Version | None, around: Circumstances
) -> Processing:
    chosen = dict.fromkeys(name for line in lines for name in (line["recipients"] or "").split())
    told = () if version is None else (one.value for one in version.recipients)
    return Processing(
        purpose=Purpose(purpose),
        privacy_notice=notice,
        privacy_notice_digest="" if version is None else notice_digest(notice, version),
        language="" if version is None else version.language,
        lawful_basis="dpv:Consent",
        pii_information=list(around.identifiers),
        pii_controllers=[around.controller.party_id] if around.controller else [],
        collection_method=list(dict.fromkeys(line["method"] for line in lines if line["method"])),
        storage_locations=list(around.storage_locations),
        retention_period=around.retention_period,
        jurisdiction=around.jurisdiction,
        recipient_third_parties=list(chosen or dict.fromkeys(told)),
        withdrawal_method=around.withdrawal_method,
        events=[_event(line) for line in lines],
    )


def _event(line: Mapping[str, Any]) -> Event:
    return Event(
        event_time=line["at"],
        event_time_precision=line["precision"],
        validity_duration=line["valid_until"] or "",
        entity_id=line["stream"].partition("/")[0],
        event_type=line["expression"] or "unknown",
        event_state=ConsentState(line["state"]),
        recorded_at_log_index=line["log_index"],
    )


def _missing(processing: Iterable[Processing], around: Circumstances) -> list[str]:
    """Mandatory fields that are empty, by their names in the standard; a refusal needs no notice."""
    given = [one for one in processing if any(event.event_state.permits for event in one.events)]
    empty = dict.fromkeys(name for one in given for name in _MANDATORY if not getattr(one, name))
    if around.controller is None:
        return ["pii_controllers", *empty]
    return [*empty, *(name for name in ("party_address", "party_contact") if not getattr(around.controller, name))]
