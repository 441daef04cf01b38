"""What starts a workflow without a person's browser: a clock, a hand, a failure elsewhere."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

from passerelle.workflows.n8n.nodes.node import JsonObject, Node


class Interval(Protocol):
    """How often a schedule fires."""

    def rule(self) -> JsonObject:
        """One interval of the schedule trigger's rule."""
        ...


@dataclass(frozen=True, slots=True)
class Every:
    """Every so many minutes."""

    minutes: int

    def rule(self) -> JsonObject:
        """One interval of the schedule trigger's rule."""
        return {"field": "minutes", "minutesInterval": self.minutes}


@dataclass(frozen=True, slots=True)
class Weekly:
    """Once a week. `day`: 0 is Sunday."""

    day: int
    hour: int

    def rule(self) -> JsonObject:
        """One interval of the schedule trigger's rule."""
        return {"field": "weeks", "weeksInterval": 1, "triggerAtDay": [self.day], "triggerAtHour": self.hour}


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression of five or six fields, in the workflow's time zone."""

    expression: str

    def rule(self) -> JsonObject:
        """One interval of the schedule trigger's rule."""
        return {"field": "cronExpression", "expression": self.expression}


@dataclass(frozen=True, kw_only=True)
class ScheduleTrigger(Node):
    """Starts by the clock. Runs may overlap, so what it starts must bear that."""

    type: ClassVar[str] = "n8n-nodes-base.scheduleTrigger"
    version: ClassVar[float] = 1.3
    is_trigger: ClassVar[bool] = True

    interval: Interval

    def parameters(self) -> JsonObject:
        """The node's parameters as n8n stores them."""
        return {"rule": {"interval": [self.interval.rule()]}}


@dataclass(frozen=True, kw_only=True)
class ManualTrigger(Node):
    """Starts by hand, and by `n8n execute`, which accepts no other trigger."""

    type: ClassVar[str] = "n8n-nodes-base.manualTrigger"
    version: ClassVar[float] = 1
    is_trigger: ClassVar[bool] = True

    def parameters(self) -> JsonObject:
        """None."""
        return {}


@dataclass(frozen=True, kw_only=True)
class ErrorTrigger(Node):
    """Starts when a workflow that names this one as its error workflow fails."""

    type: ClassVar[str] = "n8n-nodes-base.errorTrigger"
    version: ClassVar[float] = 1
    is_trigger: ClassVar[bool] = True

    def parameters(self) -> JsonObject:
        """None."""
        return {}
