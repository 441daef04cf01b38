"""Packages that an extra brings, which may not be there."""

from importlib import import_module

from passerelle.privacy.errors import DefinitionError


def need(module: str, what: str, advice: str) -> None:
    """Import a module, so that it is there. Raises `DefinitionError` where it cannot be: `what` is not installed.

    So it does where a library of the system is missing that the module wants.
    """
    missing = ""
    try:
        import_module(module)
    except ImportError:
        missing = "is not installed"
    except OSError:
        missing = "is installed, but a library of the system that it wants is not"
    if missing:  # outside, so that the error quotes no other
        raise DefinitionError(f"{what} {missing}.", advice=advice)
