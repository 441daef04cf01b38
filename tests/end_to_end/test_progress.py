"""Ten audiences are synced in one run, and a person at a terminal sees them in one display."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

from tests.end_to_end.shop import ShopWorkspace

AUDIENCES = 10
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_UP = re.compile(r"\x1b\[1A")


def at_a_terminal(command: list[str], columns: int) -> tuple[int, str]:
    """The exit code of a command, and all that it wrote to a terminal of this width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    surroundings = {**os.environ, "TERM": "xterm-256color"}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=surroundings) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                block = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not block:
                break
            seen += block
    os.close(ours)
    return process.returncode, seen.decode()


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 120])
def test_ten_audiences_show_themselves_in_one_display(small: ShopWorkspace, columns: int) -> None:
    folder = small.folder / "audiences"
    first = next(folder.glob("*.yaml"))
    text = first.read_text()
    for number in range(1, AUDIENCES):
        other = text.replace(f"audience: {first.stem}", f"audience: number_{number}")
        other = re.sub(r"display_name: [^,}\n]*", f"display_name: Number {number}", other)
        (folder / f"number_{number}.yaml").write_text(other)
    small.twins.fault(call="meta.users.add", slow_seconds=0.3, times=AUDIENCES)
    code, seen = at_a_terminal(
        [sys.executable, "-m", "passerelle.workflows.cli.main", "sync", "-w", str(small.folder)], columns
    )
    assert code == 0, seen[-2000:]
    assert f"of {2 * AUDIENCES}" in seen, "how many of the audiences are done"
    assert seen.count("\x1b[?25l") == seen.count("\x1b[?25h"), "the cursor is shown again"
    assert len(_UP.findall(seen)) > AUDIENCES, "the display is drawn over itself"
    lines = re.split(r"[\r\n]+", _CONTROL.sub("", seen))
    assert max(map(len, lines)) <= columns
    table = [line for line in lines if re.match(r"\s*(number_|" + first.stem + r")", line) and " 0 " in line]
    assert len({line.split()[0] for line in table}) == AUDIENCES
