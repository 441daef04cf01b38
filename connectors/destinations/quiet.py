"""Keeps the loggers of HTTP and gRPC libraries from writing requests: these hold tokens and hashed identifiers."""

import logging
from collections.abc import Iterable


class _OnlyWarnings(logging.Filter):
    """Drops what is below WARNING even where somebody turns DEBUG on: these records quote URLs and payloads."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this record may be written."""
        return record.levelno >= logging.WARNING


_FILTER = _OnlyWarnings()


def quieten(names: Iterable[str]) -> None:
    """From now on these very loggers (a filter is not inherited) pass nothing below WARNING."""
    for name in names:
        logger = logging.getLogger(name)
        if _FILTER not in logger.filters:
            logger.addFilter(_FILTER)
