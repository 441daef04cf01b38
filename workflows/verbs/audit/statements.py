"""Consent events as people read them: eighty columns, times to the minute in UTC."""

from typing import TYPE_CHECKING, Any

from passerelle.workflows.verbs.tables import table, when

if TYPE_CHECKING:
    from rich.console import Console

Line = dict[str, Any]


def statements(events: list[Line], console: "Console") -> None:
    """Consent events: what was said, when, and how we know."""
    if not events:
        console.print("Consent events: none.")
        return
    lines = table("Consent events (times in UTC)", ("Event", "Purpose", "State", "Said"), remarks=("How we know",))
    for line in events:
        said = "unknown" if line["at"] is None else line["at"][:10] if line["precision"] == "day" else when(line["at"])
        state = line["state"].removeprefix("Consent").lower()
        lines.add_row(str(line["event_id"]), line["purpose"], state, said, _evidence(line))
    console.print(lines, markup=False)


def _evidence(line: Line) -> str:
    text = f"under {line['notice']}" if line["notice"] else "no notice"
    return f"{text}, grade {line['grade']}, from {line['stream']}, heard {when(line['heard_at'])}"
