"""HTML and SVG as values: every text that goes in is escaped, whatever it is called. Pure."""

import html
import re
from collections.abc import Iterable

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_EMPTY = frozenset({"meta", "wbr", "rect", "line"})


class Markup(str):
    """Text that is markup already. Only `tag`, `joined` and `style` make it."""

    __slots__ = ()


Child = Markup | str | int | None


def tag(name: str, /, *children: Child, **attributes: str | float | None) -> Markup:
    """An element. A trailing `_` of an attribute's name is dropped, other `_` become `-`; None leaves one out."""
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _EMPTY:
        return Markup(f"<{name}{shown}/>")
    return Markup(f"<{name}{shown}>{joined(children)}</{name}>")


def joined(children: Iterable[Child]) -> Markup:
    """Several children after one another; texts among them are escaped."""
    return Markup("".join(one if isinstance(one, Markup) else escaped(str(one)) for one in children if one is not None))


def style(css: str) -> Markup:
    """A style sheet of our own: never holds a value."""
    return Markup(f"<style>{css}</style>")


def escaped(text: str) -> str:
    """A text that means nothing to a browser; control characters, which it may not hold, are shown as replaced."""
    return html.escape(_CONTROLS.sub("\ufffd", text), quote=True)


def page(language: str, title: str, css: str, body: Markup) -> str:
    """A whole page that loads nothing from anywhere."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="robots", content="noindex"),
        tag("title", title),
        style(css),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, tag('body', body), lang=language)}\n"
