"""What an audience brought: who was sent against who was held out, or one split against another."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.store import tables as t
from passerelle.segmentation.measurement.outcomes import Measured, Outcome, measured
from passerelle.segmentation.measurement.statistics import (
    Asked,
    Difference,
    fits,
    need_scipy,
    standardised,
    two_means,
    two_shares,
)
from passerelle.workflows.engine import dataset, instant, located
from passerelle.workflows.experiments.groups import HELD_OUT, SENT, Groups, sent_and_held_out, two_audiences
from passerelle.workflows.plan.aims import check_names

if TYPE_CHECKING:
    from passerelle.workflows.settings.audience import Audience
    from passerelle.workflows.workspace import Workspace

DAY = 86_400_000_000
UNEVEN = 0.001
"""Groups whose sizes are less probable than this were not drawn as the settings say."""
UNBALANCED = 0.1
"""Standard deviations between the groups before the first day, from which on they are called different."""
_HUNDRED = 100


@dataclass(frozen=True, slots=True)
class Compared:
    """One measure in both groups. `share` is of people who did it at all, `mean` of everybody's figure.

    `before`: how far the groups were apart already in as many days before, in standard deviations.
    """

    found: Measured
    share: Difference
    mean: Difference
    before: float


@dataclass(frozen=True, slots=True)
class Readout:
    """`drawn` are all who were drawn, `groups` those of them whose days are over by `until` (µs UTC).

    `even` is how probable the groups' sizes are; None where the settings no longer say how people are drawn. `compared`
    lacks measures of which too few people did anything to tell; those are `untold`.
    """

    drawn: Groups
    groups: Groups
    until: int
    even: float | None
    compared: Sequence[Compared]
    untold: Sequence[str]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the audience, the measures, over how many days of each person, from when on, and how sure."""

    audience: str
    measures: Sequence[str]
    days: int
    against: str | None = None
    since: int | None = None
    asked: Asked = field(default_factory=Asked)


def readout(workspace: "Workspace", question: Question, *, now: int, minimum: int) -> Readout:
    """Compare the groups. `minimum`: of fewer people nothing is told.

    Raises `DefinitionError` where there are no two groups, where they were not drawn from the same people, or where a
    measure is none.
    """
    check_names([question.audience, *([question.against] if question.against else [])], workspace.audiences)
    expected = _expected(workspace, question)
    need_scipy()
    drawn = groups_of(workspace, question)
    if drawn is None:
        raise _nobody(question)
    until = min(instant(None, now), *_known_until(workspace))
    length = question.days * DAY
    groups = drawn.until(until - length)
    enough = min(groups.sizes().values()) >= minimum
    with located(workspace):
        found = measured(
            groups.people if enough else groups.people.slice(0, 0),
            question.measures,
            length=length,
            model=workspace.model,
            segments=workspace.segments,
            dataset=dataset(workspace),
            as_of=until,
        )
    told = [each for each in found if enough and _tellable(each.after.values(), minimum)]
    compared = [_compared(each, groups.names, question.asked) for each in told]
    untold = [each.measure for each in found if each not in told]
    even = None if expected is None else fits(drawn.sizes(), expected)
    return Readout(drawn, groups, until, even, compared, untold)


def groups_of(workspace: "Workspace", question: Question) -> Groups | None:
    """Who was drawn into which group; None where one of the two has nobody."""
    store = workspace.store()
    with store.read() as connection:
        merges = workspace.subjects().merges(connection)
        if question.against is not None:
            both = question.audience, question.against
            return two_audiences(store, connection, merges, both, since=question.since)
        return sent_and_held_out(store, connection, merges, question.audience, since=question.since)


def _nobody(question: Question) -> DefinitionError:
    alone = f"Nobody was ever held out of `{question.audience}`."
    both = f"Nobody was sent to `{question.audience}`, or nobody to `{question.against}`."
    return DefinitionError(
        alone if question.against is None else both,
        advice="Give the audience or its segment a `holdout:`, or name another audience with --against; then sync.",
    )


def _known_until(workspace: "Workspace") -> list[int]:
    """Up to when the sources of events are known: later, nobody did anything yet, whoever they are."""
    c = t.cursor.c
    found = list[int]()
    with workspace.store().read() as connection:
        for table in workspace.model.tables.values():
            source, _, resource = table.from_.partition(".")
            if table.grain != "event":
                continue
            of = select(func.min(c.watermark)).where(c.source == source)
            mark = connection.execute(of.where(c.resource == resource) if resource else of).scalar()
            if mark is not None:
                found.append(int(mark))
    return found


def _tellable(outcomes: Iterable[Outcome], minimum: int) -> bool:
    """Of a few people who did something, the figures would be their own; and no approximation would hold."""
    return all(each.share.did == 0 or each.share.did >= minimum for each in outcomes)


def _compared(found: Measured, names: tuple[str, str], asked: Asked) -> Compared:
    one, other = (found.after[name] for name in names)
    before = standardised(*(found.before[name].mean for name in names))
    return Compared(found, two_shares(one.share, other.share, asked), two_means(one.mean, other.mean, asked), before)


# --- how people are drawn, as the settings say now
def _expected(workspace: "Workspace", question: Question) -> Mapping[str, float] | None:
    audience = workspace.audiences[question.audience]
    if question.against is None:
        return _of_holdouts(workspace, audience)
    other = workspace.audiences[question.against]
    if audience.segment != other.segment or None in {audience.split, other.split} or audience.split == other.split:
        raise DefinitionError(
            f"`{question.audience}` and `{question.against}` were not drawn from the same people.",
            advice="Compare audiences of two splits of one segment: of other people nobody knows why they differ.",
        )
    return {question.audience: _share_sent(workspace, audience), question.against: _share_sent(workspace, other)}


def _of_holdouts(workspace: "Workspace", audience: "Audience") -> Mapping[str, float] | None:
    segment = workspace.segments[audience.segment]
    own = _part(audience.holdout.percent if audience.holdout else 0)
    shared = _part(segment.holdout.percent if segment.holdout else 0)
    if not own and not shared:
        return None
    return {SENT: _share_sent(workspace, audience), HELD_OUT: shared + _share_drawn(workspace, audience) * own}


def _share_drawn(workspace: "Workspace", audience: "Audience") -> float:
    """The part of the segment that the audience is about: a split, or all but the segment's holdout."""
    segment = workspace.segments[audience.segment]
    if audience.split is not None:
        return _part((segment.splits or {})[audience.split])
    return 1 - _part(segment.holdout.percent if segment.holdout else 0)


def _share_sent(workspace: "Workspace", audience: "Audience") -> float:
    return _share_drawn(workspace, audience) * (1 - _part(audience.holdout.percent if audience.holdout else 0))


def _part(percent: Decimal | float) -> float:
    return float(percent) / _HUNDRED
