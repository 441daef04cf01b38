"""What a benchmark yields, and how it is measured: interleaved, in CPU time, with its peak memory.

CPU time counts a process and everybody it started, since the store reads columns in a process of its own. Memory does
too: it is the greatest sum of what they held at one time. `ru_maxrss` would not do: a process inherits it from
whoever started it, through `fork` and through `exec`, so that a small child of a large benchmark looks large.
"""

import os
import resource
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
_PAUSE = 0.1
_TICKS = os.sysconf("SC_CLK_TCK")
_MIB = 1024


@dataclass(frozen=True, slots=True)
class Measure:
    """A ratio of one thing to another, the goal for it (None: no goal was set), and the peak of memory."""

    ratio: float
    goal: float | None
    peak_mib: float


@dataclass(frozen=True, slots=True)
class Child:
    """What a process took, with those that it started."""

    cpu_seconds: float
    elapsed_seconds: float
    peak_mib: float
    stdout: bytes


def child(command: Sequence[str], folder: Path) -> Child:
    """Run a command to its end and say what it took. Raises where it fails.

    Python keeps its compiled modules, as an installed program does, whatever the environment says.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.monotonic()
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, env=environment) as process:
        with peak_of(process.pid) as peak:
            told = process.stdout.read() if process.stdout else b""
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    elapsed = time.monotonic() - began
    if process.returncode:
        raise RuntimeError(f"{command[3:]} ended with {process.returncode}: {told[:2000]!r}")
    return Child(used.ru_utime + used.ru_stime, elapsed, peak.mib, told)


@dataclass(slots=True)
class Peak:
    """The most memory that was seen."""

    mib: float = 0.0


@contextmanager
def peak_of(pid: int) -> Iterator[Peak]:
    """The most memory that a process and its descendants held together while the block lasted, seen ten times a second.

    A process alone counts with its own high-water mark, which no look can miss.
    """
    peak, done = Peak(), threading.Event()

    def watch() -> None:
        while not done.wait(_PAUSE):
            _look(pid, peak)

    _look(pid, peak)
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        _look(pid, peak)
        done.set()
        watcher.join()


def _look(pid: int, peak: Peak) -> None:
    others = sum(_resident(one, "VmRSS") for one in _below(pid))
    peak.mib = max(peak.mib, _resident(pid, "VmRSS") + others, _resident(pid, "VmHWM"))


def in_process(work: Callable[[], T]) -> tuple[T, float]:
    """Do something here: what it yields, and the most memory that this process and its children held meanwhile."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # forget the high-water mark of what was done before
    with peak_of(os.getpid()) as peak:
        made = work()
    return made, peak.mib


def ratio(subject: Callable[[], object], yardstick: Callable[[], object], rounds: int = 3) -> float:
    """Median CPU time of `subject` over that of `yardstick`, taken in turns."""
    pairs = [(_cpu(subject), _cpu(yardstick)) for _ in range(rounds)]
    return statistics.median(one for one, _ in pairs) / statistics.median(other for _, other in pairs)


def cpu_seconds() -> float:
    """CPU time of this process, of its children that have ended, and of those that still run (to a hundredth)."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime + sum(map(_used, _below(os.getpid())))


def _cpu(work: Callable[[], object]) -> float:
    start = cpu_seconds()
    work()
    return cpu_seconds() - start


def _below(pid: int) -> list[int]:
    """Every descendant of a process."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        for told in Path(f"/proc/{one}/task").glob("*/children"):
            with suppress(OSError):
                waiting += (children := [int(word) for word in told.read_text().split()])
                found += children
    return found


def _resident(pid: int, name: str) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) / _MIB
    return 0.0


def _used(pid: int) -> float:
    with suppress(OSError):
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, words[11:15])) / _TICKS  # utime, stime, and those of its children that have ended
    return 0.0
