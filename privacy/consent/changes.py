"""What changed between two versions of the policy, in words, rule by rule. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from passerelle.privacy.consent.policy import Policy, Rule


@dataclass(frozen=True, slots=True)
class Change:
    """`about`: purpose, destination and jurisdictions of a rule, or a part of the policy; `words`: a clause."""

    about: str
    kind: str
    """added | removed | changed"""
    words: str


def changes(before: Policy, after: Policy) -> list[Change]:
    """Every change, rules first. The same change in several jurisdictions at one destination is one line."""
    return [*_of_rules(_units(before), _units(after)), *_of_frame(before, after)]


def words(rule: Rule) -> str:
    """What a rule asks, as a clause."""
    said = [f"on {rule.lawful_basis.replace('_', ' ')}", f"evidence {rule.evidence.grade.value} or better"]
    if rule.balancing_test is not None:
        said.append(f"balancing test {rule.balancing_test}")
    if rule.validity_days is not None:
        said.append(f"valid {rule.validity_days} days")
    said.append(f"at least {rule.minimum_size} people")
    if rule.minimum_age is not None:
        said.append(f"from {rule.minimum_age} years{', age known' if rule.age_required else ''}")
    said += [f"{source} fresh within {seconds} s" for source, seconds in sorted(rule.freshness.items())]
    return ", ".join(said)


_Unit = tuple[str, str, str]


def _units(policy: Policy) -> dict[_Unit, Rule]:
    """The rule of each purpose, destination and jurisdiction that is written; the first, should there be two."""
    found: dict[_Unit, Rule] = {}
    for rule in policy.rules:
        for destination in rule.destinations:
            for place in rule.jurisdictions:
                found.setdefault((rule.purpose.value, destination.value, place), rule)
    return found


def _of_rules(before: Mapping[_Unit, Rule], after: Mapping[_Unit, Rule]) -> Iterator[Change]:
    found = []
    for unit in sorted({*before, *after}):
        kind, said = _of_unit(before.get(unit), after.get(unit))
        if said:
            found.append((unit[:2], kind, said, unit[2]))
    found.sort(key=lambda line: line[:3])
    for ((purpose, destination), kind, said), lines in groupby(found, key=lambda line: line[:3]):
        places = ", ".join(line[3] for line in lines)
        yield Change(f"{purpose} at {destination} in {places}", kind, said)


def _of_unit(before: Rule | None, after: Rule | None) -> tuple[str, str]:
    if after is None:
        return "removed", "nobody may be sent any more"
    if before is None:
        return "added", words(after)
    old, new = _fields(before), _fields(after)
    moved = [_moved(name, old.get(name), new.get(name)) for name in old if old[name] != new[name]]
    return "changed", "; ".join(moved)


def _fields(rule: Rule) -> dict[str, Any]:
    held = rule.model_dump(mode="json", exclude={"purpose", "destinations", "jurisdictions"})
    evidence = held.pop("evidence")
    return {**held, "evidence": evidence["grade"]}


def _of_frame(before: Policy, after: Policy) -> Iterator[Change]:
    """Everything but the rules and the version."""
    old, new = (policy.model_dump(mode="json", exclude={"rules"}) for policy in (before, after))
    for name in old:
        if old[name] == new[name]:
            continue
        kind = "changed" if old[name] and new[name] else "removed" if old[name] else "added"
        yield Change(name, kind, _moved(name, old[name], new[name]))


def _moved(name: str, old: object, new: object) -> str:
    return f"{name.replace('_', ' ')} from {_shown(old)} to {_shown(new)}"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_shown(one)}" for key, one in value.items()) or "nothing"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "nothing" if value in {None, ""} else str(value)
