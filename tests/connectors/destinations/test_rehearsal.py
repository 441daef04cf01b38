"""`docs/rehearsal.md`: every fault on the page can be scripted, names a call there is, and ends as the page says."""

import json
import re
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from passerelle.connectors.errors import OutcomeUnknown, Refused, TryLater
from passerelle.connectors.twins.faults import Fault
from tests.connectors.destinations.people import people
from tests.connectors.destinations.stage import Stage

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "rehearsal.md").read_text(encoding="utf-8")
TWINS = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "connectors" / "twins").glob("*.py"))
FIRST, SECOND = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]

ENDS: list[type[Exception] | None] = [
    TryLater, TryLater, TryLater, OutcomeUnknown, OutcomeUnknown, Refused, Refused, Refused, Refused, TryLater, Refused,
    OutcomeUnknown, None, None,
]  # fmt: skip


ENDINGS = list(zip(SECOND, ENDS, strict=True))


def test_every_fault_of_the_page_is_one() -> None:
    faults = TypeAdapter(list[Fault])
    assert len(faults.validate_python(FIRST)) == 3
    assert len(faults.validate_python(SECOND)) == len(ENDS)


def test_every_call_that_the_page_names_is_answered_by_a_twin() -> None:
    named = set(re.findall(r"`((?:meta|data_manager|google_ads)\.[a-z_.]+)`", PAGE))
    assert len(named) == 17
    assert not [name for name in named if f'"{name}"' not in TWINS]


def test_every_key_of_a_fault_is_on_the_page() -> None:
    assert not [name for name in Fault.model_fields if f"`{name}`" not in PAGE]


@pytest.mark.parametrize(("fault", "ends"), ENDINGS, ids=str)
def test_each_fault_ends_as_the_page_says(
    on_meta: Stage, fault: dict[str, object], ends: type[Exception] | None
) -> None:
    on_meta.add(people(6))
    on_meta.twins.fault(**{**fault, "slow_seconds": 0.01} if "slow_seconds" in fault else fault)
    push = on_meta.remove if fault["call"] == "meta.users.remove" else on_meta.add
    if ends is None:
        assert push(people(6)).pending
        return
    with pytest.raises(ends):
        push(people(6))
