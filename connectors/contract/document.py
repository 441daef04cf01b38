"""What a source reads, in words: made from its shape, so that it cannot say anything else than what is done."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from passerelle.connectors.contract.records import Shape
from passerelle.connectors.contract.roles import (
    Attribute,
    Consent,
    Cursor,
    Detail,
    EventName,
    EventTime,
    Identifier,
    Key,
    MergedInto,
    Role,
    Signal,
    Tombstone,
)
from passerelle.connectors.contract.source import Hears, Source, table_name
from passerelle.privacy.vocabulary import ADS


def markdown(source: Source) -> str:
    """A page about a source: each resource, its fields, what becomes of them, and what is read as consent."""
    parts = [
        f"## `{table_name(source, one)}`\n\n{described(one.shape) if one.hears is None else heard(one.hears)}"
        for one in source.resources
    ]
    return "\n".join([f"# Source `{source.name}`\n", *parts])


def described(shape: Shape) -> str:
    """One resource's part of the page."""
    what = "One record is the state of a person." if shape.grain == "person" else _event(shape)
    lines = [what, "", "| field | asked for as | type | what for |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {one.name} | {'.'.join(map(str, one.path)) or one.asked} | {one.kind} | {'; '.join(_purposes(one.roles))} |"
        for one in shape.fields
    ]
    consents = list(_consents(shape))
    if consents:
        lines += ["", "Read as consent:", "", *consents]
    return "\n".join([*lines, "", "Nothing else is read.", ""])


def heard(hears: Hears) -> str:
    """The same, of records of a consent platform."""
    signal = hears.signal
    channel = "" if signal.channel is None else f" about {signal.channel}"
    return (
        f"One record is what `{signal.name}` knows of consent{channel}; the best evidence is {signal.grade}. It is "
        "read as `consent import --signal` reads it, and kept sealed beside what it says. Nothing goes into the lake.\n"
    )


def _event(shape: Shape) -> str:
    return f"One record is an event, `{shape.event}`." if shape.event else "One record is an event, named by a field."


def _purposes(roles: Sequence[Role]) -> Iterator[str]:
    """What a field is for; what it says of consent in one phrase, however many purposes that is said of."""
    yield from (_purpose(role) for role in roles if not isinstance(role, Consent))
    if said := [role.purpose for role in roles if isinstance(role, Consent)]:
        yield f"consent to {', '.join(said)}"


def _purpose(role: Role) -> str:
    match role:
        case Identifier(field):
            return f"identifies the person ({field}); encrypted in the vault, never in the lake"
        case Attribute():
            return "for segments; in the lake, under the person's number"
        case Key():
            return "the record's key; in the lake as a keyed digest"
        case Cursor():
            return "where the next pull goes on"
        case MergedInto(listed):
            return "names the records merged into this one" if listed else "the record was merged into this one"
        case Consent() | Signal() | Tombstone() | EventName() | EventTime() | Detail():
            return {
                Consent: "consent",
                Signal: "a signal of a browser or an app; read as consent and kept sealed",
                Tombstone: "the record is deleted",
                EventName: "names what happened",
                EventTime: "when it happened",
                Detail: "serves another field",
            }[type(role)]


_BLANK = {"ends": "ends a yes of the same record", "says_nothing": "says nothing"}


def _consents(shape: Shape) -> Iterator[str]:
    grades = {"A": "notice, time and mechanism", "B": "time", "C": "a bare flag, which can only veto"}
    for (name, consent), alike in groupby(shape.consents, lambda one: (one[0], replace(one[1], purpose=ADS[0]))):
        purposes = ", ".join(one.purpose for _, one in alike)
        values = ", ".join(f"`{value or '(blank)'}` is {state}" for value, state in consent.states.items())
        rests = ", ".join(f"`{needed}`" for needed in consent.needs) or "nothing else"
        silent = "".join(f", `{value}` says nothing" for value in consent.silent)
        held = f"held against {purposes}, though it is about {consent.channel}, so that it can only veto"
        yield (
            f"- `{name}` {held if consent.channel else f'for {purposes}'}: {values}{silent}; any other value is "
            f"unknown, which permits nothing. A blank {_BLANK[consent.blank]}. "
            f"Evidence {consent.grade} ({grades[consent.grade]}); rests on {rests}."
        )
