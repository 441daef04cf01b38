"""Checks that span files: every name that is used must exist somewhere."""

from collections.abc import Iterable, Iterator

from passerelle.workflows.settings.document import Place
from passerelle.workflows.settings.loaded import Loaded
from passerelle.workflows.settings.names import did_you_mean, listed
from passerelle.workflows.settings.unusable import Problem


def cross_check(loaded: Loaded) -> list[Problem]:
    """Every problem between the files of one workspace."""
    return [*_audiences(loaded)]


def _audiences(loaded: Loaded) -> Iterator[Problem]:
    for name, audience in loaded.audiences.items():
        shown = f"audiences/{name}.yaml"
        yield from _known(loaded, shown, ("segment",), audience.segment, loaded.segments, "segment")
        for destination in audience.destinations:
            place = ("destinations", destination)
            yield from _known(loaded, shown, place, destination, loaded.project.destinations, "destination")


def _known(loaded: Loaded, shown: str, place: Place, word: str, known: Iterable[str], what: str) -> Iterator[Problem]:
    known = list(known)
    if word not in known:
        hint = did_you_mean(word, known) or (f" Known: {listed(known)}." if known else f" There is no {what} yet.")
        document = loaded.documents.get(shown)
        line = document.line_of(place) if document else 1
        yield Problem(shown, line, f"there is no {what} `{word}`.{hint}")
