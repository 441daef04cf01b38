"""Every vendor's fake is held to something of the vendor's, or a reason says why not."""

from pathlib import Path

import pytest

from tests.connectors.sources.deviations import CHECKED_ELSEWHERE, DEVIATIONS, UNCHECKED

FAKES = sorted(path.stem.removeprefix("fake_") for path in Path(__file__).parent.glob("fake_*.py"))


@pytest.mark.parametrize("vendor", FAKES)
def test_a_fake_is_held_to_its_vendor_or_says_why_not(vendor: str) -> None:
    described = {name.split("_")[0].split(".")[0] for name in DEVIATIONS}
    assert [vendor in described, vendor in CHECKED_ELSEWHERE, vendor in UNCHECKED].count(True) == 1


def test_each_entry_has_its_fake_and_its_reason() -> None:
    assert {*CHECKED_ELSEWHERE, *UNCHECKED} <= set(FAKES)
    known = [part for one in DEVIATIONS.values() for part in (one.nullable, one.lists, one.otherwise)]
    reasons = [reason for part in known for reason in part.values()]
    assert all(len(reason) > 8 for reason in [*reasons, *CHECKED_ELSEWHERE.values(), *UNCHECKED.values()])
