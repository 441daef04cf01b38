"""What docs/experiments.md and docs/values.md show is true: files are accepted, and a CRM of deals has its figures."""

from pathlib import Path
from typing import Any

import pytest

from passerelle.segmentation import MemoryHistory, ModelFile, SegmentFile
from passerelle.segmentation.measurement.makeup import Figures, makeup
from passerelle.segmentation.measurement.months import by_month
from passerelle.workflows.settings.audience import Audience
from passerelle.workflows.settings.load import validated
from tests.segmentation.test_documented import blocks, of_kind, read
from tests.segmentation.world import T, World, event, persons, segment

DOCS = Path(__file__).parents[3] / "docs"
EXPERIMENTS, VALUES = ((DOCS / f"{name}.md").read_text(encoding="utf-8") for name in ("experiments", "values"))
(DEALS,) = of_kind("traits", EXPERIMENTS)
NAMES = ["deal_opened", "deal_won", "call", "meeting", "mail", "contract_renewed", "contract_ended"]
CRM: dict[str, Any] = {"crm_events": {"from": "orders", "grain": "event", "events": NAMES}}


def test_each_file_of_the_pages_is_accepted() -> None:
    kinds: dict[str, Any] = {"audience": Audience, "segment": SegmentFile, "traits": ModelFile}
    seen = []
    for page in (EXPERIMENTS, VALUES):
        for data in map(read, blocks("yaml", page)):
            kind = next(iter(data))
            seen.append(kind)
            assert validated(kinds[kind], {"tables": CRM, **data} if kind == "traits" else data)
    assert set(seen) == set(kinds)


def deals(world: World) -> dict[str, Any]:
    """Twenty customers of a CRM; the first ten are key accounts, whose deals are quick."""
    world.people = persons(*range(1, 11), loyalty="key") + persons(*range(11, 21))
    for person in range(1, 21):
        days, slow = 40 + person % 3, person > 10
        world.orders = [
            *world.orders,
            event(person, "deal_opened", days),
            *(event(person, "call", days - number) for number in range(1, 4 + 2 * slow)),
            event(person, "meeting", 20),
            event(person, "deal_won", days - 10 - 5 * slow, amount=100_00),
            event(person, "contract_renewed", 15),
            *([event(person, "contract_ended", 12)] if slow else []),
        ]
    world.model = {"tables": CRM, "traits": DEALS["traits"]}
    return {
        "model": world.modelled(),
        "segments": {"key_accounts": segment("key_accounts", {"attribute": "loyalty", "is": "key"})},
        "dataset": world.dataset(),
        "as_of": T,
        "history": MemoryHistory(),
    }


def test_cycle_length_contacts_per_deal_and_renewal_are_told_of_a_segment_beside_all_others(world: World) -> None:
    asked = deals(world)
    told = makeup("key_accounts", ["cycle_days", "contacts_per_deal", "renewal"], minimum=10, **asked)
    means = []
    for each in told:
        assert isinstance(each, Figures)
        assert each.members is not None
        assert each.others is not None
        means.append((each.members.mean, each.others.mean))
    assert means == [(10, 15), (4, 6), (1, pytest.approx(0.5))]
    found = by_month("key_accounts", "won_365d", 2, **asked)
    assert [(each.month, found.amount(each.members)) for each in found.months] == [("2026-09", 0), ("2026-10", 1_000)]
