"""What is asked for: each audience at each of its destinations."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from passerelle.connectors.contract.destination import AudienceSpec, Replaces, value_column
from passerelle.privacy.errors import DefinitionError, quoted
from passerelle.privacy.ledger import Place
from passerelle.privacy.vocabulary import Destination as Platform
from passerelle.privacy.vocabulary import Purpose
from passerelle.workflows.plan.guards import Limits
from passerelle.workflows.settings.names import did_you_mean, listed

if TYPE_CHECKING:
    import pyarrow as pa

    from passerelle.segmentation import Membership
    from passerelle.workflows.settings.audience import Audience, Holdout, Replace, Value
    from passerelle.workflows.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Aim:
    """One audience at one destination: where, for what, who, and within which limits."""

    place: Place
    platform: Platform
    purpose: Purpose
    segment: str
    spec: AudienceSpec
    limits: Limits
    holdout: "Holdout | None"
    replaces: Replaces = Replaces.NEVER
    """How the platform replaces all members."""
    replace: "Replace" = "auto"
    """When the audience wants that."""
    value: "Value | None" = None
    """What is sent of each person as their value."""
    value_column: str = ""
    """The wire column that it has there."""
    split: str | None = None
    """The one of the segment's splits that is sent; None for everybody in it."""

    def members_of(self, found: "Membership") -> "pa.Int64Array":
        """Who of its segment is wanted: sorted, each once. Whom a holdout keeps out is not among them."""
        if self.split is None or found.held is not None:  # of a segment that is held back nobody is known
            return found.subject_ids
        return found.splits[self.split]


def aims(workspace: "Workspace", names: Sequence[str]) -> list[Aim]:
    """The aims of the named audiences, or of all. Raises `DefinitionError` for a name that is no audience's."""
    known = workspace.audiences
    check_names(names, known)
    return [aim for name in (names or sorted(known)) for aim in _of(workspace, known[name])]


def check_names(names: Sequence[str], known: Collection[str]) -> None:
    """Raise `DefinitionError` for a name that is not among the known ones."""
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or f" Known: {listed(known)}."
            raise DefinitionError(f"There is no audience called {quoted(name)}.{hint}", path=("audiences",))


def _of(workspace: "Workspace", audience: "Audience") -> Iterator[Aim]:
    for name, shown in audience.destinations.items():
        destination = workspace.destination(name)
        platform = destination.platform
        asked = workspace.policy.minimum_size(audience.purpose, platform)
        yield Aim(
            place=Place(name, audience.audience),
            platform=platform,
            purpose=audience.purpose,
            segment=audience.segment,
            spec=AudienceSpec(
                audience=audience.audience,
                display_name=shown.display_name or audience.audience,
                description=shown.description,
                retention_days=shown.retention_days,
                labels=shown.labels,
                rfm_groups=workspace.segments[audience.segment].rfm_groups,
                values=audience.value is not None,
            ),
            limits=Limits(max(audience.guards.minimum_size, asked), audience.guards.maximum_change),
            holdout=audience.holdout,
            replaces=destination.capabilities.replaces,
            replace=audience.replace,
            value=audience.value,
            value_column=value_column(type(destination)),
            split=audience.split,
        )
