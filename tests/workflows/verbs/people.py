"""A workspace, and verbs asked about people in it as the command line asks them."""

import io
from pathlib import Path
from typing import Any

from rich.console import Console

from passerelle.workflows.scaffold.write import scaffold
from passerelle.workflows.verbs.contract import AnyVerb, Request, Result
from passerelle.workflows.verbs.registry import verb
from tests.privacy.store.stores import placed
from tests.workflows.surroundings import NOW, surroundings


def workspace(folder: Path) -> Path:
    """The example workspace, without its data: notice ads-2026, audiences at meta and google, nobody known."""
    scaffold(folder)
    placed(folder / "var/control.db")
    return folder


def ask(folder: Path, name: str, /, *, stdin: bytes = b"", now: int = NOW, **words: Any) -> Result:  # noqa: ANN401 - words
    """The result of a verb, which must also have a readable form."""
    found = verb(name)
    assert found is not None
    request: Request = found.request.model_validate(words)
    result: Result = found.run(surroundings(folder, now=now, stdin=stdin), request)
    assert type(result) is found.result
    assert shown(found, result)
    return result


def shown(found: AnyVerb, result: Result) -> str:
    """What a person at a terminal sees."""
    stream = io.StringIO()
    found.render(result, Console(file=stream, width=120))
    return stream.getvalue()
