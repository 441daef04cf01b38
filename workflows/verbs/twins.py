"""`twins`: local stand-ins for Meta and Google, strict as the platforms, for trying things out and for rehearsals."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from passerelle.workflows.verbs.contract import AnyVerb, Environment, Request, Result, Verb

if TYPE_CHECKING:
    from rich.console import Console


class TwinsRequest(Request):
    """Where the twins listen, and what they start with."""

    meta_port: int = Field(8701, ge=0, le=65535, description="Port of Meta's twin; 0 takes a free one.")
    data_manager_port: int = Field(8702, ge=0, le=65535, description="Port of Data Manager's twin.")
    google_ads_port: int = Field(8703, ge=0, le=65535, description="Port of the Google Ads API's twin.")
    data_manager_rest_port: int = Field(8704, ge=0, le=65535, description="Port of Data Manager's twin over REST.")
    state: Path | None = Field(None, description="File that keeps the audiences from one day to the next.")
    faults: Path | None = Field(None, description="JSON list of scripted faults: rehearse an outage.")
    count_only: bool = Field(False, description="Count people, but keep none of their keys: for measuring.")


class TwinsResult(Result):
    """What the twins held when they were stopped."""

    audiences: int = Field(0, description="How many audiences there were.")
    people: int = Field(0, description="How many members they had together.")


def run(environment: Environment, request: TwinsRequest) -> TwinsResult:
    """Serve until SIGTERM or Ctrl-C. One JSON line on stdout says where, once all three answer."""
    from dataclasses import asdict

    from passerelle.connectors.twins.running import RunningTwins, read_faults, stop_signal
    from passerelle.connectors.twins.world import World

    world = World(keep=not request.count_only, path=request.state)
    if request.faults is not None:
        world.faults.extend(read_faults(request.faults))
    ports = request.model_dump(include={"meta_port", "data_manager_port", "google_ads_port", "data_manager_rest_port"})
    ended = stop_signal()
    with RunningTwins(world, **ports) as running:
        environment.stdout.write(json.dumps(asdict(running.addresses)).encode() + b"\n")
        environment.stdout.flush()
        ended.wait()
    held = list(world.audiences.values())
    return TwinsResult(audiences=len(held), people=sum(len(audience.people) for audience in held))


def render(result: TwinsResult, console: "Console") -> None:
    """Say what was held."""
    console.print(f"The twins held {result.people} people in {result.audiences} audiences.")


VERBS: list[AnyVerb] = [
    Verb(
        name="twins",
        help="Run strict local twins of Meta and Google on loopback ports.",
        request=TwinsRequest,
        result=TwinsResult,
        run=run,
        render=render,
        streams=True,
    ),
]
