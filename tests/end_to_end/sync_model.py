"""The reference: who may be at the platforms, who is, and what must hold after anything. It knows nothing of how."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Presence = dict[str, set[int]]
"""Who of the model's people is at each destination."""


@dataclass
class Model:
    """People by number, each with a last word on consent."""

    people: int
    word: dict[int, str] = field(default_factory=dict)
    there: Presence = field(default_factory=dict)

    def allowed(self, person: int) -> bool:
        """Whether this person may be sent now."""
        return self.word.get(person) == "yes"

    def looked(self, there: Presence, owed: Presence) -> list[str]:
        """What is wrong with who is there now, and whose removal is owed."""
        wrong = []
        for destination, now in there.items():
            before = self.there.get(destination, set())
            wrong += [f"{one} came to {destination} and may not" for one in now - before if not self.allowed(one)]
            left = {one for one in now if not self.allowed(one)}
            wrong += [f"{one} is at {destination}, and nobody owes a removal" for one in left - owed[destination]]
        self.there = there
        return wrong

    def settled(self, rejected: Presence, unnamed: Mapping[str, int]) -> list[str]:
        """What is wrong once everything is settled. `rejected`: whom a platform does not want as they are.

        `unnamed`: how many a platform rejected without saying whom; so many may be missing there.
        """
        wanted = {one for one in range(self.people) if self.allowed(one)}
        return [
            f"{destination}: {sorted(now)} and not {sorted(wanted - rejected[destination])}"
            for destination, now in self.there.items()
            if now - (wanted - rejected[destination])
            or len(wanted - rejected[destination] - now) > unnamed[destination]
        ]
