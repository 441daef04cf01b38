import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.workflows.runner.answers import Answer
from passerelle.workflows.runner.memory import Known, Memory
from passerelle.workflows.runner.turns import Busy, Turns

DONE = Answer(200, b"{}", "done")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_same_key_and_body_get_the_same_answer() -> None:
    memory = Memory(Clock())
    assert memory.begin("k", b"1") is Known.NEW
    memory.end("k", DONE)
    assert memory.begin("k", b"1") is DONE


def test_a_key_still_at_work_is_said_to_be() -> None:
    memory = Memory(Clock())
    memory.begin("k", b"1")
    assert memory.begin("k", b"1") is Known.RUNNING


def test_the_same_key_with_another_body_is_told_apart() -> None:
    memory = Memory(Clock())
    memory.begin("k", b"1")
    memory.end("k", DONE)
    assert memory.begin("k", b"2") is Known.OTHER_BODY


def test_a_forgotten_key_is_new_again() -> None:
    memory = Memory(Clock())
    memory.begin("k", b"1")
    memory.forget("k")
    assert memory.begin("k", b"1") is Known.NEW


def test_an_old_answer_is_forgotten_and_a_run_at_work_is_not() -> None:
    clock = Clock()
    memory = Memory(clock, seconds=10)
    memory.begin("old", b"1")
    memory.end("old", DONE)
    memory.begin("running", b"1")
    clock.now = 11
    assert memory.begin("old", b"1") is Known.NEW
    assert memory.begin("running", b"1") is Known.RUNNING


@given(keys=st.lists(st.integers(0, 30), max_size=100))
def test_there_are_never_more_answers_than_the_bound(keys: list[int]) -> None:
    memory = Memory(Clock(), most=5)
    for key in keys:
        if memory.begin(str(key), b"1") is Known.NEW:
            memory.end(str(key), DONE)
        assert len(memory) <= 5


def test_two_runs_of_one_audience_do_not_run_at_once() -> None:
    turns = Turns()
    with turns.take("audience", frozenset({"a"})), pytest.raises(Busy), turns.take("audience", frozenset({"a", "b"})):
        pass


def test_runs_of_different_audiences_do() -> None:
    turns = Turns()
    with turns.take("audience", frozenset({"a"})), turns.take("audience", frozenset({"b"})):
        pass


def test_a_run_of_all_audiences_runs_alone() -> None:
    turns = Turns()
    everything: frozenset[str] = frozenset()
    with turns.take("audience", frozenset({"a"})), pytest.raises(Busy), turns.take("audience", everything):
        pass
    with turns.take("audience", everything), pytest.raises(Busy), turns.take("audience", frozenset({"a"})):
        pass


def test_a_pull_does_not_wait_for_a_sync() -> None:
    turns = Turns()
    with turns.take("audience", frozenset()), turns.take("source", frozenset()):
        pass


def test_a_turn_is_given_back_when_its_run_fails() -> None:
    turns = Turns()
    with pytest.raises(ValueError, match="failed"), turns.take("audience", frozenset({"a"})):
        raise ValueError("failed")
    with turns.take("audience", frozenset({"a"})):
        pass


def test_there_are_never_more_runs_than_the_bound() -> None:
    turns = Turns(at_once=1)
    with turns.take("", frozenset()), pytest.raises(Busy), turns.take("", frozenset()):
        pass


def test_of_many_threads_exactly_one_has_an_audience() -> None:
    turns, inside, most = Turns(at_once=100), [0], [0]
    gate = threading.Barrier(8)

    def work() -> None:
        gate.wait()
        for _ in range(200):
            try:
                with turns.take("audience", frozenset({"a"})):
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                    inside[0] -= 1
            except Busy:
                continue

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 1
