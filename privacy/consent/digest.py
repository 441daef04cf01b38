"""Canonical JSON and its digest: the same document has the same digest, however its file was written."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def canonical_text(document: Mapping[str, Any]) -> str:
    """JSON with sorted keys, no spaces and plain Unicode. Documents hold no floats."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(document: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical text, in hex."""
    return hashlib.sha256(canonical_text(document).encode()).hexdigest()
