"""Names for what Google's libraries leave untyped."""

from typing import Any, TypeAlias

Message: TypeAlias = Any
"""A protobuf message of the SDK, raw or wrapped."""

Credentials: TypeAlias = Any
"""Credentials of google-auth, or None for a twin."""
