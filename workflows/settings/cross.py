"""Checks that span files: every name that is used must exist, and an audience must be able to have people."""

from collections.abc import Iterable, Iterator

from passerelle.connectors.contract.declared import RecordSettings
from passerelle.connectors.contract.source import SourceSettings
from passerelle.privacy.consent.notice import by_reference
from passerelle.privacy.consent.signals.mapping import SignalMapping
from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.vocabulary import Destination
from passerelle.segmentation.language.words import SCORE
from passerelle.workflows.settings.document import Place
from passerelle.workflows.settings.loaded import Loaded
from passerelle.workflows.settings.names import PROJECT, QUALITY, did_you_mean, listed
from passerelle.workflows.settings.unusable import Problem


def cross_check(loaded: Loaded) -> list[Problem]:
    """Every problem between the files of one workspace."""
    return [
        *_audiences(loaded),
        *_freshness(loaded),
        *_model(loaded),
        *_quality(loaded),
        *_notices(loaded),
        *_vendors(loaded),
        *_deletions(loaded),
    ]


def _audiences(loaded: Loaded) -> Iterator[Problem]:
    for name, audience in loaded.audiences.items():
        shown = f"audiences/{name}.yaml"
        yield from _known(loaded, shown, ("segment",), audience.segment, loaded.named["segments"], "segment")
        for destination in audience.destinations:
            place = ("destinations", destination)
            yield from _known(loaded, shown, place, destination, loaded.project.destinations, "destination")
            yield from _ruled(loaded, shown, name, destination)
            yield from _labelled(loaded, shown, name, destination)
            yield from _valued(loaded, shown, name, destination)
        yield from _drawn(loaded, shown, name)
        yield from _worth(loaded, shown, name)


def _ruled(loaded: Loaded, shown: str, name: str, destination: str) -> Iterator[Problem]:
    """A destination of an audience that no rule of the policy lets anybody be sent to."""
    plugged, purpose = loaded.destinations.get(destination), loaded.audiences[name].purpose
    if plugged is None or plugged.kind not in set(Destination):
        return
    if not loaded.policy.rules_for(purpose, Destination(plugged.kind)):
        said = f"no rule in policy.yaml lets anybody be sent to `{destination}` for `{purpose.value}`."
        yield Problem(shown, loaded.documents[shown].line_of(("destinations", destination)), said)


def _labelled(loaded: Loaded, shown: str, name: str, destination: str) -> Iterator[Problem]:
    """Labels of an audience that its destination does not know."""
    plugged, labels = loaded.destinations.get(destination), loaded.audiences[name].destinations[destination].labels
    if plugged is None or not labels:
        return
    known, place = sorted(getattr(plugged.cls, "LABELS", ())), ("destinations", destination, "labels")
    if not known:
        line = loaded.documents[shown].line_of(place)
        yield Problem(shown, line, f"`{destination}` knows no labels of audiences: take `labels` out.")
        return
    for label in labels:
        yield from _known(loaded, shown, place, label, known, "label")


def _valued(loaded: Loaded, shown: str, name: str, destination: str) -> Iterator[Problem]:
    """An audience with values, to a destination that has no place for them."""
    plugged = loaded.destinations.get(destination)
    if plugged is None or loaded.audiences[name].value is None:
        return
    if not getattr(plugged.cls, "VALUE_COLUMN", ""):
        line = loaded.documents[shown].line_of(("value",))
        said = f"`{destination}` takes no values of people: have an audience of its own for it, without `value`."
        yield Problem(shown, line, said)


def _worth(loaded: Loaded, shown: str, name: str) -> Iterator[Problem]:
    """A value that is no trait and no score."""
    value, place = loaded.audiences[name].value, ("value", "trait")
    if value is None or loaded.model is None:
        return
    if value.trait.startswith(SCORE):
        word = value.trait.removeprefix(SCORE)
        yield from _known(loaded, shown, place, word, sorted(loaded.named["scores"]), "score")
    else:
        yield from _known(loaded, shown, place, value.trait, loaded.model.traits, "trait")


