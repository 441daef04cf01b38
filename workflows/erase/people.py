"""Whom an erasure is about: one person as other verbs name them, or many from a file."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from passerelle.privacy.erasure import Open
from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.vocabulary import IDENTITY_FIELDS, Field, SubjectRef

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from passerelle.workflows.workspace import Workspace

_LONGEST = 4_096
_MOST = 100_000
_WORDS = ("subject_ref", *(each.value for each in IDENTITY_FIELDS))


@dataclass(frozen=True, slots=True, repr=False)
class Named:
    """How one person was named: a pseudonym, or an identifier. `line` is where, from 1."""

    word: str
    value: str
    country: str | None = None
    line: int = 1

    @property
    def field(self) -> Field | None:
        """What the identifier is; None for a pseudonym."""
        return None if self.word == "subject_ref" else Field(self.word)


@dataclass(slots=True)
class Found:
    """Whom the names mean. `ids` are known today; `going` are erasures that were asked for before and are not done."""

    ids: list[int] = field(default_factory=list)
    going: list[str] = field(default_factory=list)
    already: int = 0
    """Names of people who were erased before, as far as fingerprints tell."""
    unknown: list[int] = field(default_factory=list)
    """Lines that name nobody."""


def read_many(path: Path) -> list[Named] | None:
    """The people of a file with one JSON object a line; None where the file is no such file."""
    try:
        with path.open("rb") as file:
            first = file.readline(_LONGEST + 1)
            if not first.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
                return None
            file.seek(0)
            return list(_read(file))
    except OSError as problem:
        raise DefinitionError(f"The file with the people cannot be read: {problem.strerror}.") from None


def _read(lines: Any) -> Iterator[Named]:  # noqa: ANN401 - a binary file
    for number in range(1, _MOST + 2):
        line = lines.readline(_LONGEST + 1)
        if not line:
            return
        if number > _MOST or len(line) > _LONGEST:
            raise DefinitionError(f"Line {number}: at most {_MOST:,} lines of {_LONGEST:,} bytes are read.")
        if line.strip():
            yield _named(line, number)


def _named(line: bytes, number: int) -> Named:
    try:
        told = json.loads(line.decode("utf-8-sig"))
        words = [word for word in _WORDS if isinstance(told.get(word), str) and told[word].strip()]
        country = told.get("country")
        unknown = set(told) - {*_WORDS, "country"}
    except (ValueError, AttributeError):
        words, country, unknown = [], None, set()
    if len(words) != 1 or unknown or not (country is None or isinstance(country, str)):
        raise DefinitionError(
            f"Line {number} does not name one person.",
            advice=f"Each line is a JSON object with one of {', '.join(_WORDS)}, and country where it is known.",
        )
    return Named(words[0], told[words[0]].strip(), country, number)


def look_up(workspace: "Workspace", connection: "Connection", names: Sequence[Named], asked: Sequence[Open]) -> Found:
    """Whom each name means: today, in an erasure that is not done, or once."""
    found = Found()
    for word in _WORDS:
        mine = [named for named in names if named.word == word]
        if mine:
            _look_up(workspace, connection, mine, asked, found)
    found.unknown.sort()
    people = workspace.subjects().family(connection, pa.array(found.ids, pa.int64()))
    gone = set(people.filter(people["erased_at"].is_valid())["survivor"].to_pylist())
    found.already += len(gone.intersection(found.ids))
    found.ids = sorted(set(found.ids) - gone)
    return found


def _look_up(
    workspace: "Workspace", connection: "Connection", names: list[Named], asked: Sequence[Open], found: Found
) -> None:
    """The same for names of one kind."""
    subjects, field = workspace.subjects(), names[0].field
    leaving = pa.array([one.subject_id for one in asked], pa.int64())
    if field is None:
        refs = [SubjectRef(named.value) for named in names]
        known, keys = subjects.by_refs(connection, refs), [str(ref) for ref in subjects.refs_now(connection, refs)]
        once = [False] * len(names)
        owners, values = subjects.pseudonyms_of(connection, leaving)
    else:
        countries = [named.country or workspace.settings.default_country for named in names]
        canonical = subjects.canonical(field, [named.value for named in names], countries)
        known, keys = subjects.find_all(connection, field, canonical).to_pylist(), canonical.to_pylist()
        once = subjects.were_erased(connection, field, canonical).to_pylist()
        owners, values = subjects.held(connection, leaving, field)
    going = {value: asked[owner].erasure for owner, value in zip(owners.to_pylist(), values.to_pylist(), strict=True)}
    by_id = {one.subject_id: one.erasure for one in asked}
    for named, person, key, erased in zip(names, known, keys, once, strict=True):
        erasure = by_id.get(person or 0) or going.get(key)
        if person is not None and person not in by_id:
            found.ids.append(person)
        elif erasure is not None:
            found.going.append(erasure)
        elif erased:
            found.already += 1
        else:
            found.unknown.append(named.line)
