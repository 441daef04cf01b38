"""How many examples properties are tried with: the same few each time; with PASSERELLE_EXPLORE=1 many, always new."""

import os

EXPLORE = "PASSERELLE_EXPLORE" in os.environ


def examples(count: int) -> int:
    """`count`; four times as many where we explore."""
    return 4 * count if EXPLORE else count
