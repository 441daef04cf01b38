"""What a source behind HTTP must do besides: be patient where it should, give up where it must, and show nothing."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from passerelle.connectors.contract.fake_vendor import Answer, FakeVendor
from passerelle.connectors.contract.trial import NotKept, World, fakes_of, holds, keys_of, pull, same, wanted_keys
from passerelle.privacy.errors import PasserelleError

_CANARY = "canary.8c1f@example.net"


class Served(World, Protocol):
    """A world whose system is a vendor's fake. Its source must be given a clock that does not really sleep."""

    @property
    def vendor(self) -> FakeVendor:
        """The fake."""
        ...

    def expire(self) -> None:
        """Have the vendor take no more of the tokens that it gave until now."""
        ...


def throttling_is_waited_for(world: Served) -> None:
    world.put(fakes_of(world, range(4)))
    world.vendor.first = [Answer({}, 429, {"retry-after": "7"})]
    same(sorted(keys_of(world, list(pull(world)))), wanted_keys(world, range(4)), "after the wait everything comes")


def throttling_that_names_no_wait_is_waited_for(world: Served) -> None:
    world.put(fakes_of(world, range(4)))
    world.vendor.first = [Answer({}, 429), Answer({}, 429)]
    same(sorted(keys_of(world, list(pull(world)))), wanted_keys(world, range(4)), "after some waits everything comes")


def a_token_that_ends_in_the_middle_is_renewed(world: Served) -> None:
    world.put(fakes_of(world, range(10)))
    pages = pull(world)
    first = next(pages)
    world.expire()
    same(sorted(keys_of(world, [first, *pages])), wanted_keys(world, range(10)), "nothing is missing")


def a_wrong_token_is_a_mistake_of_the_settings(world: Served) -> None:
    world.vendor.let_in = lambda _asked: False
    same(_failure(world).exit_code, 2, "it ends with exit code 2")


def an_outage_is_for_later(world: Served) -> None:
    world.put(fakes_of(world, range(10)))
    pages = pull(world)
    first = next(pages)
    world.vendor.down = True
    same(_failure_of(lambda: list(pages)).exit_code, 75, "it ends with exit code 75")
    world.vendor.down = False
    rest = list(pull(world, first.state))
    same(sorted(set(keys_of(world, [first, *rest]))), wanted_keys(world, range(10)), "and goes on when it is over")


def paging_that_runs_in_a_circle_is_noticed(world: Served) -> None:
    world.put(fakes_of(world, range(10)))
    world.vendor.stuck = True
    same(_failure(world).exit_code, 7, "it ends with exit code 7")
    holds(len(world.vendor.asked) < 10, "soon")  # noqa: PLR2004 - pages


def an_answer_of_another_form_is_refused_and_not_shown(world: Served) -> None:
    for body in ({"surprise": _CANARY}, [_CANARY], _CANARY.encode(), None):
        world.vendor.first = [Answer(body)]
        _quiet(_failure(world))


def a_refusal_shows_nothing_of_what_was_asked_or_answered(world: Served) -> None:
    world.put(fakes_of(world, range(4)))
    world.vendor.first = [Answer({"message": _CANARY}, 400)]
    _quiet(_failure(world))


def _quiet(error: PasserelleError) -> None:
    said = repr((error, error.message, error.advice, error.__dict__, error.__cause__))
    holds("8c1f" not in said, "nothing of the answer is shown")
    holds("127.0.0.1" not in said, "nor of the address")


def _failure(world: World) -> PasserelleError:
    return _failure_of(lambda: list(pull(world)))


def _failure_of(work: Callable[[], object]) -> PasserelleError:
    try:
        work()
    except PasserelleError as error:
        return error
    raise NotKept("it must fail")


HTTP_PROMISES: Sequence[Callable[[Any], None]] = (
    throttling_is_waited_for,
    throttling_that_names_no_wait_is_waited_for,
    a_token_that_ends_in_the_middle_is_renewed,
    a_wrong_token_is_a_mistake_of_the_settings,
    an_outage_is_for_later,
    paging_that_runs_in_a_circle_is_noticed,
    an_answer_of_another_form_is_refused_and_not_shown,
    a_refusal_shows_nothing_of_what_was_asked_or_answered,
)


def not_over_http(reason: str) -> dict[str, str]:
    """What a source that speaks no HTTP lacks."""
    return dict.fromkeys((one.__name__ for one in HTTP_PROMISES), reason)


__all__ = ["HTTP_PROMISES", "Served", "not_over_http"]
