"""The page about a segment: one HTML file with pictures, for whoever writes segments; no network is needed to see it.

`SECTIONS` are its parts, in their order; what one is: `section`.
"""

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from passerelle.privacy.audit.times import iso
from passerelle.privacy.errors import HeldBack
from passerelle.workflows.report.markup import Markup, joined, page, tag
from passerelle.workflows.segments.section import Asked, Section
from passerelle.workflows.segments.sections import conditions, consent, holdout, journeys, rfm, scores, size, thresholds
from passerelle.workflows.segments.small import SMALL_GROUP, people
from passerelle.workflows.sensitive import warnings_of

SECTIONS: Sequence[Section[Any]] = (
    size.SIZE,
    size.MOVES,
    conditions.SECTION,
    thresholds.SECTION,
    rfm.SECTION,
    journeys.SECTION,
    scores.SECTION,
    consent.SECTION,
    holdout.SECTION,
)

_CSS = (
    "svg .label, svg .number { font-size: 11px; } svg text[fill='#ffffff'] { fill: #ffffff; }"
    "svg text[font-weight='bold'] { font-weight: 600; } .held { color: var(--bad); }"
    "svg .mark { stroke: #9b1c1c; stroke-dasharray: 3 3; }"
)


def applicable(asked: Asked, sections: Sequence[Section[Any]] = SECTIONS) -> list[Section[Any]]:
    """The sections that have anything to say of a segment."""
    return [each for each in sections if each.applies(asked)]


def report(asked: Asked, sections: Sequence[Section[Any]]) -> str:
    """The whole page, as HTML that loads nothing; the same workspace at the same instant gives the same bytes.

    `sections`: those that are `applicable`.
    """
    parts = [(each.title, _told(each, asked)) for each in sections]
    foot = f"Version {asked.membership.version[:12]} of the segment's definition. "
    return sheet(f"Segment {asked.name}", parts, heading=_heading(asked), foot=foot)


def sheet(title: str, parts: Sequence[tuple[str, Markup]], *, heading: Markup | None = None, foot: str = "") -> str:
    """The page around sections that are drawn already, each under its title."""
    css = files("passerelle.workflows.report").joinpath("page.css").read_text("utf-8") + _CSS
    said = f"{foot}Times are UTC. Nobody is named; of fewer than {SMALL_GROUP} people nothing is told."
    made = [tag("section", tag("h2", name), inside) for name, inside in parts]
    return page("en", title, css, joined([heading, *made, tag("footer", said)]))


def _told(section: Section[Any], asked: Asked) -> Markup:
    try:
        found = section.look(asked)
    except HeldBack as problem:
        return tag("p", f"{problem.message} {problem.advice}".strip(), class_="held")
    return section.draw(found)


def _heading(asked: Asked) -> Markup:
    found = asked.membership
    share = f"{100 * found.size / found.population:.1f} %" if found.size >= SMALL_GROUP else None
    cards = (
        ("People in it", people(found.size)),
        ("Of everybody", share),
        ("Everybody", people(found.population)),
        ("Held out", people(found.held_out) if found.held_out else None),
        ("Audiences that send it", f"{len(asked.audiences)}"),
    )
    flagged = warnings_of(asked.workspace, f"segments/{asked.name}.yaml")
    description = asked.workspace.segments[asked.name].description
    return joined(
        [
            tag(
                "header",
                tag("h1", f"Segment {asked.name}"),
                tag("p", description) if description else None,
                tag("p", f"As of {iso(asked.run.as_of)}"),
            ),
            tag(
                "div",
                *(tag("div", tag("b", value), tag("span", name), class_="card") for name, value in cards if value),
                class_="cards",
            ),
            *(tag("p", f"Note: {warning}") for warning in (*found.warnings, *flagged)),
        ]
    )
