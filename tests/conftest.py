"""What holds for all tests."""

import gc
import logging
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from passerelle.workflows.cli.session import RARELY
from tests.command import logging_as_it_was
from tests.exploring import EXPLORE, examples

# A run of these tests says the same each time; PASSERELLE_EXPLORE=1 looks for examples that nobody has seen. A busy
# machine is no reason to fail: pytest's own timeout ends what hangs.
settings.register_profile(
    "passerelle",
    deadline=None,
    max_examples=examples(50),
    derandomize=not EXPLORE,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("passerelle")

gc.set_threshold(*RARELY)  # as every command does: else a search through all that was imported ends each test


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is given the most time begins first: else one worker is at it long after the others are done."""
    items.sort(key=_patience, reverse=True)  # those that are given the same stay in their order


def _patience(item: pytest.Item) -> float:
    given = item.get_closest_marker("timeout")
    return float(given.args[0]) if given else 0.0


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A command that ran in this process leaves no levels or handlers to the next test.

    One that ran for a fixture of the whole session leaves its levels before any test begins: so they are said here.
    """
    with logging_as_it_was():
        logging.getLogger().setLevel(logging.WARNING)
        logging.getLogger("passerelle").setLevel(logging.NOTSET)
        yield
