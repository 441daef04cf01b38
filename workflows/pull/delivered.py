"""What a source was sent, kept as a pull would keep a page of it. The next pull makes its rows part of the lake."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from passerelle.connectors.contract.source import Resource, Source, table_name
from passerelle.connectors.sources.webhooks import Deletions, Delivery, Webhooks
from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.pull.keeping import Keeper
from passerelle.workflows.pull.report import SourceReport

if TYPE_CHECKING:
    from passerelle.workflows.workspace import Workspace


def keep_delivered(
    workspace: "Workspace", source: Webhooks | Deletions, deliveries: Sequence[Delivery], *, now: int
) -> SourceReport:
    """Keep them: people, consents and the removals that follow at once, rows beside the lake's table; `now` in µs."""
    if isinstance(source, Deletions):
        return _gone(workspace, source, deliveries, now)
    (resource,) = source.resources
    keeper = _keeper(workspace, source, resource, now)
    report = SourceReport(source.name, resource.name, keeper.table)
    keeper.keep(source.page(deliveries, now), report)
    return report


def able(workspace: "Workspace", source: Webhooks | Deletions) -> None:
    """Raise `DefinitionError` where the source's secret is missing, or it cannot tell what it is to tell."""
    source.receiver.signed({}, b"", 0.0)
    if isinstance(source, Deletions):
        aimed(workspace, source)


def aimed(workspace: "Workspace", source: Deletions) -> None:
    """Raise `DefinitionError` where it tells of no table, or of one whose records cannot be said to be gone."""
    source.page(_told_of(workspace, source)[1], [], {}, 0)


def _gone(workspace: "Workspace", source: Deletions, deliveries: Sequence[Delivery], now: int) -> SourceReport:
    """Raises `TryLater` while the other source is being pulled: where it stands is not to be changed meanwhile."""
    other, resource = _told_of(workspace, source)
    keeper = _keeper(workspace, other, resource, now)
    report = SourceReport(source.name, resource.name, keeper.table)
    with workspace.store().exclusive(f"pull {keeper.table}"):
        state = keeper.state()
        if state is not None:  # otherwise nobody came from there, and its first pull will not bring who is gone
            keeper.keep(source.page(resource, deliveries, state, now), report)
    return report


def _told_of(workspace: "Workspace", source: Deletions) -> tuple[Source, Resource]:
    """Whose records are gone. Raises `DefinitionError` where there is no such table."""
    name = source.of.partition(".")[0]
    tables: dict[str, tuple[Source, Resource]] = {}
    if name in workspace.sources:
        other = workspace.source(name)
        tables = {table_name(other, resource): (other, resource) for resource in other.resources}
    if source.of not in tables:
        known = f"{name} has: {', '.join(sorted(tables))}." if tables else "See `passerelle sources list`."
        raise DefinitionError(f"{source.name} tells of {source.of}, which is no table of any source.", advice=known)
    return tables[source.of]


def _keeper(workspace: "Workspace", source: Source, resource: Resource, now: int) -> Keeper:
    return Keeper(workspace, source, resource, now=now, fault=lambda _step: None)
