"""Watches servers and children until it is told to stop; whatever dies is started again."""

import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import FrameType
from typing import NoReturn

from evalsite.platform.embedded import EmbeddedError, Servers
from evalsite.platform.supervision.child import Child

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0
HEALTHY_AFTER_SECONDS = 30.0
GRACE_SECONDS = 15.0


class ToldToStop(BaseException):
    """Ctrl-C, SIGTERM, or the terminal was closed."""


def listen_for_signals() -> None:
    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise ToldToStop(signal.Signals(number).name)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


def ignore_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@dataclass
class Restarts:
    """When something that died may be started again: soon at first, later if it keeps dying."""

    pause: float = FIRST_PAUSE_SECONDS
    started_at: float = field(default_factory=time.monotonic)
    due_at: float | None = None

    def note_death(self, now: float) -> float:
        if now - self.started_at > HEALTHY_AFTER_SECONDS:
            self.pause = FIRST_PAUSE_SECONDS
        self.due_at, waiting = now + self.pause, self.pause
        self.pause = min(self.pause * 2, LONGEST_PAUSE_SECONDS)
        return waiting

    def note_start(self, now: float) -> None:
        self.started_at, self.due_at = now, None


@dataclass
class Supervisor:
    servers: Servers | None
    children: list[Child]
    restarts: dict[str, Restarts] = field(default_factory=dict)

    def start(self) -> None:
        for child in self.children:
            child.start()

    def watch_forever(self) -> NoReturn:
        while True:
            self.look(time.monotonic())
            time.sleep(0.25)

    def look(self, now: float) -> None:
        for name in self.servers.dead() if self.servers else []:
            self.revive(name, "stopped", partial(self.restart_server, name), now)
        for child in self.children:
            if not child.alive:
                self.revive(child.name, f"stopped (exit code {child.exit_code})", partial(restart, child), now)

    def revive(self, name: str, how: str, start: Callable[[], None], now: float) -> None:
        restarts = self.restarts.setdefault(name, Restarts())
        if restarts.due_at is None:
            say(f"up     | {name} {how}; starting it again in {restarts.note_death(now):g} s")
        elif now >= restarts.due_at:
            start()
            restarts.note_start(now)

    def restart_server(self, name: str) -> None:
        try:
            if self.servers:
                self.servers.restart(name)
        except EmbeddedError as error:
            say(f"up     | {error}")

    def stop(self) -> None:
        """First nobody takes new work, then work ends, then the servers under it. All have the same time to end."""
        ignore_signals()
        deadline = time.monotonic() + GRACE_SECONDS
        for child in self.children:
            child.ask_to_stop()
        for child in self.children:
            child.stop(grace_seconds=max(deadline - time.monotonic(), 0))
        if self.servers:
            self.servers.stop()


def restart(child: Child) -> None:
    child.kill()
    child.start()
