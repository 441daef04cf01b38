"""The three twins, started and stopped together."""

import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import TypeAdapter, ValidationError

from passerelle.connectors.twins.faults import Fault
from passerelle.connectors.twins.world import World
from passerelle.privacy.errors import DefinitionError


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the twins listen."""

    meta: str
    data_manager: str
    google_ads: str
    data_manager_rest: str = ""
    """Data Manager again, over REST."""


class RunningTwins:
    """Twins on threads of this process. Port 0 takes a free one. Use as a context manager, or call `stop`."""

    def __init__(
        self,
        world: World,
        *,
        meta_port: int = 0,
        data_manager_port: int = 0,
        google_ads_port: int = 0,
        data_manager_rest_port: int = 0,
    ) -> None:
        # gRPC and the SDK's messages take a second to import: only who runs twins pays for it.
        from passerelle.connectors.twins.google_rest import RestServer
        from passerelle.connectors.twins.google_server import data_manager_server, google_ads_server
        from passerelle.connectors.twins.graph_server import Server

        self.world = world
        try:
            self._http = [Server(world, meta_port), RestServer(world, data_manager_rest_port)]
            self._data_manager, dm_port = data_manager_server(world, data_manager_port)
            self._google_ads, ads_port = google_ads_server(world, google_ads_port)
        except (OSError, RuntimeError):
            raise DefinitionError(
                "One of the ports is taken.", advice="End the other twins, or choose ports; 0 takes a free one."
            ) from None
        self._threads = [
            threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
            for one in self._http
        ]
        for thread in self._threads:
            thread.start()
        self.addresses = Addresses(
            meta=f"http://127.0.0.1:{self._http[0].server_address[1]}",
            data_manager=f"127.0.0.1:{dm_port}",
            google_ads=f"127.0.0.1:{ads_port}",
            data_manager_rest=f"127.0.0.1:{self._http[1].server_address[1]}",
        )

    def stop(self) -> None:
        """End them all, and write the state file."""
        for server, thread in zip(self._http, self._threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()
        for grpc_server in (self._data_manager, self._google_ads):
            grpc_server.stop(grace=0.2).wait()
        self.world.save(force=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()


def read_faults(path: Path) -> list[Fault]:
    """Faults from a JSON file. Raises `DefinitionError`."""
    try:
        return TypeAdapter(list[Fault]).validate_json(path.read_bytes())
    except OSError as problem:
        raise DefinitionError(f"The file {path.name} cannot be read: {problem.strerror}.") from None
    except ValidationError as problem:
        first = problem.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise DefinitionError(f"The file {path.name} is no list of faults: {where}: {first['msg']}.") from None


def stop_signal() -> threading.Event:
    """An event that SIGTERM or SIGINT sets. Ask for it before saying that anything runs: who reads that may stop it."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    return ended
