"""Names in SQL."""


def quoted_name(name: str) -> str:
    """A column's or a table's name, whatever characters it has."""
    return '"' + name.replace('"', '""') + '"'
