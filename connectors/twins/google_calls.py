"""One call to a Google twin, whatever carries it: scripted faults, the world's lock, the state file."""

import time
from collections.abc import Callable
from typing import NoReturn, Protocol

from passerelle.connectors.twins.faults import Fault, GrpcError
from passerelle.connectors.twins.messages import Message
from passerelle.connectors.twins.world import World

LOST = GrpcError(code="UNAVAILABLE", message="Socket closed")


class Ending(Protocol):
    """Ends a call otherwise than by an answer, in the way of what carries it."""

    def refuse(self, refusal: Exception) -> NoReturn:
        """As the platform refuses one."""
        ...

    def scripted(self, fault: Fault) -> NoReturn:
        """As a script wants it: an error, a page that is not Google's, or no answer at all."""
        ...


def perform(
    world: World, name: str, act: Callable[[Fault | None], Message], refusal: type[Exception], ending: Ending
) -> Message:
    """Carry a call out, or have it go wrong as scripted: before it was applied, or after."""
    fault = world.faults.due(name)
    if fault is not None and fault.kind == "slow" and not fault.applied:
        time.sleep(fault.slow_seconds)
    if fault is not None and fault.kind not in {"slow", "partial"} and not fault.applied:
        ending.scripted(fault)
    problem: Exception | None = None
    try:
        with world.lock:
            response = act(fault)
    except refusal as raised:
        problem = raised
    if problem is not None:
        ending.refuse(problem)
    world.save()
    if fault is not None and fault.applied:
        if fault.kind == "slow":
            time.sleep(fault.slow_seconds)
        elif fault.kind != "partial":
            ending.scripted(fault)
    return response


def raw(kind: Message) -> Message:
    """The plain protobuf class behind one of an SDK's."""
    return kind.pb() if hasattr(kind, "pb") else kind
