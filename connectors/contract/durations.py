"""Durations as a person writes them: `90s`, `15m`, `1h`, `2d`."""

DURATION = r"^[0-9]{1,5}[smhd]$"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def microseconds(duration: str) -> int:
    """A duration that `DURATION` matches, in microseconds."""
    return int(duration[:-1]) * _UNITS[duration[-1]] * 1_000_000
