"""What a source reads, in words: made from its shape, so that it cannot say anything else than what is done."""

from collections.abc import Iterator

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
from passerelle.connectors.contract.source import Source, table_name


def markdown(source: Source) -> str:
    """A page about a source: each resource, its fields, what becomes of them, and what is read as consent."""
    parts = [f"## `{table_name(source, one)}`\n\n{described(one.shape)}" for one in source.resources]
    return "\n".join([f"# Source `{source.name}`\n", *parts])


def described(shape: Shape) -> str:
    """One resource's part of the page."""
    what = "One record is the state of a person." if shape.grain == "person" else _event(shape)
    lines = [what, "", "| field | asked for as | type | what for |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {one.name} | {one.asked} | {one.kind} | {'; '.join(map(_purpose, one.roles))} |" for one in shape.fields
    ]
    consents = list(_consents(shape))
    if consents:
        lines += ["", "Read as consent:", "", *consents]
    return "\n".join([*lines, "", "Nothing else is read.", ""])


def _event(shape: Shape) -> str:
    return f"One record is an event, `{shape.event}`." if shape.event else "One record is an event, named by a field."


def _purpose(role: Role) -> str:
    match role:
        case Identifier(field):
            return f"identifies the person ({field}); encrypted in the vault, never in the lake"
        case Consent(purpose):
            return f"consent to {purpose}"
        case Attribute():
            return "for segments; in the lake, under the person's number"
        case Key():
            return "the record's key; in the lake as a keyed digest"
        case Cursor():
            return "where the next pull goes on"
        case Signal() | Tombstone() | MergedInto() | EventName() | EventTime() | Detail():
            return {
                Signal: "a signal of a browser or an app; read as consent and kept sealed",
                Tombstone: "the record is deleted",
                MergedInto: "the record was merged into this one",
                EventName: "names what happened",
                EventTime: "when it happened",
                Detail: "serves another field",
            }[type(role)]


_BLANK = {"ends": "ends a yes of the same record", "says_nothing": "says nothing"}


def _consents(shape: Shape) -> Iterator[str]:
    grades = {"A": "notice, time and mechanism", "B": "time", "C": "a bare flag, which can only veto"}
    for name, consent in shape.consents:
        values = ", ".join(f"`{value or '(blank)'}` is {state}" for value, state in consent.states.items())
        rests = ", ".join(f"`{needed}`" for needed in consent.needs) or "nothing else"
        yield (
            f"- `{name}` for {consent.purpose}: {values}; any other value is unknown, which permits nothing. "
            f"A blank {_BLANK[consent.blank]}. "
            f"Evidence {consent.grade} ({grades[consent.grade]}); rests on {rests}."
        )
