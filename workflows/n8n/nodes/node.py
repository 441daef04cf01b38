"""What every node has: a name, a type at a fixed version, parameters, and what happens when it fails."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = dict[str, Json]


class OnError(StrEnum):
    """What n8n does with an item on which a node failed."""

    STOP = "stopWorkflow"
    CONTINUE = "continueRegularOutput"
    ERROR_OUTPUT = "continueErrorOutput"
    """The item leaves by one more output, the last one, which must be connected."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often n8n itself runs a failed node again. It caps tries at 5 and waits at 5 seconds."""

    tries: int
    wait_ms: int


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential, by reference: its secret stands only in n8n's encrypted store."""

    kind: str
    id: str
    name: str

    def reference(self) -> JsonObject:
        """The node's `credentials`."""
        return {self.kind: {"id": self.id, "name": self.name}}


@dataclass(frozen=True, kw_only=True)
class Node(ABC):
    """One node. `outputs` names its outputs in order; an error output, where asked for, comes last."""

    type: ClassVar[str]
    version: ClassVar[float]
    is_trigger: ClassVar[bool] = False

    name: str
    notes: str = ""
    retry: Retry | None = None
    on_error: OnError = OnError.STOP

    @abstractmethod
    def parameters(self) -> JsonObject:
        """The node's parameters as n8n stores them."""

    def extras(self) -> JsonObject:
        """Keys that stand beside the parameters: `credentials`, `webhookId`."""
        return {}

    def own_outputs(self) -> tuple[str, ...]:
        """Names of the outputs without the error output."""
        return ("main",)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of all outputs, in n8n's order."""
        return (*self.own_outputs(), "error") if self.on_error is OnError.ERROR_OUTPUT else self.own_outputs()

    def failure(self) -> JsonObject:
        """`onError` and the retry keys; empty for n8n's defaults."""
        keys: JsonObject = {}
        if self.retry is not None:
            keys |= {"retryOnFail": True, "maxTries": self.retry.tries, "waitBetweenTries": self.retry.wait_ms}
        if self.on_error is not OnError.STOP:
            keys["onError"] = self.on_error.value
        return keys
