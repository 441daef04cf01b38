"""Every condition of the language once more, one person at a time, from the words of docs/segments.md."""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from tests.segmentation import naive
from tests.segmentation.journeys import slowly
from tests.segmentation.naive_traits import CENTS, GRID, MONEY, TRAITS
from tests.segmentation.naive_words import COMPARING, ORDER, OTHERS, scaled
from tests.segmentation.world import HOUR, Row, T

Condition = Mapping[str, Any]
Value = Any
WEB = ("view", "cart", "newsletter_open")


class Naive:
    """People and events, and what a model says of them: asked of one person after the other."""

    def __init__(self, people: Sequence[Row], events: Sequence[Row], model: Mapping[str, Any]) -> None:
        self.people = {row["subject_id"]: row for row in people}
        self.events = [row for row in events if row.get("at") is not None and row["at"] < T]
        self.model = model
        self.segments: dict[str, Mapping[str, Any]] = {}
        self._known: dict[tuple[str, int], Value] = {}
        self._members: dict[str, set[int]] = {}

    def members(self, name: str) -> set[int]:
        """Who is in a segment, before its holdout."""
        if name not in self._members:
            written = self.segments[name]
            self._members[name] = {
                person
                for person in self.people
                if self.holds(person, written["where"], name)
                and not any(self.holds(person, each, name) for each in written.get("exclude", ()))
            }
        return self._members[name]

    def holds(self, person: int, written: Condition, name: str) -> bool:
        """Whether a condition of the segment `name` holds for somebody."""
        tag = next(each for each in HOLDS if each in written)
        return HOLDS[tag](self, person, written, name)

    # --- values
    def value(self, person: int, word: str) -> Value:
        """A trait, a score or a column, money in cents."""
        key = (word, person)
        if key not in self._known:
            self._known[key] = TRAITS[word](self, person) if word in TRAITS else self.people[person].get(word)
        return self._known[key]

    def values(self, word: str) -> dict[int, Value]:
        """Of everybody who has one."""
        found = {person: self.value(person, word) for person in self.people}
        return {person: value for person, value in found.items() if value is not None}

    def own(self, person: int, names: Sequence[str], window: Mapping[str, Any] | None = None) -> list[Row]:
        """A person's events of some names in a window, with a filter."""
        window = dict(window or {})
        where = window.pop("where", {})
        rows = naive.events_of(self.events, person, list(names), window)
        return [row for row in rows if all(self.fulfils(row.get(of), words, of) for of, words in where.items())]

    # --- comparisons
    def fulfils(self, value: Value, words: Mapping[str, Any], of: str, person: int = 0) -> bool:
        """Whether a value satisfies each word."""
        scale = CENTS if of in MONEY else 1
        return all(self._word(value, word, asked, scale, person) for word, asked in words.items() if word in COMPARING)

    def _word(self, value: Value, word: str, asked: Any, scale: int, person: int) -> bool:  # noqa: ANN401
        if word == "missing" or value is None:
            return word == "missing" and (value is None) is asked
        if word in ORDER:
            bound = self._bound(asked, scale, person)
            return bound is not None and ORDER[word](value, bound)
        return OTHERS[word](value, asked, scale)

    def _bound(self, asked: Any, scale: int, person: int) -> Value:  # noqa: ANN401 - a value or a reference
        if not isinstance(asked, Mapping):
            return scaled(asked, scale)
        times = Fraction(str(asked.get("times", 1)))
        if "trait" in asked:
            found = self.value(person, asked["trait"])
        elif "threshold" in asked:
            found = self._threshold(self.model["thresholds"][asked["threshold"]], person)
        else:
            found = self._threshold(asked, person)
        return None if found is None else Fraction(found) * times

    def _threshold(self, written: Mapping[str, Any], person: int) -> Value:
        if "fixed" in written:
            return scaled(written["fixed"], CENTS)
        among = self.values(written["of"])
        if "over" in written:
            among = {each: value for each, value in among.items() if self.holds(each, written["over"], "")}
        if "by" in written:
            group = self.value(person, written["by"])
            among = {each: value for each, value in among.items() if self.value(each, written["by"]) == group}
            among = {} if group is None else among
        return naive.quantile(list(among.values()), str(written["quantile"])) if among else None

    # --- rankings
    def first(self, by: str, how_many: Fraction, name: str, *, drawn: bool) -> set[int]:
        """The greatest: so many, rounded up; equals at the edge all of them, or those whose hash comes first."""
        values, most = self.values(by), math.ceil(how_many)
        if drawn:
            order = sorted(values, key=lambda each: (-Fraction(values[each]), _hash(name, each)))
            return set(order[:most])
        return {each for each in values if sum(other > values[each] for other in values.values()) < most}

    def rfm(self, person: int) -> tuple[int, int, int] | None:
        """Three scores, of people who bought within a year."""
        parts = []
        for part in ("recency_days", "orders_365d", "revenue_365d"):
            among = [value for each, value in self.values(part).items() if self.value(each, "orders_365d")]
            if not self.value(person, "orders_365d"):
                return None
            edges = [naive.quantile(among, share) or 0 for share in ("1/5", "2/5", "3/5", "4/5")]
            parts.append(naive.score(self.value(person, part), edges))
        return 6 - parts[0], parts[1], parts[2]

    def funnel(self, person: int, name: str) -> int:
        """How many steps of a funnel somebody took."""
        written = self.model["funnels"][name]
        steps = [[row["at"] for row in self.own(person, [step["event"]])] for step in written["steps"]]
        if "within_last" in written:
            steps[0] = [at for at in steps[0] if at >= T - naive.length(written["within_last"])]
        withins = [naive.length(step["within"]) if "within" in step else None for step in written["steps"]]
        longest = naive.length(written["within"]) if "within" in written else None
        every = [row["at"] for row in self.events if row["subject_id"] == person]
        strict = written.get("order") == "strict"
        found = slowly.ways(steps, withins, longest, every if strict else None)
        return sum(bool(ways) for ways in found)

    def step(self, person: int, name: str) -> int:
        """On which step of a ladder somebody stands, from 1; 0 below all."""
        fits = [
            place
            for place, step in enumerate(self.model["ladders"][name]["steps"], 1)
            if self.holds(person, step["where"], "")
        ]
        return max(fits, default=0)


