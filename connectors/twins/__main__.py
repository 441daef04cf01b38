"""`python -m passerelle.connectors.twins`: the twins without the command line around them, for tests and the demo."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from passerelle.connectors.twins.running import RunningTwins, read_faults, stop_signal
from passerelle.connectors.twins.world import World


def main(arguments: list[str]) -> None:
    """Run until told to stop. One JSON line says where, once all three answer."""
    parser = argparse.ArgumentParser(prog="twins")
    for name in ("meta", "data-manager", "google-ads", "data-manager-rest"):
        parser.add_argument(f"--{name}-port", type=int, default=0)
    parser.add_argument("--state", type=Path)
    parser.add_argument("--faults", type=Path)
    parser.add_argument("--count-only", action="store_true")
    told = parser.parse_args(arguments)
    world = World(keep=not told.count_only, path=told.state)
    if told.faults:
        world.faults.extend(read_faults(told.faults))
    names = ("meta_port", "data_manager_port", "google_ads_port", "data_manager_rest_port")
    ports = {name: getattr(told, name) for name in names}
    ended = stop_signal()
    with RunningTwins(world, **ports) as running:
        sys.stdout.write(json.dumps(asdict(running.addresses)) + "\n")
        sys.stdout.flush()
        ended.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