def _drawn(loaded: Loaded, shown: str, name: str) -> Iterator[Problem]:
    """A split that its segment does not have, or a holdout that draws by the same hashes as its segment."""
    audience = loaded.audiences[name]
    segment = loaded.segments.get(audience.segment)
    if segment is None:
        return
    if audience.split is not None:
        yield from _known(loaded, shown, ("split",), audience.split, segment.splits or {}, "split")
    drawn_by = segment.holdout.salt if segment.holdout else audience.segment if segment.splits else None
    if audience.holdout is not None and audience.holdout.salt == drawn_by:
        line = loaded.documents[shown].line_of(("holdout", "salt"))
        said = f"the segment `{audience.segment}` draws by the salt `{drawn_by}` already: take another word here."
        yield Problem(shown, line, said)


def _freshness(loaded: Loaded) -> Iterator[Problem]:
    named: list[tuple[Place, str]] = [(("freshness", source), source) for source in loaded.policy.freshness]
    for place, rule in enumerate(loaded.policy.rules):
        named += [(("rules", place, "freshness", source), source) for source in rule.freshness]
    for at, source in named:
        yield from _known(loaded, "policy.yaml", at, source, loaded.project.sources, "source")


def _vendors(loaded: Loaded) -> Iterator[Problem]:
    for name in loaded.project.vendors:
        yield from _known(loaded, PROJECT, ("vendors", name), name, loaded.project.destinations, "destination")


def _deletions(loaded: Loaded) -> Iterator[Problem]:
    """A source that tells what is gone from another."""
    for name, plugged in loaded.sources.items():
        if plugged.kind != "webhook_deletions":
            continue
        from passerelle.connectors.sources.webhooks.deletions import WebhookDeletions  # and with it, HTTP's client

        if isinstance(plugged.settings, WebhookDeletions):
            of = plugged.settings.of.partition(".")[0]
            others = set(loaded.project.sources) - {name}
            yield from _known(loaded, PROJECT, ("sources", name, "of"), of, sorted(others), "source")


def _model(loaded: Loaded) -> Iterator[Problem]:
    """Tables of the model must be a source's, by its name or as `source.resource`."""
    for name, table in (loaded.model.tables if loaded.model else {}).items():
        source, place = table.from_.partition(".")[0], ("tables", name, "from")
        yield from _known(loaded, "model.yaml", place, source, loaded.project.sources, "source")


def _quality(loaded: Loaded) -> Iterator[Problem]:
    """Tables that are checked must be a source's, too."""
    for name in loaded.quality.tables if loaded.quality else ():
        yield from _known(loaded, QUALITY, ("tables", name), name.partition(".")[0], loaded.project.sources, "source")


def _notices(loaded: Loaded) -> Iterator[Problem]:
    """Notices named outright in a source must be on file. Those named by a column are checked when they are used."""
    try:
        known = by_reference(loaded.notices.values())
    except DefinitionError as error:
        yield Problem("", 0, f"{error.message} {error.advice}".strip())
        return
    for name, plugged in loaded.sources.items():
        for place, notice in _named(plugged.settings):
            if notice is not None and "@" in notice:
                yield from _known(loaded, PROJECT, ("sources", name, *place), notice, known, "notice")


def _named(settings: SourceSettings) -> Iterator[tuple[Place, str | None]]:
    """Where a source's settings may name a notice, and what stands there."""
    if isinstance(settings, RecordSettings):
        yield from ((("fields", column), consent.notice) for column, consent in settings.shape().consents)
    mapping = getattr(settings, "mapping", None)
    if isinstance(mapping, SignalMapping):
        yield from ((("mapping", "purposes", name), meaning.notice) for name, meaning in mapping.purposes.items())
        for number, said in enumerate(mapping.statements):
            place: Place = ("mapping", "statements", number)
            yield (*place, "notice"), said.notice
            words = said.notice_from.words if said.notice_from is not None else {}
            yield from (((*place, "notice_from", "words", word), notice) for word, notice in words.items())


def _known(loaded: Loaded, shown: str, place: Place, word: str, known: Iterable[str], what: str) -> Iterator[Problem]:
    known = list(known)
    if word not in known:
        hint = did_you_mean(word, known) or (f" Known: {listed(known)}." if known else f" There is no {what} yet.")
        document = loaded.documents.get(shown)
        line = document.line_of(place) if document else 1
        yield Problem(shown, line, f"there is no {what} `{word}`.{hint}")
