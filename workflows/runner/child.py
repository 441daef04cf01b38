"""Runs one verb as a process of its own: a crash, a leak or a kill there never takes the runner along."""

import base64
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

from passerelle.workflows.runner.allowed import Allowed
from passerelle.workflows.runner.answers import Answer, refusal
from passerelle.workflows.verbs.contract import Outcome

_GRACE = 20.0
_LONGEST_ANSWER = 4 * 1024 * 1024
_PROGRAM = (sys.executable, "-m", "passerelle.workflows.cli.main")


@dataclass(slots=True)
class Children:
    """The processes at work. `stop` asks them to end in order, as a terminal's Ctrl-C would."""

    workspace: Path
    timeout: float
    program: tuple[str, ...] = _PROGRAM
    _alive: set["subprocess.Popen[bytes]"] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopping: bool = False

    def run(self, asked: Allowed) -> Answer:
        """Run the verb and hand on its result object; where there is none, say so."""
        with self._lock:
            if self._stopping:
                return refusal(503, Outcome.TRY_LATER, "The runner is stopping.", "Call again in a moment.")
            process = self._start(asked)
            self._alive.add(process)
        try:
            output = self._output(process)
        finally:
            with self._lock:
                self._alive.discard(process)
        return _answer(asked, output)

    def stop(self) -> None:
        """Ask every run to end, and start no more."""
        with self._lock:
            self._stopping = True
            for process in self._alive:
                _signal(process, signal.SIGTERM)

    def _start(self, asked: Allowed) -> "subprocess.Popen[bytes]":
        request = base64.b64encode(asked.request).decode()
        verb = asked.verb.name.split()
        words = [*self.program, *verb, "--workspace", str(self.workspace), "--report", "--request-b64", request]
        return subprocess.Popen(  # noqa: S603 - fixed words, and base64 that this process made; no shell
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=self.workspace, start_new_session=True
        )

    def _output(self, process: "subprocess.Popen[bytes]") -> bytes:
        for step, patience in ((None, self.timeout), (signal.SIGTERM, _GRACE), (signal.SIGKILL, None)):
            if step is not None:
                _signal(process, step)
            try:
                return process.communicate(timeout=patience)[0]
            except subprocess.TimeoutExpired:
                continue
        return b""


def _signal(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    """To the whole process group, which the process leads."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def _answer(asked: Allowed, output: bytes) -> Answer:
    """The output, if it is a result object and nothing else."""
    try:
        result = json.loads(output) if len(output) <= _LONGEST_ANSWER else None
        outcome = Outcome(result["outcome"]) if isinstance(result, dict) else None
    except (ValueError, KeyError, RecursionError):
        outcome = None
    if outcome is None:
        message = f"`{asked.verb.name}` ended without a readable result."
        return refusal(200, Outcome.FAILED, message, "Look at the runner's log, then run `passerelle doctor`.")
    return Answer(200, json.dumps(result).encode(), outcome.value)
