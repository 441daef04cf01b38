"""Generations and actions of the master key as lines of an answer."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from passerelle.privacy.rotation.inventory import Generation, KeyEvent

Line = dict[str, Any]


def generation_line(each: "Generation") -> Line:
    """One generation."""
    from passerelle.privacy.audit.times import iso

    def moment(at: int | None) -> str | None:
        return None if at is None else iso(at)

    return {
        "generation": each.generation,
        "key": each.key_id,
        "state": each.state,
        "master_here": each.master,
        "added": moment(each.added_at),
        "replaced": moment(each.superseded_at),
        "retired": moment(each.retired_at),
        "uses": list(each.uses),
        "rows": each.rows,
    }


def event_line(each: "KeyEvent") -> Line:
    """One action."""
    from passerelle.privacy.audit.times import iso

    return {
        "entry": each.log_index,
        "at": iso(each.at),
        "action": each.action,
        "generation": each.generation,
        "key": each.key_id,
        "of": each.detail,
    }
