"""SHA-256 of short inputs, many at once.

OpenSSL's object costs more to make than a block or two cost to hash. The interpreter has a SHA-256 of its own besides,
under a name that changed in Python 3.12; where neither is there, `hashlib`'s does the same.
"""

import hashlib
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

_OWN = ("_sha2", "_sha256")


def _short_hash() -> Callable[[bytes], Any]:
    for name in _OWN:
        if find_spec(name) is not None:
            found: Callable[[bytes], Any] = import_module(name).sha256
            return found
    return hashlib.sha256


sha256 = _short_hash()
"""As `hashlib.sha256`, for inputs of a few blocks."""
