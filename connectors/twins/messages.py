"""A name for what Google's libraries leave untyped."""

from typing import Any, TypeAlias

Message: TypeAlias = Any
"""A protobuf message of the SDK."""
