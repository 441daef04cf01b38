"""How many people have which scores."""

from passerelle.segmentation import RfmMap, map_rfm
from passerelle.segmentation.rfm import NAMES
from tests.segmentation.world import T, World, persons, purchase


def test_the_map_counts_everybody_with_scores_and_tells_nothing_of_few(world: World) -> None:
    world.people = persons(*range(60))
    world.orders = [purchase(person, 1 + person % 50, 1_001) for person in range(59) for _ in range(1 + person // 30)]
    found = mapped(world, minimum=1)
    assert sum(worth.people for worth in found.cells.values()) == 59
    assert sum(worth.people for worth in found.groups.values()) == 59
    assert found.small == 0
    assert {worth.mean for (_, frequency), worth in found.cells.items() if frequency == 1} == {1_001}
    few = mapped(world, minimum=8)
    assert few.cells == {cell: worth for cell, worth in found.cells.items() if worth.people >= 8}
    assert few.small == len(found.cells) - len(few.cells) > 0
    assert few.groups == {name: worth for name, worth in found.groups.items() if worth.people >= 8}
    assert {name: worth.people for name, worth in found.groups.items()} == {
        name: size for name in NAMES if (size := len(world.members({"rfm": name})))
    }


def mapped(world: World, minimum: int) -> RfmMap:
    return map_rfm(model=world.modelled(), segments={}, dataset=world.dataset(), as_of=T, minimum=minimum)
