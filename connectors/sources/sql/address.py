"""Where the database is. An address with a password stands in a file of its own."""

from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from passerelle.connectors.errors import DefinitionError
from passerelle.connectors.sources.sql.settings import SqlSettings
from passerelle.privacy.secret_file import read_secret


def address(settings: SqlSettings, folder: Path) -> SplitResult:
    """The address, taken apart. Raises `DefinitionError`, which never quotes it."""
    if settings.url_file is not None:
        return _split(read_secret(folder / settings.url_file), "url_file")
    found = _split(settings.url or "", "url")
    if found.password is not None or "password" in found.query.casefold():
        raise DefinitionError(
            "The address holds a password.",
            advice="Put the whole address in a file of mode 0600 and name it with `url_file:`.",
            path=("url",),
        )
    return found


def _split(text: str, key: str) -> SplitResult:
    try:
        found = urlsplit(text)
        _ = found.port
    except ValueError:
        raise DefinitionError("The database's address cannot be read.", path=(key,)) from None
    return found._replace(scheme=found.scheme.partition("+")[0])
