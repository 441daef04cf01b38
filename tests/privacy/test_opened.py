"""What was opened of people is opened once for platforms side by side, and only while that lasts."""

import pyarrow as pa

from passerelle.privacy.opened import GROUPS, MOST, Opened

PEOPLE = pa.array([1, 2])
TABLE = pa.table({"email": [["zoe@example.fr"], None]})
OTHER = TABLE.slice(1)


def test_what_was_made_of_a_state_is_handed_out_in_that_state_alone() -> None:
    opened = Opened[pa.Table]()
    with opened.holding():
        opened.put(PEOPLE, "2:ab", TABLE)
        assert opened.get(PEOPLE, "2:ab") is TABLE
        assert opened.get(PEOPLE, "2:cd") is None
        assert opened.get(pa.array([1, 3]), "2:ab") is None
        opened.put(PEOPLE, "2:cd", OTHER)
        assert opened.get(PEOPLE, "2:cd") is OTHER
        assert opened.get(PEOPLE, "2:ab") is None


def test_nothing_is_held_of_a_state_that_nobody_knows() -> None:
    opened = Opened[pa.Table]()
    with opened.holding():
        opened.put(PEOPLE, None, TABLE)
        assert opened.get(PEOPLE, None) is None


def test_nothing_is_held_outside_the_block_nor_shown() -> None:
    opened = Opened[pa.Table]()
    opened.put(PEOPLE, "2:ab", TABLE)
    with opened.holding():
        assert opened.get(PEOPLE, "2:ab") is None
        with opened.holding():
            opened.put(PEOPLE, "2:ab", TABLE)
        assert opened.get(PEOPLE, "2:ab") is TABLE
        assert "zoe" not in repr(opened)
    assert not opened.holds(PEOPLE)
    assert opened.get(PEOPLE, "2:ab") is None


def test_few_groups_are_held_at_a_time_and_no_large_one() -> None:
    opened = Opened[pa.Table]()
    with opened.holding():
        for number in range(GROUPS + 1):
            opened.put(pa.array([number]), "2:ab", TABLE)
        assert [opened.get(pa.array([number]), "2:ab") is TABLE for number in range(GROUPS + 1)] == [
            False,
            *[True] * GROUPS,
        ]
        assert not opened.holds(pa.array(range(MOST + 1)))
