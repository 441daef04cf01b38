"""Pages as files."""

from pathlib import Path

from passerelle.privacy.errors import DefinitionError


def save(page: str, file: Path) -> int:
    """Write a page; how many bytes it has. Raises `DefinitionError` where it cannot be written."""
    content = page.encode()
    try:
        file.write_bytes(content)
    except OSError as problem:
        raise DefinitionError(f"The page cannot be written: {problem.strerror}.") from None
    return len(content)