def _hash(name: str, person: int) -> str:
    return hashlib.sha256(f"{name}:{person}".encode()).hexdigest()


def _did(here: Naive, person: int, written: Condition, _: str) -> bool:
    names = written["did"] if isinstance(written["did"], list) else [written["did"]]
    window = {key: written[key] for key in ("within", "until", "where") if key in written}
    if "regularly" in written:
        asked = written["regularly"]
        unit = naive.length({"day": "1d", "week": "1w", "hour": "1h"}[asked["unit"]])
        periods = {(T - 1 - row["at"]) // unit for row in here.own(person, names, window)}
        return bool(sum(place < asked["of"] for place in periods) >= asked["periods"])
    if written.get("first_time"):
        start = T - naive.length(written["within"])
        times = [row["at"] for row in here.own(person, names, {"where": written.get("where", {})})]
        return bool(times) and min(times) >= start
    return here.fulfils(len(here.own(person, names, window)), written.get("count", {"at_least": 1}), "")


def _did_not(here: Naive, person: int, written: Condition, _: str) -> bool:
    window = {key: written[key] for key in ("within", "until", "where") if key in written}
    return not here.own(person, [written["did_not"]], window)


def _stopped(here: Naive, person: int, written: Condition, _: str) -> bool:
    active, silent = naive.length(written["active"]), naive.length(written["silent"])
    ago = [T - row["at"] for row in here.own(person, [written["stopped"]])]
    return any(silent < each <= silent + active for each in ago) and not any(each <= silent for each in ago)


def _restarted(here: Naive, person: int, written: Condition, _: str) -> bool:
    active, silent = naive.length(written["active"]), naive.length(written["silent"])
    ago = [T - row["at"] for row in here.own(person, [written["restarted"]])]
    back, before = any(each <= active for each in ago), any(each > active + silent for each in ago)
    return back and before and not any(active < each <= active + silent for each in ago)


def _called(name: str) -> slowly.Fits:
    return lambda row: bool(row["event"] == name)


def _moment(here: Naive, person: int, written: Condition, _: str) -> bool:
    model = here.model["moments"][written["moment"]]
    window = {key: written[key] for key in ("within", "until") if key in written}
    parts = [(_called(part["event"]), part.get("times", 1)) for part in model["of"]]
    mine = here.own(person, [*WEB, "purchase"], window)
    mine = [row for row in mine if row["event"] in {part["event"] for part in model["of"]}]
    if "visit" in model:
        happened = slowly.moments_in_visits(mine, parts, 12 * HOUR)
    else:
        happened = slowly.moments_in_time(mine, parts, naive.length(model["within"]))
    return here.fulfils(happened, written.get("count", {"at_least": 1}), "")


def _funnel(here: Naive, person: int, written: Condition, _: str) -> bool:
    word = "reached" if "reached" in written else "stopped_at"
    steps = [step["step"] for step in here.model["funnels"][written["funnel"]]["steps"]]
    asked, came = steps.index(written[word]) + 1, here.funnel(person, written["funnel"])
    return came >= asked if word == "reached" else came == asked


def _ladder(here: Naive, person: int, written: Condition, _: str) -> bool:
    steps = ["none", *(step["step"] for step in here.model["ladders"][written["ladder"]]["steps"])]
    stands = here.step(person, written["ladder"])
    return all(ORDER[word](stands, steps.index(step)) for word, step in written.items() if word in ORDER)


def _rfm(here: Naive, person: int, written: Condition, _: str) -> bool:
    scores = here.rfm(person)
    return scores is not None and GRID[scores[0]][-(-(scores[1] + scores[2]) // 2) - 1] in written["rfm"]


def _cluster(here: Naive, person: int, written: Condition, _: str) -> bool:
    words = {word: [str(each) for each in asked] for word, asked in written.items() if word != "cluster"}
    return here.fulfils(here.value(person, f"cluster.{written['cluster']}"), words, "")


def _score(here: Naive, person: int, written: Condition, name: str) -> bool:
    word = f"score.{written['score']}"
    if "top_percent" in written and person not in _top(here, {"percent": written["top_percent"], "by": word}, name):
        return False
    return here.fulfils(here.value(person, word), written, "", person)


def _top(here: Naive, asked: Mapping[str, Any], name: str) -> set[int]:
    share = Fraction(str(asked.get("percent", 0))) / 100
    many = Fraction(asked["n"]) if "n" in asked else share * len(here.values(asked["by"]))
    return here.first(asked["by"], many, name, drawn=asked.get("ties") == "hash")


HOLDS: Mapping[str, Callable[[Naive, int, Condition, str], bool]] = {
    "did": _did,
    "did_not": _did_not,
    "stopped": _stopped,
    "restarted": _restarted,
    "sequence": lambda here, person, written, _: naive.sequence(here.events, person, written["sequence"]),
    "moment": _moment,
    "funnel": _funnel,
    "ladder": _ladder,
    "rfm": _rfm,
    "cluster": _cluster,
    "score": _score,
    "in_segment": lambda here, person, written, _: any(person in here.members(each) for each in written["in_segment"]),
    "not_in_segment": lambda here, person, written, _: (
        not any(person in here.members(each) for each in written["not_in_segment"])
    ),
    "top": lambda here, person, written, name: person in _top(here, written["top"], name),
    "all": lambda here, person, written, name: all(here.holds(person, each, name) for each in written["all"]),
    "any": lambda here, person, written, name: any(here.holds(person, each, name) for each in written["any"]),
    "not": lambda here, person, written, name: not here.holds(person, written["not"], name),
    "trait": lambda here, person, written, _: here.fulfils(
        here.value(person, written["trait"]), written, written["trait"], person
    ),
    "attribute": lambda here, person, written, _: here.fulfils(
        here.people[person].get(written["attribute"]), written, "", person
    ),
}
