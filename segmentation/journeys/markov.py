"""A first-order Markov chain of states, with a start and an end. Pure: the same counts, the same figures.

`removal effect`: Anderl, Becker, von Wangenheim and Schumann, "Mapping the customer journey: Lessons learned from
graph-based online attribution modeling", International Journal of Research in Marketing 33 (2016), 457-474.
"""

from collections.abc import Mapping, Sequence

import numpy as np

Step = tuple[str, str]
Chances = Mapping[str, Mapping[str, float]]
"""By state, where it leads to: chances that add up to 1."""

_DIGITS = 9


def chances(
    counts: Mapping[Step, int], states: Sequence[str], *, start: str, end: str, goal: str | None, smoothing: float = 0
) -> Chances:
    """How likely each state leads to each other one: (n + smoothing) / (total + smoothing x possible steps).

    From the start each state is possible; from a state each state and the end. The goal leads nowhere. A state from
    which nothing was counted leads to the end.
    """
    found: dict[str, dict[str, float]] = {}
    for source in [start, *states]:
        if source == goal:
            continue
        targets = [*states] if source == start else [*states, end]
        weights = [counts.get((source, target), 0) + smoothing for target in targets]
        total = sum(weights)
        row = (
            {target: weight / total for target, weight in zip(targets, weights, strict=True) if weight} if total else {}
        )
        found[source] = row or {end: 1.0}
    return found


def reaching(table: Chances, goal: str, source: str, *, without: str | None = None) -> float:
    """How likely a journey from `source` reaches the goal; `without`: all who come to that state end there."""
    able = _able(table, goal, without)
    if source not in able:
        return 0.0
    order = sorted(able - {goal})
    place = {state: index for index, state in enumerate(order)}
    matrix, right = np.eye(len(order)), np.zeros(len(order))
    for state in order:
        for target, share in table[state].items():
            if target == goal:
                right[place[state]] += share
            elif target in place:
                matrix[place[state], place[target]] -= share
    return round(float(np.linalg.solve(matrix, right)[place[source]]), _DIGITS)


def _able(table: Chances, goal: str, without: str | None) -> set[str]:
    """The states from which the goal can be reached at all."""
    able = {goal}
    while True:
        more = {
            state
            for state, row in table.items()
            if state != without and state not in able and any(target in able for target in row)
        }
        if not more:
            return able
        able |= more


def removal_effects(table: Chances, goal: str, start: str) -> dict[str, float]:
    """By state, the share of the chance to reach the goal that is lost without it: 1 - P(without) / P.

    Empty where the goal is never reached.
    """
    whole = reaching(table, goal, start)
    if not whole:
        return {}
    return {
        state: round(1 - reaching(table, goal, start, without=state) / whole, _DIGITS)
        for state in table
        if state not in {start, goal}
    }
