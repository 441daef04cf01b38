"""What was opened of people is opened once for platforms side by side, and only while that lasts."""

import pyarrow as pa

from passerelle.privacy.opened import GROUPS, MOST, Opened

PEOPLE = pa.array([1, 2])
TABLE = pa.table({"email": [["zoe@example.fr"], None]})


def test_the_same_accounts_are_opened_once_and_changed_ones_anew() -> None:
    opened = Opened()
    with opened.holding():
        opened.put(PEOPLE, [(b"sealed",), None], TABLE)
        assert opened.get(PEOPLE, [(b"sealed",), None]) is TABLE
        assert opened.get(PEOPLE, [(b"other",), None]) is None
        assert opened.get(PEOPLE, [None, None]) is None
        assert opened.get(pa.array([1, 3]), [(b"sealed",), None]) is None


def test_nothing_is_held_outside_the_block_nor_shown() -> None:
    opened = Opened()
    opened.put(PEOPLE, [None, None], TABLE)
    with opened.holding():
        assert opened.get(PEOPLE, [None, None]) is None
        with opened.holding():
            opened.put(PEOPLE, [None, None], TABLE)
        assert opened.get(PEOPLE, [None, None]) is TABLE
        assert "zoe" not in repr(opened)
    assert not opened.holds(PEOPLE)
    assert opened.get(PEOPLE, [None, None]) is None


def test_few_groups_are_held_at_a_time_and_no_large_one() -> None:
    opened = Opened()
    with opened.holding():
        for number in range(GROUPS + 1):
            opened.put(pa.array([number]), [None], TABLE)
        assert [opened.get(pa.array([number]), [None]) is TABLE for number in range(GROUPS + 1)] == [
            False,
            *[True] * GROUPS,
        ]
        assert not opened.holds(pa.array(range(MOST + 1)))
