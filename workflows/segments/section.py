"""What a section of a segment's page is. To add one: a module in `sections`, and a line in `report.SECTIONS`.

A section looks and draws, apart. `look` may read the workspace, and gives figures: counts of people, shares, values of
thresholds. `draw` is pure, and makes words and pictures of them that load nothing. What both promise: nothing in it is
about one person; of fewer than `SMALL_GROUP` people nothing is told (`small.people`, `small.folded`); no identifier,
pseudonym or number of a person.

    from passerelle.workflows.segments.section import Asked, Section

    @dataclass(frozen=True, slots=True)
    class Reached: ...                                  # the figures

    def _look(asked: Asked) -> Reached: ...
    def _draw(found: Reached) -> Markup: ...

    SECTION = Section("How far it reaches", lambda asked: bool(asked.audiences), _look, _draw)
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from passerelle.segmentation import Evaluation, History, Membership, evaluating
from passerelle.segmentation.rules import Segment
from passerelle.workflows.engine import Unsaved, dataset, instant, located

if TYPE_CHECKING:
    from passerelle.workflows.report.markup import Markup
    from passerelle.workflows.settings.audience import Audience
    from passerelle.workflows.workspace import Workspace

F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class Asked:
    """One segment of a workspace, at one instant.

    `run` is open: people, scores and thresholds are computed once, and what is asked of it is cheap. `now` is the time
    (µs UTC), `run.as_of` the instant that people are looked at from.
    """

    workspace: "Workspace"
    name: str
    run: Evaluation
    membership: Membership
    history: History
    now: int

    @property
    def segment(self) -> Segment:
        """Its rule, checked."""
        return self.run.segments[self.name]

    @property
    def audiences(self) -> "dict[str, Audience]":
        """Audiences that send it, by name."""
        return {name: each for name, each in sorted(self.workspace.audiences.items()) if each.segment == self.name}


@dataclass(frozen=True, slots=True)
class Section(Generic[F]):
    """One section of the page.

    `applies` says whether it has anything to say of this segment in this workspace; where not, `look` is not called.
    `look` may raise `HeldBack` where something that it rests on may not be relied on: the page then says so in its
    place. Any other error ends the report.
    """

    title: str
    applies: Callable[[Asked], bool]
    look: Callable[[Asked], F]
    draw: "Callable[[F], Markup]"


@contextmanager
def asking(workspace: "Workspace", name: str, *, as_of: int | None, now: int) -> Iterator[Asked]:
    """A segment to ask about, as of `as_of` (by default this hour); nothing is saved.

    Raises `DefinitionError` with file and line where a definition is wrong, `HeldBack` where a model that the segment
    rests on may not be relied on.
    """
    history = Unsaved(workspace.store())
    with (
        located(workspace),
        evaluating(
            [name],
            model=workspace.model,
            segments=workspace.segments,
            dataset=dataset(workspace),
            as_of=instant(as_of, now),
            history=history,
        ) as run,
    ):
        yield Asked(workspace, name, run, run.memberships([name])[name], history, now)
