"""The instant that a run looks from, as people write it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from passerelle.workflows.workspace import Workspace

AS_OF = "The instant to look from: a date or a date and time, such as 2026-11-20. By default now, floored to the hour."


def as_of(workspace: "Workspace", text: str | None, now: int) -> int | None:
    """The instant (µs UTC) that somebody wrote as `--as-of`, in the model's time zone. Raises `DefinitionError`."""
    return instant_of(workspace, text, now, "--as-of")


def instant_of(workspace: "Workspace", text: str | None, now: int, option: str) -> int | None:
    """The same for another option."""
    from passerelle.privacy.errors import DefinitionError
    from passerelle.segmentation.literals import instant

    if text is None:
        return None
    found = instant(text, workspace.model.timezone)
    if found is None:
        raise DefinitionError(f"{option} is no date.", advice="Write 2026-11-20 or 2026-11-20T08:00:00Z.")
    if found > now:
        raise DefinitionError(f"{option} lies in the future.", advice="Nobody knows yet what people will have done.")
    return found
