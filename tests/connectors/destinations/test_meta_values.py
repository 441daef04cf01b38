"""Audiences whose people come with a value, at Meta's twin, through the real SDK."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from passerelle.connectors.contract.destination import AudienceSpec, Intent, Part, RemoteAudience
from passerelle.connectors.destinations.meta_rows import SCHEMA, VALUE, payload
from passerelle.connectors.errors import Refused
from passerelle.connectors.twins.handle import Twins, in_process
from passerelle.privacy.vocabulary import Destination
from tests.connectors.destinations.people import cleared, people, removal, sha
from tests.connectors.destinations.stage import Stage, meta

SPEC = AudienceSpec("worth", "Worth", values=True)
EMAILS = [f"email:{sha(f'person{number}@example.fr')}" for number in range(4)]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with in_process() as twins:
        destination = meta(twins, tmp_path, [])
        yield Stage(destination, twins, destination.ensure(SPEC, None), [])


def add(stage: Stage, values: list[float], *, part: Part | None = None) -> None:
    batch = cleared(people(len(values)), Destination.META, values)
    stage.pushes += 1
    keys = stage.destination.match_keys(batch, stage.remote)
    stage.destination.add(stage.remote, batch, keys, Intent(f"batch{stage.pushes}", 1), part)


def worth(stage: Stage) -> dict[str, float | None]:
    """By e-mail."""
    told = stage.twins.values(stage.remote.remote_id)
    return {next(key for key in keys if key.startswith("email:")): value for keys, value in told.items()}


def test_each_person_comes_with_their_value_as_a_number(stage: Stage) -> None:
    assert stage.remote.columns == (*SCHEMA, VALUE)
    add(stage, [44.5, 140.0, 0.0])
    assert worth(stage) == dict(zip(EMAILS, [44.5, 140.0, 0.0], strict=False))


def test_the_payload_has_numbers_as_meta_writes_them(stage: Stage) -> None:
    batch = cleared(people(3), Destination.META, [44.5, 140.0, 0.0])
    rows = stage.destination.match_keys(batch, stage.remote).rows
    assert [row[-1] for row in json.loads(payload(rows, stage.remote.columns))["data"]] == [44.5, 140, 0]
    assert rows.reveal()[VALUE].to_pylist() == ["44.5", "140", "0"]


def test_sent_again_a_person_has_their_new_value_and_is_one_person(stage: Stage) -> None:
    add(stage, [1.0, 2.0])
    add(stage, [3.0])
    assert worth(stage) == {EMAILS[0]: 3.0, EMAILS[1]: 2.0}


def test_a_removal_needs_no_value_and_sends_none(stage: Stage) -> None:
    add(stage, [1.0, 2.0])
    keys = stage.destination.match_keys(cleared(people(1), Destination.META, [9.0]), stage.remote)
    stage.destination.remove(stage.remote, removal([1], keys.rows.reveal(), Destination.META), Intent("out", 1))
    assert worth(stage) == {EMAILS[1]: 2.0}


def test_a_replacement_replaces_the_values_too(stage: Stage) -> None:
    add(stage, [1.0, 2.0, 3.0])
    begun = stage.destination.begin_replace(stage.remote, 2, Intent("whole", 1), 0)
    assert begun is not None
    add(stage, [7.0, 8.0], part=Part(begun, 1, 0, last=True))  # type: ignore[arg-type]
    assert worth(stage) == {EMAILS[0]: 7.0, EMAILS[1]: 8.0}


def test_people_without_values_are_never_sent_among_people_with_values(stage: Stage) -> None:
    with pytest.raises(ValueError, match="for everybody or for nobody"):
        stage.destination.match_keys(cleared(people(1), Destination.META), stage.remote)
    plain = RemoteAudience(stage.remote.remote_id, tuple(SCHEMA))
    with pytest.raises(ValueError, match="for everybody or for nobody"):
        stage.destination.match_keys(cleared(people(1), Destination.META, [1.0]), plain)


@pytest.mark.parametrize("first", [True, False])
def test_an_audience_that_is_there_is_never_made_another_kind(tmp_path: Path, *, first: bool) -> None:
    with in_process() as twins:
        destination = meta(twins, tmp_path, [])
        made = destination.ensure(AudienceSpec("kind", "Kind", values=first), None)
        for known in (made, None):
            with pytest.raises(Refused, match="values") as refused:
                destination.ensure(AudienceSpec("kind", "Kind", values=not first), known)
            assert "another name" in refused.value.advice
        assert destination.ensure(AudienceSpec.unchanged("kind"), made) == made


def test_the_twin_keeps_values_in_its_state_file(tmp_path: Path) -> None:
    state = tmp_path / "twins.json"
    with in_process(state=state) as twins:
        destination = meta(twins, tmp_path, [])
        stage = Stage(destination, twins, destination.ensure(SPEC, None), [])
        add(stage, [44.5])
    with in_process(state=state) as twins:
        assert list(_values(twins, stage.remote.remote_id)) == [44.5]


def _values(twins: Twins, audience: str) -> list[float | None]:
    return [*twins.values(audience).values()]
