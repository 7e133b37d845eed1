"""The parts under `manage.py up`: ports, children, and how soon something that died is started again."""

import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from evalsite.platform.embedded.processes import command_of, wait_until
from evalsite.platform.supervision import supervisor as supervisors
from evalsite.platform.supervision.child import Child
from evalsite.platform.supervision.site import answers, free_port
from evalsite.platform.supervision.supervisor import LONGEST_PAUSE_SECONDS, Restarts, Supervisor

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
PARENT = [sys.executable, "-c", "import os, time; print(os.fork() or time.sleep(60), flush=True); time.sleep(60)"]


def test_the_wanted_port_is_taken_when_free_and_passed_over_when_not() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        found = free_port("127.0.0.1", port)
        assert found != port
    assert free_port("127.0.0.1", found) == found


def test_an_address_of_another_machine_is_refused_in_words() -> None:
    with pytest.raises(OSError, match="is that an address of this machine"):
        free_port("203.0.113.7", 8000)


def test_nobody_answers_on_a_free_port() -> None:
    assert not answers("127.0.0.1", free_port("127.0.0.1", 8990))


def test_a_killed_child_takes_its_own_children_along(tmp_path: Path) -> None:
    child = Child("parent", PARENT, log=tmp_path / "log")
    child.start()
    assert child.log
    assert wait_until(lambda: (tmp_path / "log").read_text() != "", seconds=20)
    grandchild = int((tmp_path / "log").read_text())
    os.kill(child.pid, signal.SIGKILL)
    assert wait_until(lambda: not child.alive, seconds=10)
    assert command_of(grandchild)
    child.kill()
    assert wait_until(lambda: not command_of(grandchild), seconds=10)


class Deaf(Child):
    """Ignores being asked, and notes how long it was given."""

    given_seconds = -1.0

    def start(self) -> None:
        super().start()
        assert wait_until(lambda: self.log is not None and "deaf" in self.log.read_text(), seconds=20)

    def stop(self, *, grace_seconds: float) -> None:
        self.given_seconds = grace_seconds
        super().stop(grace_seconds=grace_seconds)


def deaf_child(name: str, folder: Path) -> Deaf:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    child = Deaf(name, [sys.executable, "-c", code], log=folder / name)
    child.start()
    return child


def test_a_child_that_ignores_being_asked_is_killed(tmp_path: Path) -> None:
    child = deaf_child("deaf", tmp_path)
    child.stop(grace_seconds=0.3)
    assert child.exit_code == -signal.SIGKILL


def test_children_that_ignore_being_asked_share_one_time_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisors, "GRACE_SECONDS", 0.3)
    monkeypatch.setattr(supervisors, "ignore_signals", lambda: None)
    first, second = children = [deaf_child(name, tmp_path) for name in ("first", "second")]
    Supervisor(servers=None, children=[first, second]).stop()
    assert [child.exit_code for child in children] == [-signal.SIGKILL] * 2
    assert second.given_seconds == 0


def test_what_keeps_dying_is_started_less_and_less_often() -> None:
    restarts = Restarts(started_at=0)
    pauses = []
    for now in range(1, 9):
        pauses.append(restarts.note_death(now))
        restarts.note_start(now)
    assert pauses[:3] == [0.5, 1, 2]
    assert pauses[-1] == LONGEST_PAUSE_SECONDS


def test_what_ran_well_for_a_while_is_started_again_at_once() -> None:
    restarts = Restarts(started_at=0)
    for now in range(1, 9):
        restarts.note_death(now)
        restarts.note_start(now)
    assert restarts.note_death(8 + 60) == 0.5


def test_a_dead_child_is_started_again_when_its_pause_is_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    child = Child("web", SLEEP, log=tmp_path / "log")
    supervisor = Supervisor(servers=None, children=[child])
    supervisor.start()
    first = child.pid
    os.kill(first, signal.SIGKILL)
    assert wait_until(lambda: not child.alive, seconds=10)
    supervisor.look(100.0)
    assert "web stopped (exit code -9); starting it again in 0.5 s" in capsys.readouterr().out
    supervisor.look(100.4)
    assert child.pid == first
    supervisor.look(100.6)
    assert child.pid != first
    assert child.exit_code is None
    child.kill()
