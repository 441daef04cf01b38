"""Whatever a record holds, a reader does not fail, and nothing that was not asked for advertising grants it."""

import os
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.privacy.consent.signals.columns import SPOKEN, spoken
from passerelle.privacy.consent.signals.contract import RecordSignal, Said
from passerelle.privacy.consent.signals.mapping import VENDORS, WITH_PURPOSES, SignalMapping
from passerelle.privacy.consent.signals.reading import at_path, flag, items, moment, scope, text
from passerelle.privacy.consent.signals.registry import RECORDS, mapped, single
from passerelle.privacy.vocabulary import ADS, Channel, EvidenceGrade, Precision
from tests.privacy.consent.signals.payloads import (
    ADS_PURPOSE,
    action,
    brevo_contact,
    didomi_event,
    hubspot_status,
    hubspot_wide,
    klaviyo_profile,
    mailchimp_member,
    onetrust_receipt,
    salesforce_consent,
    salesforce_contact,
    shopify_customer,
    usercentrics_record,
)

PAYLOADS: dict[str, list[dict[str, Any]]] = {
    "hubspot": [hubspot_status(), hubspot_wide(), {"subscriberIdString": "a", "statuses": [hubspot_status()]}],
    "salesforce": [salesforce_consent(DataUsePurposeId="71"), salesforce_consent(), salesforce_contact()],
    "shopify": [shopify_customer(dataSaleOptOut=True)],
    "brevo": [brevo_contact(emailBlacklisted=True, listUnsubscribed=[1])],
    "klaviyo": [klaviyo_profile({"suppression": [{"reason": "UNSUBSCRIBE", "timestamp": "2026-01-01T00:00:00Z"}]})],
    "mailchimp": [mailchimp_member()],
    "onetrust": [onetrust_receipt()],
    "didomi": [didomi_event(("71", True)), {"type": "event.created", "parameters": {"entity": didomi_event()}}],
    "usercentrics": [usercentrics_record(action(status=True, at="2026-01-01T00:00:00Z"), service="71")],
}
NAMES = sorted({key for records in PAYLOADS.values() for record in records for key in record} | {"status", "id"})
WORDS = ["SUBSCRIBED", "UNSUBSCRIBED", "OptIn", "OptOut", "CONFIRMED", "confirmed", "true", "false", "71", "p1"]
EXAMPLES = 500 if "PASSERELLE_EXPLORE" in os.environ else 10
MAILINGS = {Channel.EMAIL, Channel.SMS, Channel.PHONE, Channel.POST}

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from([*WORDS, ADS_PURPOSE, "2026-02-03T10:12:00Z", "2026-02-03", "\ud800", "9999-12-31T23:59:59-23:59"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=6)), inner, max_size=5),
    ),
    max_leaves=12,
)
records = st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=6)), values, max_size=8)


@st.composite
def changed(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """A real record of a vendor, some of whose values are something else."""
    record: Any = draw(st.sampled_from(PAYLOADS[name]))

    def visit(value: Any) -> Any:  # noqa: ANN401 - JSON
        if draw(st.integers(0, 9)) == 0:
            return draw(values)
        if isinstance(value, dict):
            return {key: visit(inner) for key, inner in value.items()}
        return [visit(inner) for inner in value] if isinstance(value, list) else value

    found = visit(record)
    return found if isinstance(found, dict) else {}


@cache
def explained(name: str) -> RecordSignal:
    """The vendor's reader, where the operator maps a purpose of its own to advertising."""
    if name not in WITH_PURPOSES:
        return RECORDS[name]
    meaning = {"purpose": "ad_list_matching", "notice": "ads-2026@1"}
    return mapped(
        SignalMapping.model_validate({"signal": name, "purposes": dict.fromkeys(("71", ADS_PURPOSE, "p1"), meaning)})
    )


def said(reader: RecordSignal, record: Mapping[str, Any]) -> list[Said]:
    """Everything that a record says; it must fit the columns of consent events."""
    found = [one for heard in reader.read(record) for one in heard.said]
    table, _ = spoken([found])
    assert table.schema == SPOKEN
    for one in found:
        assert one.grade >= reader.grade
        assert (one.event_time is None) == (one.precision is Precision.UNKNOWN)
        assert one.event_time is not None or one.grade is EvidenceGrade.C
        assert one.grade is not EvidenceGrade.A or (one.notice and one.method)
    return found


@pytest.mark.parametrize("name", VENDORS)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_no_vendors_record_grants_advertising_by_itself(name: str, data: st.DataObject) -> None:
    record = data.draw(st.one_of(changed(name), records))
    for one in said(RECORDS[name], record):
        if one.purpose in ADS and one.state.permits:
            assert one.channel in MAILINGS
            assert one.notice is None
            assert one.event_time is not None  # it may end a veto, so it must be later than it


@pytest.mark.parametrize("name", VENDORS)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_what_the_operator_maps_grants_under_its_notice_or_not_at_all(name: str, data: st.DataObject) -> None:
    record = data.draw(st.one_of(changed(name), records))
    for one in said(explained(name), record):
        if one.purpose in ADS and one.state.permits and one.channel not in MAILINGS:
            assert one.notice == "ads-2026@1"
            assert name in WITH_PURPOSES


READINGS: list[Callable[[Any], object]] = [text, flag, moment, lambda value: list(items(value))]


@pytest.mark.parametrize("read", READINGS)
@settings(max_examples=EXAMPLES)
@given(value=values)
def test_looking_into_a_payload_never_fails(read: Callable[[Any], object], value: Any) -> None:  # noqa: ANN401 - JSON
    read(value)


@settings(max_examples=EXAMPLES)
@given(record=records, path=st.text(max_size=10), name=st.sampled_from(VENDORS))
def test_paths_and_pages_lead_somewhere_or_nowhere(record: dict[str, Any], path: str, name: str) -> None:
    at_path(record, path)
    assert len(list(single(name, record))) >= 0


@given(parts=st.lists(st.text(min_size=1, max_size=60), min_size=2, max_size=2, unique=True))
def test_scopes_can_be_stored_and_do_not_collide(parts: list[str]) -> None:
    import re

    one, other = (scope("x", part) for part in parts)
    assert re.fullmatch(r"[A-Za-z0-9_.:-]{1,120}", one)
    assert one != other


@pytest.mark.parametrize(
    ("value", "time", "precision"),
    [
        ("2026-02-03", "2026-02-03T00:00:00Z", Precision.DAY),
        ("2026-02-03T11:12:00+01:00", "2026-02-03T10:12:00Z", Precision.SECOND),
        ("2026-02-03 10:12:00Z", "2026-02-03T10:12:00Z", Precision.SECOND),
        (1_770_113_520_000, "2026-02-03T10:12:00Z", Precision.SECOND),
        (1_770_113_520, None, Precision.UNKNOWN),  # seconds or milliseconds: not guessed
        ("2026-02-03T10:12:00", None, Precision.UNKNOWN),
        ("20260203", None, Precision.UNKNOWN),
        ("2026-W06", None, Precision.UNKNOWN),
    ],
)
def test_a_time_without_its_zone_is_no_time(value: object, time: str | None, precision: Precision) -> None:
    from tests.privacy.consent.signals.payloads import micros

    found = moment(value)
    assert (found.time, found.precision) == (None if time is None else micros(time), precision)
