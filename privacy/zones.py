"""Names of time zones, such as Europe/Paris."""

from functools import cache
from zoneinfo import available_timezones


@cache
def time_zones() -> frozenset[str]:
    """Every name that this machine knows. Looked up once: a few hundred files are opened for it."""
    return frozenset(available_timezones())
