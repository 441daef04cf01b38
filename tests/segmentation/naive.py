"""The language again, naively: one person at a time, in plain Python, from the words of its documentation."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from tests.segmentation.world import DAY, SECOND, Row, T

UNITS = {"d": DAY, "h": DAY // 24, "w": 7 * DAY}


def length(text: str) -> int:
    return int(text[:-1]) * UNITS[text[-1]]


def events_of(rows: Sequence[Row], person: int, names: list[str], window: dict[str, Any]) -> list[Row]:
    within = length(window["within"]) if "within" in window else None
    until = length(window["until"]) if "until" in window else 0
    return [
        row
        for row in rows
        if row["subject_id"] == person
        and row["event"] in names
        and row["at"] < T - until
        and (within is None or row["at"] >= T - within)
        and all(compared(row.get(column), words) for column, words in window.get("where", {}).items())
    ]


def compared(value: int | None, words: dict[str, Any], scale: int = 1) -> bool:
    def bound(word: str) -> Fraction:
        return Fraction(str(words[word])) * scale

    if value is None:
        return False
    checks = {
        "is": lambda: value == bound("is"),
        "is_not": lambda: value != bound("is_not"),
        "at_least": lambda: value >= bound("at_least"),
        "at_most": lambda: value <= bound("at_most"),
        "more_than": lambda: value > bound("more_than"),
        "less_than": lambda: value < bound("less_than"),
    }
    return all(checks[word]() for word in words if word in checks)


def quantile(values: list[int], share: str) -> int | None:
    """The smallest value v with (number of values <= v) / n >= share."""
    ordered = sorted(values)
    for value in ordered:
        if Fraction(sum(other <= value for other in ordered), len(ordered)) >= Fraction(share):
            return value
    return None


def score(value: int, edges: list[int]) -> int:
    return 1 + sum(edge < value for edge in edges)


def sequence(rows: Sequence[Row], person: int, written: dict[str, Any]) -> bool:
    """Try every way through the steps."""
    own = sorted((row for row in rows if row["subject_id"] == person and row["at"] < T), key=lambda row: row["at"])
    first_after = T - length(written["within_last"]) if "within_last" in written else None
    limit = length(written["max"]) if "max" in written else None

    def walk(index: int, times: list[int]) -> bool:
        if index == len(written["steps"]):
            return limit is None or times[-1] - times[0] <= limit
        step = written["steps"][index]
        if "absent" in step:
            end = times[-1] + length(step["within"])
            came = any(r["event"] == step["absent"] and times[-1] < r["at"] <= end for r in own)
            return not came and end <= T and (limit is None or times[-1] - times[0] <= limit)
        return any(walk(index + 1, [*times, at]) for at in candidates(step, times))

    def candidates(step: dict[str, Any], times: list[int]) -> set[int]:
        found = {row["at"] for row in own if row["event"] == step["event"]}
        if not times:
            return {at for at in found if first_after is None or at >= first_after}
        found = {at for at in found if at > times[-1]}
        if "within" in step:
            found = {at for at in found if at - times[-1] <= length(step["within"])}
        if step.get("immediately"):
            later = [row["at"] for row in own if row["at"] > times[-1]]
            found = {at for at in found if at == min(later)}
        return found

    return walk(0, [])


def days_since(at: int) -> int:
    return (T - at) // SECOND // 86_400


def sessions(rows: Sequence[Row], gap: int) -> list[list[Row]]:
    """Events in order of time, parted where a pause is longer than `gap` µs."""
    found: list[list[Row]] = []
    for row in sorted(rows, key=lambda row: row["at"]):
        if found and row["at"] - found[-1][-1]["at"] <= gap:
            found[-1].append(row)
        else:
            found.append([row])
    return found


def passages(starts: set[int], ends: set[int]) -> list[int]:
    """How long it took from the latest start to the first end after it, each time."""
    taken: dict[int, int] = {}
    for end in sorted(ends):
        before = [start for start in starts if start < end]
        if before:
            taken.setdefault(max(before), end - max(before))
    return list(taken.values())


def points_left(at: int, half_life: int) -> Fraction:
    """Of one point: half after each half-life (in seconds), evenly less in between."""
    halvings, into = divmod((T - at) // SECOND, half_life)
    return (1 - Fraction(into, 2 * half_life)) * Fraction(1, 2**halvings)
