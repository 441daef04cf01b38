"""What sending the segment changed: who was sent against who was held out, for each of its audiences."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from passerelle.privacy.audit.times import iso
from passerelle.privacy.errors import HeldBack
from passerelle.segmentation.literals import in_words
from passerelle.segmentation.measurement.outcomes import is_measure
from passerelle.segmentation.measurement.statistics import Asked
from passerelle.workflows.experiments.groups import HELD_OUT, SENT
from passerelle.workflows.experiments.readout import UNEVEN, Compared, Question, Readout, groups_of, readout
from passerelle.workflows.report.blocks import listed
from passerelle.workflows.report.intervals import Interval, intervals
from passerelle.workflows.report.markup import Markup, joined, tag
from passerelle.workflows.segments.section import Asked as Segment
from passerelle.workflows.segments.section import Section
from passerelle.workflows.segments.small import SMALL_GROUP

DAYS = 28
"""Of each person that are looked at."""

SURE = Asked().confidence


@dataclass(frozen=True, slots=True)
class Held:
    """One audience's comparison; None while nobody was ever held out of it."""

    audience: str
    found: Readout | None


def applies(asked: Segment) -> bool:
    """Whether anybody is to be held out, and the model says what people's orders and money are."""
    drawn = asked.segment.holdout is not None or any(each.holdout is not None for each in asked.audiences.values())
    return drawn and bool(_measures(asked))


def _measures(asked: Segment) -> list[str]:
    """How often people buy and for how much, where these are traits that a group can be measured in."""
    rfm = asked.workspace.model.rfm
    names = [] if rfm is None else [rfm.frequency, rfm.monetary]
    return [name for name in names if is_measure(asked.run.resolver, name)]


def look(asked: Segment) -> list[Held]:
    """Read each audience out. Raises `HeldBack` where SciPy is not installed."""
    if find_spec("scipy") is None:
        raise HeldBack("SciPy is not installed, so nothing is compared.", advice="pip install 'passerelle[ml]'")
    return [Held(name, _read(asked, name)) for name in asked.audiences]


def _read(asked: Segment, audience: str) -> Readout | None:
    question = Question(audience, _measures(asked), DAYS, asked=Asked(SURE))
    if groups_of(asked.workspace, question) is None:
        return None
    return readout(asked.workspace, question, now=asked.now, minimum=SMALL_GROUP)


def draw(found: Sequence[Held]) -> Markup:
    """For each audience a sentence, a picture and the figures."""
    return joined(part for each in found for part in _drawn(each))


def _drawn(held: Held) -> Iterator[Markup]:
    yield tag("h3", held.audience)
    if held.found is None:
        yield tag("p", "Nobody was held out of it yet.", class_="none")
        return
    found = held.found
    sizes = found.groups.sizes()
    if not found.compared:
        told = f"Too few people, or too few did anything, since {iso(found.drawn.since)[:10]} to tell."
        yield tag("p", f"{told} Each person's first {DAYS} days count, once they are over.", class_="none")
        return
    sent, out = (f"{sizes[name]:,}" for name in found.groups.names)
    since = f"drawn since {iso(found.drawn.since)[:10]}, in the {DAYS} days after"
    yield tag("p", f"{sent} people who were sent, beside {out} who were held out: {since}.")
    if found.even is not None and found.even < UNEVEN:
        yield tag("p", "The groups' sizes are not what the draw gives: believe no difference.", class_="held")
    if rows := [row for each in found.compared for row in _intervals(each)]:
        yield tag("figure", intervals(rows, title=f"What {held.audience} changed, by what those held out did"))
        note = (
            f"Differences by what those held out did, with intervals of {SURE:.0%}: what crosses the line may be none."
        )
        yield tag("p", note)
    yield listed(
        ("Figure", "Sent", "Held out", "p"), [row for each in found.compared for row in _rows(each)], numbers=3
    )


def _intervals(each: Compared) -> Iterator[Interval]:
    """Differences as parts of what those did who were held out; none where they did nothing."""
    share, mean = (each.found.after[HELD_OUT].share.share, each.found.after[HELD_OUT].mean.mean)
    for label, one, base in (("share who did it", each.share, share), ("for each person", each.mean, mean)):
        if base > 0:
            low, middle, high = (end / base for end in (one.low, one.difference, one.high))
            told = f"{middle:+.1%} ({low:+.1%} to {high:+.1%})"
            yield Interval(f"{each.found.measure}, {label}", low, middle, high, told)


def _rows(each: Compared) -> Iterator[tuple[str, str, str, str]]:
    sent, out = each.found.after[SENT], each.found.after[HELD_OUT]
    name = each.found.measure
    yield f"{name}, people who did it", f"{sent.share.share:.2%}", f"{out.share.share:.2%}", f"{each.share.p:.3f}"
    yield f"{name}, for each person", f"{sent.mean.mean:,.2f}", f"{out.mean.mean:,.2f}", f"{each.mean.p:.3f}"
    kind = each.found.type
    yield f"{name}, of all", in_words(sent.total, kind), in_words(out.total, kind), ""


SECTION = Section("What sending it changed", applies, look, draw)
