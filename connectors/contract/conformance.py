"""What every source must do, as tests. One statement gives a source all of them.

    test_pipedrive = conformance(PipedriveWorld)

A `World` is a source and the system behind it, in the test's hands. What a system cannot do (a vendor without merges,
a file that nobody throttles) stands in its `lacks` with the reason, and shows as a skipped test; a promise that is
neither kept nor named there fails.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from passerelle.connectors.contract.promises import PROMISES
from passerelle.connectors.contract.promises_http import HTTP_PROMISES
from passerelle.connectors.contract.trial import NotKept, World, holds

Make = Callable[[Path], World]


def conformance(make: Make) -> Callable[..., None]:
    """A pytest test, parametrised with every promise a source makes."""
    promises = (*PROMISES, *HTTP_PROMISES)
    pytest = import_module("pytest")  # whoever calls this has it; the package does not need it

    def test(promise: Callable[[Any], None], tmp_path: Path) -> None:
        world = make(tmp_path)
        try:
            unknown = set(world.lacks) - {one.__name__ for one in promises}
            holds(not unknown, f"only promises can be lacking, and these are none: {sorted(unknown)}")
            if promise.__name__ in world.lacks:
                pytest.skip(world.lacks[promise.__name__])
            promise(world)
        finally:
            getattr(world, "close", lambda: None)()

    found: Callable[..., None] = pytest.mark.parametrize("promise", promises, ids=lambda one: one.__name__)(test)
    return found


__all__ = ["PROMISES", "NotKept", "World", "conformance"]
