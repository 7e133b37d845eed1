"""Starting, recognising and stopping server processes."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from evalsite.platform.embedded.owner import Owner

PR_SET_PDEATHSIG = 1
LARGEST_LOG = 10 * 1024 * 1024
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def dies_with_parent(signal_number: int) -> Callable[[], None]:
    """For preexec_fn: have the kernel send this signal when the starting thread ends, kill -9 included."""
    parent = os.getpid()

    def ask_kernel() -> None:
        if _libc is not None:
            _libc.prctl(PR_SET_PDEATHSIG, signal_number)
            if os.getppid() != parent:
                os.kill(os.getpid(), signal_number)

    return ask_kernel


def start(command: Sequence[str], *, owner: Owner, log: Path, last_signal: int) -> subprocess.Popen[bytes]:
    """A child in a group of its own: the terminal's Ctrl-C is for the supervisor, who stops things in order."""
    with open_log(log) as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"},
            start_new_session=True,
            preexec_fn=dies_with_parent(last_signal),
            **owner.subprocess_arguments,
        )


def open_log(log: Path) -> IO[bytes]:
    if log.exists() and log.stat().st_size > LARGEST_LOG:
        log.replace(log.with_suffix(".old.log"))
    return log.open("ab")


def last_lines(log: Path, count: int = 12) -> str:
    if not log.exists():
        return "(no log)"
    return "\n".join("  | " + line for line in log.read_text(errors="replace").splitlines()[-count:])


def command_of(pid: int) -> str:
    """The command line of a living process, or nothing."""
    proc = Path("/proc") / str(pid)
    if Path("/proc/self").exists():
        try:
            if proc.joinpath("stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return ""
            return proc.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    shown = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return shown.stdout.strip()


def first_pid_in(file: Path) -> int | None:
    try:
        return int(file.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def wait_until(condition: Callable[[], bool], *, seconds: float, every: float = 0.05) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


def stop(pid: int, *, signals: Sequence[int], recognise: str, seconds: float = 20) -> bool:
    """Send one signal after the other until the process is gone; never to a process we do not recognise."""

    def gone() -> bool:
        reap(pid)
        return recognise not in command_of(pid)

    for number in signals:
        if gone():
            return True
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return True
        if wait_until(gone, seconds=seconds):
            return True
    return gone()


def reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


FAST_STOP = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)
PLAIN_STOP = (signal.SIGTERM, signal.SIGKILL)
