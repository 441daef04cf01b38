"""What may be written to stderr by loggers: constant sentences and allow-listed fields, nothing a library formats.

Libraries log URLs with tokens, payloads and rows. Of their records only the logger's name and the level are shown,
from WARNING on. Ours are shown with their fields, which must be named here and look like names or numbers.
"""

import logging
import re
import sys
from collections.abc import Mapping

FIELDS = frozenset(
    [
        "action",
        "attempt",
        "audience",
        "batch",
        "count",
        "destination",
        "file",
        "kind",
        "line",
        "outcome",
        "people",
        "platform",
        "purpose",
        "request",
        "rows",
        "run",
        "seconds",
        "segment",
        "source",
        "state",
        "status",
        "step",
        "table",
        "total",
        "verb",
        "workflow",
    ]
)
_SAFE_TEXT = re.compile(r"[A-Za-z0-9_.:/-]{1,80}\Z")
_DIGEST = re.compile(r"[0-9a-fA-F]{32,}")
_OURS = "passerelle"


class Allowed(logging.Formatter):
    """Formats a record from its constant text and the allow-listed entries of `extra={"fields": {…}}`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, never with `record.args`."""
        if record.name.partition(".")[0] != _OURS:
            return f"{record.levelname.lower()}: a library reports a problem (logger {record.name.partition('.')[0]})"
        fields = getattr(record, "fields", None)
        shown = " ".join(_shown(fields)) if isinstance(fields, Mapping) else ""
        failed = f" ({record.exc_info[0].__name__})" if record.exc_info and record.exc_info[0] else ""
        return f"{record.levelname.lower()}: {record.msg}{failed} {shown}".rstrip()


def _shown(fields: Mapping[str, object]) -> list[str]:
    return [f"{name}={value}" for name, value in fields.items() if name in FIELDS and _safe(value)]


def _safe(value: object) -> bool:
    if isinstance(value, bool | int | float):
        return True
    return isinstance(value, str) and bool(_SAFE_TEXT.match(value)) and not _DIGEST.search(value)


def set_up(*, verbose: bool, quiet: bool) -> None:
    """Send log records to stderr: warnings, or with `verbose` our own information too."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Allowed())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.ERROR if quiet else logging.WARNING)
    logging.getLogger(_OURS).setLevel(logging.ERROR if quiet else logging.INFO if verbose else logging.WARNING)
