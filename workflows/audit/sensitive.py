"""`audit sensitive`: special categories (GDPR art. 9), crimes, children, money troubles in rules, columns and names.

The list of `privacy/sensitive_words.tsv` is looked for in the words of segments, traits, audiences and sources'
columns. It points at what a person should look at; it proves nothing, and finding nothing proves nothing either.
Words that Meta flags in audience names (operation status 471: health and financial status) are marked.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from passerelle.privacy.audit.answer import Answer, Found, Line, found
from passerelle.privacy.sensitive_words import tripped, words
from passerelle.workflows.sensitive import texts

if TYPE_CHECKING:
    from passerelle.workflows.settings.document import Document
    from passerelle.workflows.workspace import Workspace

_NO_RULES = ("policy.yaml", "quality.yaml", "notices/")
_META_NAMES = ("display_name", "description")


def sensitive(workspace: "Workspace") -> Answer:
    """Every word of the list in the workspace's rules and names, with file and line."""
    lines = [line for name, document in sorted(workspace.loaded.documents.items()) for line in _looked(name, document)]
    flagged = sum(line["meta_status"] == "471" and line["seen_at_platform"] for line in lines)
    return Answer(
        facts={"words_on_the_list": len(words()), "places": len(lines)},
        tables={"words": lines},
        findings=found(
            Found("words of special categories are in rules or names", len(lines)),
            Found("of these, words in names or descriptions that Meta flags (operation status 471)", flagged),
        ),
        advice="Let the data protection officer look: special categories need explicit consent, and names are seen.",
    )


def _looked(name: str, document: "Document") -> Iterator[Line]:
    if name == "passerelle.yaml":
        sources = document.data.get("sources")
        said = texts(sources, ("sources",)) if isinstance(sources, dict) else iter(())
        said = ((place, text) for place, text in said if "fields" in place)
    elif not name.startswith(_NO_RULES):
        said = texts(document.data)
    else:
        return
    for place, text in said:
        seen = name.startswith("audiences/") and (place[-1] in ("audience", *_META_NAMES))
        for category, word, flagged in tripped(text):
            yield {
                "file": name,
                "line": document.line_of(place),
                "category": category,
                "word": word,
                "meta_status": flagged,
                "seen_at_platform": seen,
            }
