"""Every signal that can be read, by its name.

`TEXT` are signals of one string, which may stand in a column beside a person. `RECORDS` are vendors' records, as they
are read while the operator has mapped none of a vendor's own purposes: nothing of them then permits an ads purpose.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from passerelle.privacy.consent.signals.brevo import BREVO
from passerelle.privacy.consent.signals.consent_mode import CONSENT_MODE
from passerelle.privacy.consent.signals.contract import Heard, RecordSignal, TextSignal
from passerelle.privacy.consent.signals.didomi import didomi
from passerelle.privacy.consent.signals.gpc import GPC
from passerelle.privacy.consent.signals.gpp import GPP
from passerelle.privacy.consent.signals.hubspot import hubspot
from passerelle.privacy.consent.signals.klaviyo import KLAVIYO
from passerelle.privacy.consent.signals.mailchimp import mailchimp
from passerelle.privacy.consent.signals.mapping import SignalMapping
from passerelle.privacy.consent.signals.onetrust import onetrust
from passerelle.privacy.consent.signals.reading import Meanings
from passerelle.privacy.consent.signals.records import left_out, people, records
from passerelle.privacy.consent.signals.salesforce import salesforce
from passerelle.privacy.consent.signals.shopify import SHOPIFY
from passerelle.privacy.consent.signals.tcf import TCF
from passerelle.privacy.consent.signals.usercentrics import usercentrics
from passerelle.privacy.consent.signals.values import Value
from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.vocabulary import Field

TEXT: Mapping[str, TextSignal] = MappingProxyType({one.name: one for one in (TCF, GPP, GPC, CONSENT_MODE)})

_MAPPED: Mapping[str, Callable[[Meanings | None], RecordSignal]] = {
    "hubspot": hubspot,
    "salesforce": salesforce,
    "mailchimp": mailchimp,
    "onetrust": onetrust,
    "didomi": didomi,
    "usercentrics": usercentrics,
}
_FIXED = {one.name: one for one in (SHOPIFY, BREVO, KLAVIYO)}

RECORDS: Mapping[str, RecordSignal] = MappingProxyType(
    {**{name: made(None) for name, made in _MAPPED.items()}, **_FIXED}
)

_PAGES: Mapping[str, tuple[str, ...]] = {
    "hubspot": ("results",),
    "klaviyo": ("data",),
    "mailchimp": ("members",),
    "onetrust": ("content",),
    "didomi": ("data",),
    "brevo": ("contacts",),
    "salesforce": ("records",),
    "shopify": ("customers",),
}


def reader(name: str, mapping: SignalMapping | None) -> tuple[RecordSignal, str]:
    """The reader of a vendor's records, and what stands beside each event that it reads.

    Raises `DefinitionError` where only a mapping could explain them.
    """
    if mapping is None:
        if name not in RECORDS:
            raise DefinitionError("Records of another system need a mapping that explains them.", path=("mapping",))
        return RECORDS[name], RECORDS[name].adapter
    if mapping.signal != name:
        raise DefinitionError(f"The mapping explains records of {mapping.signal}.", path=("mapping", "signal"))
    signal = mapped(mapping)
    return signal, f"{signal.name}.{mapping.fingerprint()}/{signal.version}"


def mapped(mapping: SignalMapping) -> RecordSignal:
    """The reader that a mapping file describes."""
    if mapping.signal == "records":
        return records(mapping)
    made = _MAPPED.get(mapping.signal)
    vendor = _FIXED[mapping.signal] if made is None else made(mapping.meanings)
    return replace(vendor, read=lambda record: _named(mapping, record, vendor.read(record)))


def _named(mapping: SignalMapping, record: Mapping[str, Any], heard: Sequence[Heard]) -> Sequence[Heard]:
    """What the vendor's reader heard, of the people whom the mapping names."""
    if left_out(mapping, record):
        return [Heard(left_out="left_out_by_mapping")]
    if not mapping.who:
        return heard
    who = people(mapping, record)
    nobody = None if set(who) - {Field.COUNTRY} else "nobody"
    return [replace(one, who=who, left_out=nobody) if one.said else one for one in heard]


def apart(name: str, value: Value) -> Iterator[tuple[Any, bytes]]:
    """The records of a line, each with its bytes: the line itself, or what it lists."""
    for record in single(name, value.record):
        if record is value.record:
            yield record, value.raw
        else:
            yield record, json.dumps(record, ensure_ascii=False).encode(errors="replace")


def single(name: str, value: Mapping[str, Any]) -> Iterator[Any]:
    """The records of an answer that lists several of them, so that each goes to its own person; else the value."""
    for key in _PAGES.get(name, ()):
        listed = value.get(key)
        if isinstance(listed, list):
            yield from listed
            return
    yield value
