"""What a platform would be told of an audience, and what the audience is made of, looked over before it is made."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from passerelle.connectors.contract.destination import AudienceSpec
from passerelle.privacy.sensitive_words import unfit_names
from passerelle.workflows.plan.aims import Aim, aims
from passerelle.workflows.sensitive import words_in, words_in_part

if TYPE_CHECKING:
    from passerelle.privacy.ledger import Remote
    from passerelle.workflows.workspace import Workspace

UNFIT_ADVICE = (
    "Others at the platform read the audience's name and description, and Meta blocks audiences whose words speak of "
    "health, money or beliefs: change display_name, description or the audience's name. What stands `in the rule` "
    "chooses people by it, what stands `in the value` is told of each of them: take it out, or ask the data "
    "protection officer. Where it must be so, run sync with --approve sensitive_name and --reason: both go into the "
    "log."
)


def unfit(workspace: "Workspace", aim: Aim, known: "Remote | None") -> tuple[str, ...]:
    """Words that the platform may block the audience for, in texts it was not told before: `word (category)`.

    Before the audience is there, words of special categories in the rule of its segment, too: `word (category) in the
    rule`; likewise in the trait that is sent as a value. Who approved it once is not asked again.
    """
    if known is None:
        return _words(workspace, aim) + _rule(workspace, aim)
    return () if known.described == aim.spec.digest else _words(workspace, aim)


def unfit_audiences(workspace: "Workspace") -> Iterator[tuple[Aim, tuple[str, ...]]]:
    """Every audience with such words, told before or not."""
    for aim in aims(workspace, ()):
        if words := _words(workspace, aim) + _rule(workspace, aim):
            yield aim, words


def _words(workspace: "Workspace", aim: Aim) -> tuple[str, ...]:
    flags = workspace.destination(aim.place.destination).capabilities.flags_names
    return unfit_names(_texts(aim.spec)) if flags else ()


def _rule(workspace: "Workspace", aim: Aim) -> tuple[str, ...]:
    of_rule = (f"{word} in the rule" for word in words_in(workspace, f"segments/{aim.segment}.yaml"))
    of_value = () if aim.value is None else words_in_part(workspace, aim.value.trait)
    return (*of_rule, *(f"{word} in the value" for word in of_value))


def _texts(spec: AudienceSpec) -> tuple[str, ...]:
    # Our mark in the description names the audience, too.
    return spec.display_name, spec.description, spec.audience
