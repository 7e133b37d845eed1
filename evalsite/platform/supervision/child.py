"""One child process with all its own children: started, watched and stopped as one group."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from evalsite.platform.embedded.processes import dies_with_parent, open_log, wait_until


@dataclass
class Child:
    """With a log file its output goes there, else line by line to ours, with its name in front."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    log: Path | None = None
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        output: int | IO[bytes] = open_log(self.log) if self.log else subprocess.PIPE
        self.process = subprocess.Popen(
            self.command,
            env={**os.environ, **self.environment, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Its own group: Ctrl-C reaches only us, and a kill reaches the children of the child too.
            start_new_session=True,
            preexec_fn=dies_with_parent(signal.SIGTERM),
        )
        if isinstance(output, int):
            threading.Thread(target=self._repeat_lines, args=[self.process.stdout], daemon=True).start()
        else:
            output.close()

    @property
    def pid(self) -> int:
        if self.process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self.process.pid

    @property
    def exit_code(self) -> int | None:
        return self.process.poll() if self.process else None

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self, *, grace_seconds: float) -> None:
        """Ask, wait, then insist on the whole group."""
        if self.alive:
            self.ask_to_stop()
            wait_until(lambda: not self.alive, seconds=grace_seconds)
        self.kill()

    def ask_to_stop(self) -> None:
        if self.process and self.alive:
            self.process.terminate()

    def kill(self) -> None:
        """kill -9 for every process of the group, also when its first is gone already."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _repeat_lines(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                sys.stdout.write(f"{self.name:<6} | {line.decode(errors='replace')}")
                sys.stdout.flush()
