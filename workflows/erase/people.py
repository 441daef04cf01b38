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
    leaving = _Leaving(workspace, connection, asked)
    subjects = workspace.subjects()
    for named in names:
        country = named.country or workspace.settings.default_country
        if named.field is None:
            known = subjects.by_ref(connection, named.value)
        else:
            known = subjects.find(connection, named.field, named.value, country)
        if known is not None and int(known) not in leaving.ids:
            found.ids.append(int(known))
        elif (going := leaving.ids.get(int(known or 0)) or leaving.find(named, country)) is not None:
            found.going.append(going)
        elif named.field is not None and subjects.was_erased(connection, named.field, named.value, country):
            found.already += 1
        else:
            found.unknown.append(named.line)
    people = subjects.family(connection, pa.array(found.ids, pa.int64()))
    gone = set(people.filter(people["erased_at"].is_valid())["survivor"].to_pylist())
    found.already += len(gone.intersection(found.ids))
    found.ids = sorted(set(found.ids) - gone)
    return found


class _Leaving:
    """People whose erasure is not done: no digest leads to them any more, but their vault still knows them."""

    def __init__(self, workspace: "Workspace", connection: "Connection", asked: Sequence[Open]) -> None:
        self._subjects = workspace.subjects()
        self._connection = connection
        self._asked = asked
        self._people = pa.array([one.subject_id for one in asked], pa.int64())
        self._by_value: dict[str, dict[str, str]] = {}
        self.ids = {one.subject_id: one.erasure for one in asked}

    def find(self, named: Named, country: str) -> str | None:
        """The erasure of the person with that name."""
        if not self._asked:
            return None
        if named.word not in self._by_value:
            self._by_value[named.word] = self._values(named.field)
        if named.field is None:
            (today,) = self._subjects.refs_now(self._connection, [SubjectRef(named.value)])
            return self._by_value[named.word].get(today)
        value = self._subjects.canonical(named.field, named.value, country)
        return None if value is None else self._by_value[named.word].get(value)

    def _values(self, field: Field | None) -> dict[str, str]:
        if field is None:
            owners, values = self._subjects.pseudonyms_of(self._connection, self._people)
        else:
            owners, values = self._subjects.held(self._connection, self._people, field)
        pairs = zip(owners.to_pylist(), values.to_pylist(), strict=True)
        return {value: self._asked[owner].erasure for owner, value in pairs}
