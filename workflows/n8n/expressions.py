"""n8n expressions, written as JavaScript and checked for the ways they break."""

import json
import shlex


def expression(code: str) -> str:
    """A parameter that is wholly computed. n8n ends it at the first `}}`, so code holds none."""
    if "}}" in code or "{{" in code:
        raise ValueError("an expression must not hold two braces in a row: n8n would cut it there")
    return "={{ " + code + " }}"


def literal(value: object) -> str:
    """A JSON value as JavaScript, with no two closing braces in a row."""
    text = json.dumps(value, ensure_ascii=False)
    while "}}" in text or "{{" in text:
        text = text.replace("}}", "} }").replace("{{", "{ {")
    return text


def command_line(words: list[str], request: str) -> str:
    """A shell line: fixed words, quoted, and one argument in base64, the only part a run can change.

    `request` is JavaScript for the request object. Base64 has no character that a shell minds.
    """
    fixed = " ".join(shlex.quote(word) for word in words)
    return "=" + fixed + " --request-b64 {{ JSON.stringify(" + request + ").base64Encode() }}"
