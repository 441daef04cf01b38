"""Packages that an extra brings, which may not be there."""

from importlib import import_module

from passerelle.privacy.errors import DefinitionError


def need(module: str, what: str, advice: str) -> None:
    """Import a module, so that it is there. Raises `DefinitionError` where it cannot be: `what` is not installed."""
    try:
        import_module(module)
    except ImportError:
        missing = True
    else:
        missing = False
    if missing:  # outside, so that the error quotes no other
        raise DefinitionError(f"{what} is not installed.", advice=advice)
