"""What a benchmark yields, and how it is measured: interleaved, in CPU time, with its peak memory."""

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Measure:
    """A ratio of one thing to another, the goal for it (None: no goal was set), and the peak of memory."""

    ratio: float
    goal: float | None
    peak_mib: float


@dataclass(frozen=True, slots=True)
class Child:
    """What a process of its own took."""

    cpu_seconds: float
    peak_mib: float
    stdout: bytes


def child(command: Sequence[str], folder: Path) -> Child:
    """Run a command to its end and say what it took. Raises where it fails."""
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE) as process:
        told = process.stdout.read() if process.stdout else b""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[3:]} ended with {process.returncode}: {told[:2000]!r}")
    return Child(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, told)


def peak_mib(who: int = resource.RUSAGE_SELF) -> float:
    """The largest resident set so far, in MiB; with `RUSAGE_CHILDREN`, of the largest child."""
    return resource.getrusage(who).ru_maxrss / 1024


def ratio(subject: Callable[[], object], yardstick: Callable[[], object], rounds: int = 3) -> float:
    """Median CPU time of `subject` over that of `yardstick`, taken in turns."""
    pairs = [(_cpu(subject), _cpu(yardstick)) for _ in range(rounds)]
    return statistics.median(one for one, _ in pairs) / statistics.median(other for _, other in pairs)


def _cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
