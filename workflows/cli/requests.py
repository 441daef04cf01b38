"""Turns words or base64 into a verb's request, and says what is wrong without repeating a value."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.verbs.contract import AnyVerb, Request

MAXIMUM_REQUEST = 65_536


def request_of(verb: AnyVerb, words: Mapping[str, Any], request_b64: str | None) -> Request:
    """The request of one call: from base64 where given, which then stands alone. Raises `DefinitionError`."""
    if request_b64 is None:
        return _validated(verb, words, strict=False)
    if words:
        raise DefinitionError("--request-b64 stands alone: it holds the whole request.")
    return from_base64(verb, request_b64)


def from_base64(verb: AnyVerb, text: str) -> Request:
    """The request in base64 of a JSON object, checked strictly: numbers are numbers, truth values truth values."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True) if len(text) <= MAXIMUM_REQUEST else b""
    except (UnicodeEncodeError, binascii.Error):
        data = b""
    if not data:
        raise DefinitionError("--request-b64 is not base64 of a JSON object.", advice="Encode the object as UTF-8.")
    return from_json(verb, data)


def from_json(verb: AnyVerb, data: bytes) -> Request:
    """The request in a JSON object, checked strictly."""
    return _validated(verb, data, strict=True)


def _validated(verb: AnyVerb, given: Mapping[str, Any] | bytes, *, strict: bool) -> Request:
    try:
        if isinstance(given, bytes):
            checked: Request = verb.request.model_validate_json(given, strict=strict)
        else:
            checked = verb.request.model_validate(dict(given))
    except ValidationError as error:
        from passerelle.workflows.settings.document import Document
        from passerelle.workflows.settings.problems import from_validation

        told = error.errors(include_input=False, include_url=False, include_context=False)
        written = [each["loc"][:-1] if each["type"] == "missing" else each["loc"] for each in told]
        places = {place[:length]: 0 for place in written for length in range(len(place) + 1)}
        problems = from_validation(error, verb.request, Document("", {}, places))
        sentences = sorted({each.message for each in problems})
        raise DefinitionError(
            f"`{verb.name}` cannot be asked this: {'; '.join(sentences).rstrip('.?')}.",
            advice=f"See: passerelle {verb.name} --help",
        ) from None
    return checked
