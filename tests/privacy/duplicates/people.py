"""People with typing errors, gaps, moves and families, and who is who."""

import random
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from passerelle.workflows.demo.words import FIRST_NAMES, LAST_NAMES, TOWNS

COLUMNS = ("first_name", "last_name", "birth", "email", "street", "postal_code", "city")
_PARTS = ("ma", "ri", "lo", "du", "ber", "ten", "vil", "gar", "nou", "pe", "la", "chi", "so", "re", "ba", "mi", "tou")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def people(households: int, *, seed: int = 7) -> tuple[pa.Table, npt.NDArray[np.int64]]:
    """Records in no order, a quarter of the people more than once, and whose each record is."""
    chance = random.Random(seed)  # noqa: S311 - invented people, no secret
    names = [*LAST_NAMES, *("".join(chance.choices(_PARTS, k=3)) for _ in range(600))]
    rows = [row for home in range(households) for row in _household(home, names, chance)]
    chance.shuffle(rows)
    table = pa.table(
        {name: pa.array([row[place] for _, row in rows], pa.string()) for place, name in enumerate(COLUMNS)}
    )
    return table, np.array([owner for owner, _ in rows])


def _household(home: int, names: list[str], chance: random.Random) -> Iterator[tuple[int, tuple[str | None, ...]]]:
    last, street = chance.choice(names), f"{chance.randint(1, 90)} rue {chance.choice(names)}"
    for member in range(chance.choice([1, 1, 2])):
        first = chance.choice(FIRST_NAMES)[1]
        born = f"{chance.randint(1940, 2005)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}"
        email = f"{first}.{last}{chance.randint(1, 99)}@example.com".lower()
        right = (first, last, born, email, street, *chance.choice(TOWNS))
        yield home * 10 + member, right
        if chance.random() < 0.25:
            yield home * 10 + member, tuple(_typed(value, chance) for value in right)


def _typed(value: str, chance: random.Random) -> str | None:
    """As somebody typed it again: one in four with an error, one in ten not at all."""
    if chance.random() < 0.1:
        return None
    if chance.random() > 0.25:
        return value
    place = chance.randrange(len(value) - 1)
    letter = chance.choice("0123456789" if value[place].isdigit() else _LETTERS)
    changed = value[:place] + letter + value[place + 1 :]
    left_out = value[:place] + value[place + 1 :]
    swapped = value[:place] + value[place + 1] + value[place] + value[place + 2 :]
    return chance.choice([changed, left_out, swapped])
