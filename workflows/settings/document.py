"""YAML as people mean it: what is written is what is read, and every value knows its line.

Plain scalars are `true`, `false`, `null`, whole numbers, decimal numbers, or text: `no`, `on`, `010`, `12:30` and
`2026-11-20` stay the text they look like. Duplicate keys, anchors, aliases, tags, several documents in one file, and
files too big or too deep to be settings are refused.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from passerelle.privacy.errors import DefinitionError, quoted

Scalar = str | int | float | bool | None
Value = Scalar | list["Value"] | dict[str, "Value"]
Place = tuple[str | int, ...]

MAXIMUM_BYTES = 1_000_000
MAXIMUM_DEPTH = 40

_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})\Z")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})\.[0-9]{1,17}\Z")
_WORDS: dict[str, Scalar] = {"true": True, "false": False, "null": None, "~": None, "": None}
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Document:
    """One file's content. `shown` is how messages name the file; `line_of` leads from a value's place to its line."""

    shown: str
    data: dict[str, Value]
    lines: dict[Place, int] = field(default_factory=dict)

    def line_of(self, place: Place) -> int:
        """The line (from 1) of the key or item at `place`, or of the nearest thing around it that was written."""
        for length in range(len(place), -1, -1):
            if place[:length] in self.lines:
                return self.lines[place[:length]]
        return 1


def read(path: Path, shown: str) -> Document:
    """Read one file. Raises `DefinitionError` with file and line where it is not what is promised above."""
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= MAXIMUM_BYTES else b""
    except OSError as problem:
        raise DefinitionError(f"{shown} cannot be read: {problem.strerror}.") from None
    if size > MAXIMUM_BYTES:
        raise DefinitionError(f"{shown} is too big for a settings file ({size} bytes).")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        raise DefinitionError(f"{shown}, line {line}: this is not UTF-8 text.", advice="Save it as UTF-8.") from None
    return parse(text, shown)


def parse(text: str, shown: str) -> Document:
    """Read YAML text; `shown` names it in messages."""
    lines: dict[Place, int] = {}
    builder = _Builder(shown, lines)
    try:
        data = builder.document(yaml.parse(text, Loader=_LOADER))
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise DefinitionError(f"{shown}{where}: {_why(problem, text)}", advice=_YAML_ADVICE) from None
    return Document(shown, data, lines)


_YAML_ADVICE = "Check the indentation and the quotes around text that holds `:`, `#` or starts with a sign."


def _why(problem: yaml.YAMLError, text: str) -> str:
    mark = getattr(problem, "problem_mark", None)
    line = text.split("\n")[mark.line : mark.line + 1] if mark is not None else []
    if any("\t" in each[: len(each) - len(each.lstrip())] for each in line):
        return "this line begins with a tab; YAML wants spaces."
    # Messages of the parser name characters and what was expected, and may quote a character, never a value.
    said = str(getattr(problem, "problem", None) or "it cannot be read")
    return f"this is not YAML: {said}."


class _Builder:
    """Builds values from parser events; recursion is bounded by `MAXIMUM_DEPTH`."""

    def __init__(self, shown: str, lines: dict[Place, int]) -> None:
        self._shown = shown
        self._lines = lines

    def document(self, events: Iterator[yaml.Event]) -> dict[str, Value]:
        data: Value = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._refuse(event, "one file holds one document; remove the second `---`")
            elif not isinstance(event, yaml.StreamStartEvent | yaml.StreamEndEvent | yaml.DocumentEndEvent):
                data = self._value(event, events, ())
        if data is None:
            return {}
        if not isinstance(data, dict):
            raise DefinitionError(f"{self._shown}, line 1: this file must hold keys and values.")
        return data

    def _value(self, event: yaml.Event, events: Iterator[yaml.Event], place: Place) -> Value:
        self._plain_yaml(event)
        if len(place) > MAXIMUM_DEPTH:
            raise self._refuse(event, f"this is nested deeper than {MAXIMUM_DEPTH} levels")
        self._lines.setdefault(place, _line(event))
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(events, place)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(events, place)
        return _scalar(event) if isinstance(event, yaml.ScalarEvent) else None

    def _mapping(self, events: Iterator[yaml.Event], place: Place) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            self._plain_yaml(event)
            if not isinstance(event, yaml.ScalarEvent):
                raise self._refuse(event, "a key must be a single word or text")
            key = str(event.value)
            here = (*place, key)
            if key in values:
                raise self._refuse(event, f"{quoted(key)} is already set on line {self._lines[here]}")
            self._lines[here] = _line(event)
            values[key] = self._value(next(events), events, here)
        return values

    def _sequence(self, events: Iterator[yaml.Event], place: Place) -> list[Value]:
        values: list[Value] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            values.append(self._value(event, events, (*place, len(values))))
        return values

    def _plain_yaml(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.AliasEvent):
            raise self._refuse(event, "aliases (`*name`) are not used here; write the value out")
        if getattr(event, "anchor", None):
            raise self._refuse(event, "anchors (`&name`) are not used here; write the value out")
        if getattr(event, "tag", None):
            raise self._refuse(event, "tags (`!name`) are not used here; write the value alone")

    def _refuse(self, event: yaml.Event, sentence: str) -> DefinitionError:
        return DefinitionError(f"{self._shown}, line {_line(event)}: {sentence}.")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark is not None else 1


def _scalar(event: yaml.ScalarEvent) -> Scalar:
    text = str(event.value)
    if event.style:  # quoted, or a block of text
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.match(text):
        return int(text)
    return float(text) if _DECIMAL.match(text) else text
