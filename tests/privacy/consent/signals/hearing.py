"""Vendors' records as their readers hear them, and what tests ask of that."""

from collections.abc import Mapping, Sequence
from typing import Any

from passerelle.privacy.consent.signals.contract import Heard, Said
from passerelle.privacy.consent.signals.mapping import SignalMapping
from passerelle.privacy.consent.signals.registry import RECORDS, mapped
from passerelle.privacy.vocabulary import (
    ADS,
    Channel,
    ConsentState,
    EvidenceGrade,
    Purpose,
)

GIVEN, WITHDRAWN, REFUSED = ConsentState.GIVEN, ConsentState.WITHDRAWN, ConsentState.REFUSED
MEANING = {"purpose": "ad_list_matching", "notice": "ads-2026@1", "recipients": ["meta"]}


def heard(signal: str, record: Mapping[str, Any], purposes: Sequence[str] = (), **more: object) -> Heard:
    reader = RECORDS[signal]
    if purposes or more:
        made = {"signal": signal, "purposes": dict.fromkeys(purposes, MEANING), **more}
        reader = mapped(SignalMapping.model_validate(made))
    (one,) = reader.read(record)
    return one


def of(found: Heard, *purposes: Purpose) -> list[Said]:
    return [one for one in found.said if one.purpose in purposes]


def states(found: Heard, *purposes: Purpose) -> set[ConsentState]:
    return {one.state for one in of(found, *purposes)}


def assert_vetoed(found: Heard, channel: Channel) -> None:
    """Every ads purpose is refused through the channel."""
    about = of(found, *ADS)
    assert {one.purpose for one in about} == set(ADS)
    assert {one.channel for one in about} == {channel}
    assert not any(one.state.permits for one in about)


def assert_only_ends_a_veto(found: Heard, channel: Channel, before: Heard) -> None:
    """What permits carries the channel, is later, and continues the stream of the veto."""
    about = of(found, *ADS)
    assert {one.channel for one in about} == {channel}
    assert all(one.state.permits and one.notice is None and one.grade is not EvidenceGrade.A for one in about)
    assert {one.scope for one in about} == {one.scope for one in of(before, *ADS)}
    assert all((one.event_time or 0) > (other.event_time or 0) for one in about for other in of(before, *ADS))
