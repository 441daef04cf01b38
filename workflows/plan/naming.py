"""What a platform would be told of an audience, looked over before it is: some words make it block the audience."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from passerelle.connectors.contract.destination import AudienceSpec
from passerelle.privacy.sensitive_words import unfit_names
from passerelle.workflows.plan.aims import Aim, aims

if TYPE_CHECKING:
    from passerelle.privacy.ledger import Remote
    from passerelle.workflows.workspace import Workspace

UNFIT_ADVICE = (
    "Others at the platform read the audience's name and description, and Meta blocks audiences whose words speak of "
    "health, money or beliefs. Change display_name, description or the audience's name. Where it must be so, run sync "
    "with --approve sensitive_name and --reason: both go into the log."
)


def unfit(workspace: "Workspace", aim: Aim, known: "Remote | None") -> tuple[str, ...]:
    """Words that the platform may block the audience for, in texts it was not told before: `word (category)`."""
    if known is not None and known.described == aim.spec.digest:
        return ()
    return _words(workspace, aim)


def unfit_audiences(workspace: "Workspace") -> Iterator[tuple[Aim, tuple[str, ...]]]:
    """Every audience with such words, told before or not."""
    for aim in aims(workspace, ()):
        if words := _words(workspace, aim):
            yield aim, words


def _words(workspace: "Workspace", aim: Aim) -> tuple[str, ...]:
    flags = workspace.destination(aim.place.destination).capabilities.flags_names
    return unfit_names(_texts(aim.spec)) if flags else ()


def _texts(spec: AudienceSpec) -> tuple[str, ...]:
    # Our mark in the description names the audience, too.
    return spec.display_name, spec.description, spec.audience
