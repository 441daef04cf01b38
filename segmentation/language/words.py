"""The smallest parts of the language: closed models, names, lengths of time, exact numbers."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, ClassVar, LiteralString

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from passerelle.privacy.errors import quoted

NAME_PATTERN = r"^[a-z0-9_]{1,64}$"

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""1 to 64 small letters without accents, digits or underscores."""

SCORE = "score."
"""What rules call a score by, before its name."""

_SECONDS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_UNIT_WORDS = {
    **dict.fromkeys(("minute", "minutes"), "min"),
    **dict.fromkeys(("hour", "hours"), "h"),
    **dict.fromkeys(("day", "days"), "d"),
    **dict.fromkeys(("week", "weeks"), "w"),
}
_LENGTH = re.compile(r"(-?[0-9]{1,9}) ?([a-z]+)\Z")
_LONGEST = 36_500 * 86_400


def suggestion(word: object, known: Iterable[str]) -> str:
    """`Did you mean …?` for a word that is close to a known one, else the known ones, else nothing."""
    words = sorted(set(known))
    close = difflib.get_close_matches(str(word), words, n=1, cutoff=0.6)
    if close:
        return f"Did you mean `{close[0]}`?"
    return f"Known here: {', '.join(f'`{word}`' for word in words[:12])}." if words else ""


def seconds(text: object) -> int:
    """A length of time such as `30d`, `24h`, `12w` or `90 min`, in seconds; more than zero, at most 100 years."""
    match = _LENGTH.match(text) if isinstance(text, str) else None
    unit = _UNIT_WORDS.get(match[2], match[2]) if match else ""
    if match is None or unit not in _SECONDS:
        raise PydanticCustomError(
            "length_of_time", "must be a length of time such as `30d`, `24h` or `12w` (months differ in length)"
        )
    length = int(match[1]) * _SECONDS[unit]
    if length <= 0:
        raise PydanticCustomError("length_of_time", "must be longer than zero")
    if length > _LONGEST:
        raise PydanticCustomError("length_of_time", "must be at most 100 years")
    return length


def in_words(length: int) -> str:
    """A length in seconds as people say it: `30 days`, `36 hours`."""
    for unit, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if length % unit == 0:
            return f"{length // unit} {word}{'' if length == unit else 's'}"
    return f"{length} seconds"


def _seconds(value: object) -> object:
    return seconds(value)


Length = Annotated[
    int,
    BeforeValidator(_seconds),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,9} ?(s|min|h|d|w|minutes?|hours?|days?|weeks?)$"}),
]
"""A length of time: `30d` in YAML, seconds in the model."""


def _number(value: object) -> object:
    # YAML gives floats: their shortest text is what was written, and from there on it is exact.
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise PydanticCustomError("number", "must be a number such as 3 or 120.50, without quotes")
    try:
        number = Decimal(str(value))
    except InvalidOperation:  # pragma: no cover - str() of a float is always a Decimal
        raise PydanticCustomError("number", "must be a number") from None
    if not number.is_finite() or abs(number) >= Decimal(10) ** 15:
        raise PydanticCustomError("number", "must be a number of at most 15 digits")
    return number


Number = Annotated[Decimal, BeforeValidator(_number), WithJsonSchema({"type": "number"})]
"""An exact number: 120.50 is 120.50."""


def _scalar(value: object) -> object:
    if isinstance(value, str | bool):
        return value
    if isinstance(value, int | float | Decimal):
        return _number(value)
    raise PydanticCustomError("scalar", "must be a text, a number, or `true` or `false`")


Scalar = Annotated[
    str | bool | Decimal, BeforeValidator(_scalar), WithJsonSchema({"type": ["string", "boolean", "number"]})
]
"""A value that a rule compares with."""

SYNONYMS = {
    "eq": "is",
    "ne": "is_not",
    "gt": "more_than",
    "gte": "at_least",
    "lt": "less_than",
    "lte": "at_most",
}
"""Short forms that are read as the ordinary word, so that both give the same definition."""


class Closed(BaseModel):
    """Base of every part of the language: unknown keys are refused, with the key that was probably meant."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, defer_build=True, hide_input_in_errors=True, populate_by_name=False
    )

    tag: ClassVar[str] = ""

    @model_validator(mode="before")
    @classmethod
    def _only_known_keys(cls, data: Any) -> Any:  # noqa: ANN401 - what a document holds
        if not isinstance(data, dict):
            return data
        known = {field.alias or name for name, field in cls.model_fields.items()}
        read: dict[str, Any] = {}
        for key, value in data.items():
            word = SYNONYMS.get(key, key) if SYNONYMS.get(key) in known else key
            if word not in known:
                raise complaint("unknown_key", _refusal(str(key), known))
            if word in read:
                raise complaint("unknown_key", f"says `{word}` twice")
            read[word] = value
        return read


def _refusal(key: str, known: set[str]) -> str:
    return f"has no key {quoted(key)}. {suggestion(key, known)}".strip()


def complaint(kind: LiteralString, sentence: str) -> PydanticCustomError:
    """A validation error that says `sentence` as it stands."""
    return PydanticCustomError(kind, "{sentence}", {"sentence": sentence})


@dataclass(frozen=True, slots=True)
class Alternatives:
    """Tells alternatives apart by the one key that each must have; `keys` leads from that key to its tag."""

    keys: Mapping[str, str]
    what: str

    def tag(self, value: object) -> str | None:
        """The tag of the alternative that `value` is; for pydantic's discriminator."""
        if isinstance(value, Closed):
            return value.tag
        found = self._found(value)
        return next(iter(found)) if len(found) == 1 else None

    def check(self, value: object) -> object:
        """`value`, if it is exactly one alternative; else says what it should be."""
        if isinstance(value, Closed):
            return value
        if not isinstance(value, dict):
            raise complaint("alternative", f"must be a {self.what}: a key and what belongs to it")
        found = self._found(value)
        if len(found) > 1:
            both = " and ".join(f"`{key}`" for key in self.keys if key in value)
            raise complaint("alternative", f"is two things at once: {both}. Write each on its own")
        if not found:
            raise complaint("alternative", f"is no {self.what}. {suggestion(next(iter(value), ''), self.keys)}")
        return value

    def _found(self, value: object) -> set[str]:
        return {tag for key, tag in self.keys.items() if key in value} if isinstance(value, dict) else set()
