"""A real n8n in a folder of its own: its command line, its server, its executions."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.n8n_setup import n8n_program, node_bin
from tests.waiting import until

IMPORT = Path(__file__).parents[4] / "workflows" / "n8n" / "import.sh"
DEADLINE = 180


def free_port() -> int:
    """A port that nothing listens at now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass(frozen=True)
class Execution:
    """One run: its status, its message where it failed, and what each node put out."""

    status: str
    message: str
    last_node: str
    runs: dict[str, list[Any]]

    def times(self, node: str) -> int:
        """How often a node ran."""
        return len(self.runs.get(node, []))

    def output(self, node: str) -> dict[str, Any]:
        """The first item that a node's last run put out."""
        outputs = self.runs[node][-1]["data"]["main"]
        item: dict[str, Any] = next(output for output in outputs if output)[0]["json"]
        return item


@dataclass(frozen=True)
class N8n:
    """n8n on `folder`, listening at `port`. `settings` are its environment, as docker-compose.yml would set it."""

    cache: Path
    folder: Path
    port: int
    settings: Mapping[str, str]

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """The environment of every process of it; of ours only what a program needs to start."""
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        path = f"{node_bin(self.cache)}:{n8n_program(self.cache).parent}:{os.environ['PATH']}"
        own = {
            "PATH": path,
            "N8N_USER_FOLDER": str(self.folder),
            "N8N_LISTEN_ADDRESS": "127.0.0.1",
            "N8N_PORT": str(self.port),
            "N8N_RUNNERS_BROKER_PORT": str(free_port()),
            "N8N_SECURE_COOKIE": "false",
        }
        return {**kept, **self.settings, **own}

    def install(self, credentials: Path, workflows: Path) -> str:
        """Import and publish by the script that docker-compose.yml runs; what it said."""
        return self._run(["/bin/sh", str(IMPORT), str(credentials), str(workflows)])

    def command(self, *words: str) -> str:
        """Run n8n's command line; it must end well."""
        return self._run(["n8n", *words])

    def _run(self, words: list[str]) -> str:
        done = self._done(words)
        said = done.stdout[-3000:] + done.stderr[-3000:]
        assert done.returncode == 0, f"{words[:3]} ended with {done.returncode}:\n{said}"
        return done.stdout

    def _done(self, words: list[str]) -> "subprocess.CompletedProcess[str]":
        environment, output = self.environment(), subprocess.PIPE
        return subprocess.run(
            words,
            env=environment,
            cwd=self.folder,
            stdout=output,
            stderr=output,
            text=True,
            timeout=DEADLINE,
            check=False,
        )

    def execute(self, workflow: str) -> Execution:
        """Run a workflow from its Manual Trigger. n8n may crash after a failed one; what it printed before counts."""
        done = self._done(["n8n", "execute", "--id", workflow, "--rawOutput"])
        start = done.stdout.find("\n{\n")
        assert start >= 0, f"{workflow} printed no execution:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        printed, _ = json.JSONDecoder().raw_decode(done.stdout[start + 1 :])
        told = printed["data"]["resultData"]
        status = str(printed.get("status", "error" if "error" in told else "success"))
        message = told.get("error", {}).get("message", "")
        return Execution(status, message, str(told.get("lastNodeExecuted")), told["runData"])

    @contextmanager
    def started(self) -> Iterator[None]:
        """n8n's server, until the block ends. Its output goes to n8n.log in its folder."""
        with (self.folder / "n8n.log").open("ab") as log:
            process = subprocess.Popen(
                ["n8n", "start"],
                env=self.environment(),
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                until(lambda: process.poll() is not None or self._is_ready(), DEADLINE)
                assert process.poll() is None, (self.folder / "n8n.log").read_text()[-3000:]
                yield
            finally:
                process.send_signal(signal.SIGTERM)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(30)
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # its task runner, where it is left behind
                process.wait()

    def wait_for_form(self) -> None:
        """Wait until the form answers: n8n is ready a moment before its addresses are."""
        until(lambda: httpx.get(f"{self.url}/form/passerelle", trust_env=False).status_code == 401, DEADLINE)

    def _is_ready(self) -> bool:
        with suppress(httpx.HTTPError):
            answer = httpx.get(f"{self.url}/healthz/readiness", trust_env=False)
            return answer.text == '{"status":"ok"}'
        return False

    def left_behind(self) -> list[Path]:
        """Every file n8n wrote: database, write-ahead log, configuration, logs."""
        return [path for path in self.folder.rglob("*") if path.is_file()]
