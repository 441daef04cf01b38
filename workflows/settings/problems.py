"""What is wrong with settings, all of it at once, as sentences with file and line. Values are never quoted."""

import re
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, RootModel, ValidationError
from pydantic_core import ErrorDetails

from passerelle.privacy.errors import DefinitionError, quoted
from passerelle.workflows.settings.document import Document, Place
from passerelle.workflows.settings.names import did_you_mean
from passerelle.workflows.settings.unusable import Problem, Unusable

_SECRET = re.compile(r"token|secret|passw|api_?key|private|credential|url|dsn", re.IGNORECASE)

_SENTENCES: Mapping[str, str] = {
    "missing": "is missing",
    "bool_type": "must be `true` or `false`",
    "string_type": "must be text; put it in quotes if it looks like a number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_parsing": "must be `true` or `false`",
    "json_invalid": "is not JSON",
    "json_type": "is not JSON",
    "dict_type": "must hold keys and values",
    "model_type": "must hold keys and values",
    "model_attributes_type": "must hold keys and values",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "string_too_short": "must not be empty",
    "finite_number": "must be a finite number",
    "date_from_datetime_parsing": "must be a date such as 2026-11-20",
    "date_type": "must be a date such as 2026-11-20",
    "datetime_parsing": "must be a date and time such as 2026-11-20T08:00:00Z",
    "datetime_from_date_parsing": "must be a date and time such as 2026-11-20T08:00:00Z",
    "none_required": "must be left empty",
}


def from_definition(error: DefinitionError, document: Document, at: Place = ()) -> list[Problem]:
    """Problems of an error that some room raised about `document`, with the line its `path` leads to."""
    if isinstance(error, Unusable):
        return error.problems
    if error.message.startswith(document.shown):  # it already says where
        return [Problem("", 0, error.message)]
    advice = f" {error.advice}" if error.advice else ""
    return [Problem(document.shown, document.line_of((*at, *error.path)), error.message + advice)]


def from_validation(
    error: ValidationError, model: type[BaseModel], document: Document, at: Place = ()
) -> list[Problem]:
    """One problem per place that pydantic complains of; alternatives at one place are joined with "or"."""
    found: dict[tuple[Place, str], list[str]] = {}
    for detail in error.errors(include_url=False):  # of the input, only whether it resembles a known word
        place = _place(document, at, detail)
        label = _label(place, at, detail)
        found.setdefault((place, label), []).append(_sentence(detail, model, place[len(at) :]))
    return [
        Problem(document.shown, document.line_of(place), f"{label} {' or '.join(dict.fromkeys(said))}".strip())
        for (place, label), said in found.items()
    ]


def _place(document: Document, at: Place, detail: ErrorDetails) -> Place:
    """Where in the document: without the tags and type names that pydantic puts into its places for unions."""
    place = at
    for part in detail["loc"]:
        if (*place, part) in document.lines:
            place = (*place, part)
    if detail["type"] == "missing":
        place = (*place, detail["loc"][-1])
    return place


def _label(place: Place, at: Place, detail: ErrorDetails) -> str:
    if detail["type"] == "extra_forbidden":
        return f"{_dotted(place)} is not a key here."
    return _dotted(place) if len(place) > len(at) or at else ""


def _dotted(place: Place) -> str:
    words = [quoted(part).strip("`") if not isinstance(part, int) else f"item {part + 1}" for part in place]
    return f"`{'.'.join(words)}`"


def _sentence(detail: ErrorDetails, model: type[BaseModel], place: Place) -> str:
    kind = detail["type"]
    if kind in _SENTENCES:
        return _SENTENCES[kind]
    if kind == "extra_forbidden":
        known = fields_at(model, place[:-1])
        return did_you_mean(str(place[-1]), known).strip() or _allowed(known)
    special = _special(detail) or _described(detail, model, place)
    if special is None and any(_SECRET.search(str(part)) for part in place):
        return "is not valid"
    return special or _plain(detail["msg"])


def _special(detail: ErrorDetails) -> str | None:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in {"literal_error", "enum"}:
        expected = str(context.get("expected", ""))
        known = re.findall(r"'([^']*)'", expected)
        return f"must be {expected.replace(chr(39), '`')}.{did_you_mean(str(detail.get('input')), known)}"
    if kind == "union_tag_invalid":
        tag = str(context.get("discriminator", "")).strip(chr(39))
        return f"`{tag}` must be one of {context.get('expected_tags')}"
    if kind == "string_pattern_mismatch" and "a-z0-9_" in str(context.get("pattern")):
        return "must be a name: 1 to 64 small letters without accents, digits or underscores"
    return None


def _described(detail: ErrorDetails, model: type[BaseModel], place: Place) -> str | None:
    """What the field's description says, where a text is not written as it must be; patterns are for programs."""
    if detail["type"] != "string_pattern_mismatch" or not place:
        return None
    fields = [inner.model_fields.get(str(place[-1])) for inner in _models_at(model, place[:-1])]
    said = next((field.description for field in fields if field is not None and field.description), None)
    return None if said is None else f"is not written as it must be. {said}"


def _plain(message: str) -> str:
    message = re.sub(r"^(Value error|Assertion failed), ", "", message)
    message = re.sub(r"^(Input|String|Value) should ", "must ", message)
    return message.rstrip(".")


def _allowed(known: Iterable[str]) -> str:
    words = ", ".join(f"`{word}`" for word in sorted(known))
    return f"Known here: {words}." if words else ""


def fields_at(model: Any, place: Place) -> set[str]:  # noqa: ANN401 - a type annotation of any kind
    """The keys that `model` knows at `place`, of every alternative there; empty where any key may stand."""
    return {field.alias or name for inner in _models_at(model, place) for name, field in inner.model_fields.items()}


def _models_at(model: Any, place: Place) -> list[type[BaseModel]]:  # noqa: ANN401 - a type annotation of any kind
    """The models that may stand at `place`."""
    if not place:
        return _models(model)
    found: list[type[BaseModel]] = []
    for inner in _models(model):
        inner.model_rebuild()  # models that hold each other know what they hold only when they are first used
        fields = {field.alias or name: field.annotation for name, field in inner.model_fields.items()}
        if place[0] in fields:
            found += _models_at(fields[str(place[0])], place[1:])
    return found or [each for item in _items(model) for each in _models_at(item, place[1:])]


def _models(kind: Any) -> list[type[BaseModel]]:  # noqa: ANN401 - a type annotation of any kind
    if isinstance(kind, type) and issubclass(kind, RootModel):
        return _models(kind.model_fields["root"].annotation)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    if get_origin(kind) is Annotated:
        return _models(get_args(kind)[0])
    if get_origin(kind) in {Union, UnionType}:
        return [model for part in get_args(kind) for model in _models(part)]
    return []


def _items(kind: Any) -> list[Any]:  # noqa: ANN401 - a type annotation of any kind
    """The types of a container's items: the last argument of list, tuple and dict, through unions and roots."""
    if isinstance(kind, type) and issubclass(kind, RootModel):
        return _items(kind.model_fields["root"].annotation)
    if get_origin(kind) is Annotated:
        return _items(get_args(kind)[0])
    if get_origin(kind) in {Union, UnionType}:
        return [item for part in get_args(kind) for item in _items(part)]
    arguments = [part for part in get_args(kind) if part is not ...]
    return arguments[-1:]
