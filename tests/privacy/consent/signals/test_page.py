"""Each example of docs/signals.md comes to what the page says, and to nothing else."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from passerelle.privacy.consent.signals.columns import spoken
from passerelle.privacy.consent.signals.mapping import SignalMapping
from passerelle.privacy.consent.signals.registry import RECORDS, TEXT, mapped
from tests.privacy.consent.signals.payloads import micros

PAGE = (Path(__file__).parents[4] / "docs/signals.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"<!-- example: (\w+) ?([^\n]*?) ?-->\n```json\n(.*?)```\n```yaml\n(.*?)```", re.DOTALL)
EXAMPLES = EXAMPLE.findall(PAGE)


def said(signal: str, purposes: str, payload: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a vendor's JSON
    """The statements, as the consent log takes them in."""
    if signal in TEXT:
        readings = [TEXT[signal].read(payload)]
    else:
        readings = [one.said for one in reader(signal, purposes).read(payload)]
    table, _ = spoken(readings)
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def reader(signal: str, purposes: str) -> Any:  # noqa: ANN401 - a RecordSignal
    if signal == "records":
        (text,) = re.findall(r"<!-- mapping -->\n```yaml\n(.*?)```", PAGE, re.DOTALL)
        return mapped(SignalMapping.model_validate(yaml.safe_load(text)))
    made = {"signal": signal, "purposes": json.loads(purposes or "{}")}
    return mapped(SignalMapping.model_validate(made))


@pytest.mark.parametrize(("signal", "purposes", "payload", "expected"), EXAMPLES, ids=[one[0] for one in EXAMPLES])
def test_each_example_comes_to_what_the_page_says(signal: str, purposes: str, payload: str, expected: str) -> None:
    found, wanted = said(signal, purposes, json.loads(payload)), yaml.safe_load(expected)
    assert len(found) == len(wanted)
    for one, told in zip(found, wanted, strict=True):
        time = {"event_time": micros(told["event_time"])} if "event_time" in told else {}
        wanted_here = {**told, **time}
        assert {name: one[name] for name in wanted_here} == wanted_here


def test_the_page_has_an_example_of_each_vendor() -> None:
    assert {*RECORDS, "records"} <= {one[0] for one in EXAMPLES}
    assert all(f"`{name}`" in PAGE for name in TEXT)
