"""Who is in an audience, as a platform sees it: a set of people, each known by any of their keys.

A platform has no customer numbers of ours. It takes a row, looks for somebody it already has under one of the row's
keys, and adds the others to that person; a removal takes out everybody who is found under one of its keys.
"""

from collections.abc import Iterable, Iterator, Sequence


class People:
    """Members by key. `keep=False` only counts: for measuring, where the same person is never sent twice."""

    def __init__(self, *, keep: bool = True) -> None:
        self._keep = keep
        self._owner: dict[str, int] = {}
        self._keys: dict[int, list[str]] = {}
        self._added: dict[int, int] = {}
        self._worth: dict[int, float] = {}
        self._next = 0
        self._counted = 0

    def add(self, keys: Sequence[str], at: int, value: float | None = None) -> None:
        """Add one person, or add keys to the people whom these keys already name; these become one.

        Their value, where they come with one, takes the place of the one before.
        """
        if not self._keep:
            self._counted += 1
            return
        owners = {self._owner[key] for key in keys if key in self._owner}
        if owners:
            person = max(owners, key=lambda number: len(self._keys[number]))
            self._merge(person, owners - {person})
        else:
            person = self._next
            self._next += 1
            self._keys[person] = []
        held = self._keys[person]
        for key in keys:
            if key not in self._owner:
                self._owner[key] = person
                held.append(key)
        self._added[person] = at
        if value is not None:
            self._worth[person] = value

    def value_of(self, key: str) -> float | None:
        """What the person whom a key names is worth; None where they came without a value."""
        return self._worth.get(self._owner[key]) if key in self._owner else None

    def remove(self, keys: Iterable[str]) -> int:
        """Take out everybody whom one of these keys names; says how many that were."""
        if not self._keep:
            gone = min(1, self._counted)
            self._counted -= gone
            return gone
        owners = {self._owner[key] for key in keys if key in self._owner}
        for person in owners:
            self._drop(person)
        return len(owners)

    def clear(self) -> None:
        """Take out everybody."""
        for held in (self._owner, self._keys, self._added, self._worth):
            held.clear()
        self._counted = 0

    def remove_added_before(self, moment: int) -> int:
        """Take out everybody who was last added before `moment` (µs)."""
        old = [person for person, at in self._added.items() if at < moment]
        for person in old:
            self._drop(person)
        return len(old)

    def _merge(self, person: int, others: Iterable[int]) -> None:
        for other in others:
            for key in self._keys.pop(other):
                self._owner[key] = person
                self._keys[person].append(key)
            del self._added[other]
            self._worth.pop(other, None)

    def _drop(self, person: int) -> None:
        for key in self._keys.pop(person):
            del self._owner[key]
        del self._added[person]
        self._worth.pop(person, None)

    def __len__(self) -> int:
        return len(self._keys) if self._keep else self._counted

    def __contains__(self, key: str) -> bool:
        return key in self._owner

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        """Each person's keys, as `kind:value`, sorted."""
        return (tuple(sorted(keys)) for keys in self._keys.values())

    def dump(self) -> dict[str, object]:
        """What is written to a state file."""
        return {
            "keep": self._keep,
            "counted": self._counted,
            "people": [[self._added[person], keys, self._worth.get(person)] for person, keys in self._keys.items()],
        }

    @classmethod
    def load(cls, document: dict[str, object]) -> "People":
        """The reverse of `dump`."""
        people = cls(keep=bool(document["keep"]))
        people._counted = int(str(document["counted"]))
        held = document["people"]
        for at, keys, *worth in held if isinstance(held, list) else ():
            people.add(keys, at, *worth)
        return people
