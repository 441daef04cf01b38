"""How long work shows itself: bars on a terminal, a line now and then elsewhere, nothing when asked to be quiet."""

import sys
from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Self, TextIO

from passerelle.workflows.verbs.contract import Progress, Step

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

SECONDS_BETWEEN_LINES = 5.0


def progress_for(stream: TextIO, *, quiet: bool) -> Progress:
    """Bars where `stream` is a terminal, lines where it is not."""
    if quiet:
        return Silent()
    return Bars(stream) if stream.isatty() else Lines(stream)


class Silent:
    """Shows nothing."""

    def step(self, label: str, *, total: int | None = None) -> Step:
        """Begin a step."""
        return _SilentStep(label, total)


class _SilentStep:
    def __init__(self, label: str, total: int | None) -> None:
        self.label = label
        self.total = total
        self.done = 0

    def advance(self, count: int = 1) -> None:
        self.done += count

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        return None


class Lines:
    """A line when a step takes longer than `SECONDS_BETWEEN_LINES`, and one for each further such while."""

    def __init__(self, stream: TextIO = sys.stderr, clock: Callable[[], float] = monotonic) -> None:
        self._stream = stream
        self._clock = clock

    def step(self, label: str, *, total: int | None = None) -> Step:
        """Begin a step."""
        return _LineStep(label, total, self._stream, self._clock)


class _LineStep(_SilentStep):
    def __init__(self, label: str, total: int | None, stream: TextIO, clock: Callable[[], float]) -> None:
        super().__init__(label, total)
        self._stream = stream
        self._clock = clock
        self._said_at = clock()

    def advance(self, count: int = 1) -> None:
        super().advance(count)
        if self._clock() - self._said_at >= SECONDS_BETWEEN_LINES:
            self._said_at = self._clock()
            of = f" of {self.total:,}" if self.total is not None else ""
            print(f"{self.label}: {self.done:,}{of}", file=self._stream, flush=True)


class Bars:
    """Bars that go away when their step is done. One display for all steps, in whatever threads they run."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._open: RichProgress | None = None
        self._steps = 0
        self._lock = Lock()

    def step(self, label: str, *, total: int | None = None) -> Step:
        """Begin a step; steps within steps stand below each other."""
        return _BarStep(self, label, total)

    def begin(self) -> "RichProgress":
        """The display, started with its first step."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        with self._lock:
            self._steps += 1
            if self._open is None:
                columns = (
                    SpinnerColumn(),
                    TextColumn("{task.description}"),
                    BarColumn(),
                    TextColumn("{task.fields[done]}"),
                )
                self._open = Progress(*columns, TimeElapsedColumn(), console=Console(file=self._stream), transient=True)
                self._open.start()
            return self._open

    def end(self) -> None:
        """Stop the display with its last step."""
        with self._lock:
            self._steps -= 1
            if self._steps == 0 and self._open is not None:
                self._open.stop()
                self._open = None


class _BarStep(_SilentStep):
    def __init__(self, bars: Bars, label: str, total: int | None) -> None:
        super().__init__(label, total)
        self._bars = bars
        self._progress: RichProgress | None = None

    def advance(self, count: int = 1) -> None:
        super().advance(count)
        if self._progress is not None:
            self._progress.update(self._task, advance=count, done=_done(self.done, self.total))

    def __enter__(self) -> Self:
        self._progress = self._bars.begin()
        self._task = self._progress.add_task(self.label, total=self.total, done=_done(0, self.total))
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._progress is not None:
            self._progress.remove_task(self._task)
            self._bars.end()


def _done(count: int, total: int | None) -> str:
    """`5,150 of 20,000`; where nobody knows of how many, `5,150`, and nothing before the first."""
    if total is not None:
        return f"{count:,} of {total:,}"
    return f"{count:,}" if count else ""
