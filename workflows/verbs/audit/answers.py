"""The auditor's answers as people read them: eighty columns, names whole, times to the minute in UTC.

The JSON of each answer holds more: every column, digest and number of a log entry.
"""

from itertools import groupby
from typing import TYPE_CHECKING, Any

from passerelle.workflows.verbs.tables import number, pairs, table, when

if TYPE_CHECKING:
    from rich.console import Console

    from passerelle.workflows.verbs.audit.integrity import VerifyResult
    from passerelle.workflows.verbs.audit.people import PersonResult, WhyResult
    from passerelle.workflows.verbs.audit.sent import UnlawfulResult, UploadsResult, WithdrawalsResult

Line = dict[str, Any]
_MOVES = {"add": "in", "remove": "out"}


def verify(result: "VerifyResult", console: "Console") -> None:
    """One sentence, or every problem."""
    if not result.problems:
        console.print(f"The log holds: {result.size:,} entries, root {result.root}.")
    for problem in result.problems:
        console.print(problem, style="red", markup=False)


def person(result: "PersonResult", console: "Console") -> None:
    """A person's file: what is held, said, decided, sent, and where they are."""
    subject = result.subject
    known = f"{subject['subject_ref']}: known since {when(subject['known_since'])} UTC"
    console.print(f"{known}, country {subject['country'] or '?'}.")
    held = ", ".join(f"{name} ({count})" for name, count in result.identifiers.items()) or "nothing"
    console.print(f"Held in the vault: {held}.")
    statements(result.events, console)
    _decisions(result.decisions, console)
    _sent(result.sent, console)
    _list(console, "Where they are now", result.memberships, _membership)
    _list(console, "Removals owed", result.owed, _owed)
    _list(console, "Kept out by holdouts", result.held_out, lambda line: f"{line['audience']}, {_since(line)}")


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


def _decisions(decisions: list[Line], console: "Console") -> None:
    if not decisions:
        console.print("Decisions: none.")
        return
    lines = table("Decisions, as last recorded", ("Audience", "To", "Decided", "Allowed", "Event"), remarks=("Why",))
    for line in decisions:
        allowed = "yes" if line["allowed"] else "no"
        event = "" if line["event_id"] is None else str(line["event_id"])
        why_so = line["reason"].replace("_", " ")
        lines.add_row(line["audience"], line["destination"], when(line["decided_at"]), allowed, event, why_so)
    console.print(lines, markup=False)


def _sent(sent: list[Line], console: "Console") -> None:
    if not sent:
        console.print("Sent: none.")
        return
    lines = table("Sent", ("Audience", "To", "When", "Moved", "State"), remarks=("Rejected because",))
    for line in sent:
        moved = _moved(line)
        started, refused = when(line["intended_at"]), line["rejected"] or ""
        lines.add_row(line["audience"], line["destination"], started, moved, line["state"], refused)
    console.print(lines, markup=False)


def _moved(line: Line) -> str:
    return _MOVES.get(line["action"]) or str(line["action"])


def _list(console: "Console", title: str, lines: list[Line], said: Any) -> None:  # noqa: ANN401 - line to text
    if not lines:
        console.print(f"{title}: none.")
        return
    console.print(f"{title}:")
    for line in lines:
        console.print(f"  {said(line)}", markup=False)


def _membership(line: Line) -> str:
    return f"{line['audience']} at {line['destination']}: {line['state']} {_since(line)}"


def _owed(line: Line) -> str:
    refused = f", refused: {line['refusal']}" if line["refusal"] else ""
    cause = f"{line['cause'].replace('_', ' ')}, queued {when(line['queued_at'])}, {line['tries']} tries{refused}"
    return f"{line['audience']} at {line['destination']}: {cause}"


def _since(line: Line) -> str:
    return f"since {when(line['since'])}"


def why(result: "WhyResult", console: "Console") -> None:
    """The verdict, then what it rests on."""
    answer = result.answer
    verdict = "may be" if answer["allowed"] else "may not be"
    console.print(f"{result.subject_ref} {verdict} in {result.audience} at {result.destination}: {answer['meaning']}.")
    for title, line in (
        ("Event", result.event),
        ("Notice", result.notice),
        ("Policy", result.policy),
        ("Recorded decision", result.recorded),
        ("Last upload", result.last_upload),
    ):
        if line is None:
            console.print(f"{title}: none.")
            continue
        told = [(name.replace("_", " "), _plain(value)) for name, value in line.items() if value is not None]
        console.print(pairs(title, told), markup=False)


def _plain(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case dict():
            return ", ".join(f"{name}: {count}" for name, count in value.items())
        case list():
            return ", ".join(str(one) for one in value)
        case _:
            return str(value)


def uploads(result: "UploadsResult", console: "Console") -> None:
    """A table for each audience at each recipient, oldest batch first."""

    def recipient(line: Line) -> tuple[str, str, str]:
        return (line["audience"], line["destination"], line["purpose"] or "no purpose on file")

    for (audience, destination, purpose), batches in groupby(sorted(result.uploads, key=recipient), recipient):
        title = f"{audience} at {destination}, for {purpose}"
        lines = table(title, ("When (UTC)", "Moved", "State"), ("Rows", "Accepted", "Rejected", "Pending"))
        for line in batches:
            counts = (line["rows"], line["accepted"], line["rejected"], line["pending"])
            moved = _moved(line)
            lines.add_row(when(line["intended_at"]), moved, line["state"], *map(number, counts))
        console.print(lines, markup=False)
    console.print(
        f"{result.rows:,} rows: {result.accepted:,} accepted, {result.rejected:,} rejected, {result.pending:,} pending."
    )


def unlawful(result: "UnlawfulResult", console: "Console") -> None:
    """The sum as a sentence, then each audience, and why where there is a finding."""
    console.print(
        f"{result.members:,} members; {result.unlawful:,} without a valid decision ({result.owed:,} of them are being "
        f"taken out), {result.undecided:,} without a recorded one."
    )
    if not result.audiences:
        return
    numbers = ("Members", "Unlawful", "Owed", "Undecided")
    lines = table("Audiences", ("Audience", "To"), numbers, ("Purpose",))
    for line in result.audiences:
        counts = (line["members"], line["unlawful"], line["owed"], line["undecided"])
        lines.add_row(line["audience"], line["destination"], *map(number, counts), line["purpose"])
    console.print(lines, markup=False)
    for line in result.audiences:
        for reason, count in line["reasons"].items():
            console.print(f"{line['audience']} at {line['destination']}: {count:,} {reason.replace('_', ' ')}.")


def withdrawals(result: "WithdrawalsResult", console: "Console") -> None:
    """How fast, and what is late."""

    def hours(value: float | None) -> str:
        return "" if value is None else f"{value:,.1f} h"

    told = [
        ("out, confirmed by the platform", f"{result.confirmed:,}"),
        ("half of them within", hours(result.median_hours)),
        ("95 of 100 within", hours(result.p95_hours)),
        ("the slowest", hours(result.worst_hours)),
        (f"later than {result.limit_hours} h", f"{result.late:,}"),
        ("still open", f"{result.open:,}"),
        (f"open for more than {result.limit_hours} h", f"{result.overdue:,}"),
        ("the oldest open one", hours(result.oldest_open_hours)),
    ]
    console.print(pairs("From a no to out", [(name, value) for name, value in told if value]), markup=False)
