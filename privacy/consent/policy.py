"""The policy: who may be shared, for what, with whom, where, on which evidence. Everything else is denied.

It reads as a list of rules, one sentence each: for this purpose, at these destinations, in these jurisdictions,
on this lawful basis. No rule is a wildcard, and there is no override: whoever wants another answer changes the file,
and the log keeps both versions.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from passerelle.privacy.consent.digest import digest
from passerelle.privacy.consent.jurisdiction import COUNTRIES, GROUPS, is_place, places
from passerelle.privacy.vocabulary import Channel, Destination, EvidenceGrade, Purpose

Name = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")]

_DURATION = re.compile(r"([1-9][0-9]{0,8})([smhd])\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def _seconds(value: object) -> object:
    found = _DURATION.match(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("must be a time span such as `24h`, `90m` or `7d`")
    return int(found[1]) * _SECONDS[found[2]]


def _different(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) != len(values):
        raise ValueError("must not name anything twice")
    return values


Duration = Annotated[
    int, BeforeValidator(_seconds, json_schema_input_type=str), PlainSerializer(lambda seconds: f"{seconds}s")
]
"""Seconds; written `24h` in the file, `86400s` in a document."""


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Evidence(_Closed):
    """What a consent must come with before it counts."""

    grade: Literal[EvidenceGrade.A, EvidenceGrade.B] = Field(
        EvidenceGrade.A, description="A: notice, time and mechanism. B: notice and time. A bare flag never counts."
    )
    notice: Literal["required"] = Field(
        "required", description="A notice must name purpose and recipient. Always so; written for the reader."
    )


class Rule(_Closed):
    """One sentence of the policy."""

    purpose: Purpose = Field(description="What the data is used for. One purpose never includes another.")
    destinations: Annotated[tuple[Destination, ...], AfterValidator(_different)] = Field(
        min_length=1, description="Platforms it may go to."
    )
    jurisdictions: Annotated[tuple[str, ...], AfterValidator(_different)] = Field(
        min_length=1, description="Where the people are: FR, EU, EEA, UK, an ISO country code, US-CA, or a group."
    )
    lawful_basis: Literal["consent", "legitimate_interest"] = Field(
        "consent", description="On what ground. Legitimate interest needs `balancing_test` and honours objections."
    )
    balancing_test: str | None = Field(
        None, min_length=3, max_length=200, description="Reference of the balancing test, for legitimate interest."
    )
    evidence: Evidence = Field(default_factory=Evidence, description="What a consent must come with.")
    validity_days: int | None = Field(
        None, ge=1, le=3_660, description="How long a consent lasts. Required for consent; 730 days is common."
    )
    minimum_size: int = Field(100, ge=1, description="An audience of fewer people is never sent.")
    minimum_age: int | None = Field(None, ge=1, le=100, description="People known to be younger are kept out.")
    age_required: bool = Field(False, description="Also keep out people whose age is not known.")
    freshness: dict[Name, Duration] = Field(
        default_factory=dict, description="Sources that must be fresher for this rule than the policy asks in general."
    )

    @model_validator(mode="after")
    def _basis(self) -> Self:
        if self.lawful_basis == "consent" and self.validity_days is None:
            raise ValueError("`validity_days` is missing: consent does not last for ever")
        if self.lawful_basis == "consent" and self.balancing_test is not None:
            raise ValueError("`balancing_test` belongs to legitimate interest, not to consent")
        if self.lawful_basis == "legitimate_interest" and self.balancing_test is None:
            raise ValueError("`balancing_test` is missing: legitimate interest needs the reference of one")
        if self.age_required and self.minimum_age is None:
            raise ValueError("`age_required` needs a `minimum_age`")
        return self


class Policy(_Closed):
    """`policy.yaml`."""

    version: int = Field(ge=1, description="Grows with every change.")
    title: str = Field("", max_length=200, description="A line for the reader.")
    approvers: tuple[str, ...] = Field(
        (), description="Who may change this file: roles or names, never e-mail addresses."
    )
    freshness: dict[Name, Duration] = Field(
        default_factory=dict,
        description="Sources of consent that must be fresh, and how old each may be. Stale: nobody is added.",
    )
    signals: dict[Channel, Literal["may_grant"]] = Field(
        default_factory=dict,
        description="Channels whose signals may also grant, such as `web: may_grant`. All others only refuse.",
    )
    groups: dict[Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{2,31}$")], tuple[str, ...]] = Field(
        default_factory=dict, description="Your own groups of countries, such as `DACH: [DE, AT, CH]`."
    )
    rules: tuple[Rule, ...] = Field(description="Whatever no rule allows is denied.")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        for name, members in self.groups.items():
            if name in GROUPS or name in COUNTRIES:
                raise ValueError(f"group {name} already means something; choose another name")
            if not members or not all(is_place(member) for member in members):
                raise ValueError(f"group {name} must be a list of ISO country codes or states such as US-CA")
        taken: set[tuple[object, ...]] = set()
        for rule in self.rules:
            for key in self._keys(rule):
                if key in taken:
                    raise ValueError(f"two rules of the same rank cover {key[0]} at {key[1]} in {key[2]}")
                taken.add(key)
        return self

    def _keys(self, rule: Rule) -> Iterator[tuple[str, str, str, int]]:
        """Every (purpose, destination, place, rank) that `rule` decides; a place it names outranks a group's."""
        for name in rule.jurisdictions:
            covered = places(name, self._groups)
            if not covered:
                raise ValueError(
                    f"a jurisdiction of {rule.purpose} is not known; use FR, EU, EEA, UK, a country, US-CA or a group"
                )
            for place in covered:
                for destination in rule.destinations:
                    yield rule.purpose.value, destination.value, place, _rank(name, place, covered)

    @cached_property
    def _groups(self) -> Mapping[str, frozenset[str]]:
        return {name: frozenset(members) for name, members in self.groups.items()}

    @cached_property
    def _best(self) -> Mapping[tuple[str, str, str], Rule]:
        ranked: dict[tuple[str, str, str], tuple[int, Rule]] = {}
        for rule in self.rules:
            for purpose, destination, place, rank in self._keys(rule):
                known = ranked.get((purpose, destination, place))
                if known is None or rank < known[0]:
                    ranked[purpose, destination, place] = (rank, rule)
        return {key: rule for key, (_, rule) in ranked.items()}

    def rule(self, purpose: Purpose, destination: Destination, place: str) -> Rule | None:
        """The rule for people in `place` (`FR`, `US-CA`), or None: denied. The narrowest jurisdiction wins."""
        if self.needs_state(purpose, destination, place):
            return None
        return self._best.get((purpose.value, destination.value, place))

    def needs_state(self, purpose: Purpose, destination: Destination, place: str) -> bool:
        """Whether a rule names a state of the country `place`: people whose state is not known may live there."""
        return any(key[:2] == (purpose, destination) and key[2].startswith(f"{place}-") for key in self._best)

    def rules_for(self, purpose: Purpose, destination: Destination) -> tuple[Rule, ...]:
        """Every rule about this purpose at this destination."""
        return tuple(rule for rule in self.rules if rule.purpose is purpose and destination in rule.destinations)

    def minimum_size(self, purpose: Purpose, destination: Destination) -> int:
        """The smallest audience that any rule about this purpose at this destination lets be sent."""
        return max((rule.minimum_size for rule in self.rules_for(purpose, destination)), default=1)

    def fresh(self, purpose: Purpose | None = None, destination: Destination | None = None) -> Mapping[str, int]:
        """How many seconds old each mandatory source may be: for one purpose and destination, or for any rule."""
        limits = dict(self.freshness)
        for rule in self.rules:
            if purpose in {None, rule.purpose} and (destination is None or destination in rule.destinations):
                for source, seconds in rule.freshness.items():
                    limits[source] = min(seconds, limits.get(source, seconds))
        return limits

    @property
    def relaxed(self) -> frozenset[str]:
        """Channels whose signals may grant."""
        return frozenset(channel.value for channel in self.signals)

    def document(self) -> Mapping[str, Any]:
        """The policy as it stands in the store and under its digest."""
        return self.model_dump(mode="json", exclude_none=True)

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical policy, in hex: the same rules have the same digest, however they are laid out."""
        return digest({"policy": self.document()})


def _rank(name: str, place: str, covered: frozenset[str]) -> int:
    """How narrow a jurisdiction is: 0 for the place itself, else the number of places it covers."""
    return 0 if name == place else len(covered)
