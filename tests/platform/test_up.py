"""`manage.py up`: starts, revives, stops; leaves nothing behind but the data."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.conf import settings

from benchmarks.migrated import copy_cluster
from evalsite.platform.embedded import Paths, database_url
from evalsite.platform.embedded.processes import command_of, first_pid_in, wait_until
from evalsite.platform.supervision.site import free_port
from tests.running.migrated_cluster import migrated_cluster

START_SECONDS = 240.0


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="evalsite-up-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


class Up:
    """A running `manage.py up` and what it has printed so far."""

    def __init__(self, folder: Path, port: int) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--port", str(port), "--concurrency", "1"],
            cwd=settings.BASE_DIR,
            env={**environment, "EVALSITE_DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "evalsite.settings"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(iter(self.process.stdout.readline, ""))

    @property
    def text(self) -> str:
        return "".join(self.lines)

    @property
    def address(self) -> str:
        found = re.search(r"Evalsite is at (http://\S+?)/ ", self.text)
        assert found, self.text
        return found[1]

    def wait_for(self, text: str, seconds: float = START_SECONDS) -> None:
        assert wait_until(lambda: text in self.text or self.process.poll() is not None, seconds=seconds), self.text
        assert text in self.text, self.text

    def children(self) -> list[int]:
        pids = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [pid for child in pids for pid in (int(child), *grandchildren(int(child)))]

    def close(self) -> None:
        self.process.kill()
        self.process.wait(30)
        self.reader.join(30)
        if self.process.stdout:
            self.process.stdout.close()


LEFT_OUT = {"DATABASE_URL", "CELERY_BROKER_URL", "EVALSITE_TEST_DIR"}


def grandchildren(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


@contextmanager
def running(folder: Path, port: int) -> Iterator[Up]:
    up = Up(folder, port)
    try:
        up.wait_for("Evalsite is at")
        yield up
    finally:
        up.close()


def ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def all_gone(pids: list[int]) -> bool:
    return not any(command_of(pid) for pid in pids)


def test_what_dies_is_started_again_and_ctrl_c_stops_everything(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        with running(folder, port) as up:
            assert f"port {port} is taken by another program" in up.text
            assert wait_until(lambda: ready(up.address), seconds=40, every=0.5), up.text
            postgres = first_pid_in(Paths.of(folder).cluster / "postmaster.pid")
            assert postgres
            for pid in (
                postgres,
                *pids_of("granian", up),
                *pids_of("--queues quick", up),
                *pids_of("--queues long", up),
            ):
                os.kill(pid, signal.SIGKILL)
            for name in ("postgres", "web", "worker-quick", "worker-long"):
                up.wait_for(f"{name} stopped")
            assert wait_until(lambda: ready(up.address), seconds=60, every=0.5), up.text
            with psycopg.connect(database_url(folder), autocommit=True) as link:
                link.execute("CREATE TABLE kept AS SELECT 42 AS number")
            left = folder / "tmp" / "copy-of-an-upload"
            left.write_text("whose worker was killed")
            pids = up.children()
            up.process.send_signal(signal.SIGINT)
            assert up.process.wait(40) == 0, up.text
            assert all_gone(pids)
    with running(folder, free_port("127.0.0.1", 8600)) as up:
        with psycopg.connect(database_url(folder)) as link:
            assert link.execute("SELECT number FROM kept").fetchone() == (42,)
        assert not left.exists()
        pids = up.children()
        assert len(pids) >= 4
        # kill -9 asks nobody: the kernel tells the children.
        up.process.kill()
        assert wait_until(lambda: all_gone(pids), seconds=60), [command_of(pid) for pid in pids]


def pids_of(program: str, up: Up) -> list[int]:
    direct = Path(f"/proc/{up.process.pid}/task/{up.process.pid}/children").read_text().split()
    found = [int(pid) for pid in direct if program in command_of(int(pid))]
    assert len(found) == 1, up.text
    return found


def test_a_command_without_a_running_site_says_how_to_start_it(folder: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
    done = subprocess.run(
        [sys.executable, "manage.py", "showmigrations"],
        cwd=settings.BASE_DIR,
        env={**environment, "EVALSITE_DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "evalsite.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "make up" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_up_on_the_same_folder_is_refused_and_harms_nothing(folder: Path) -> None:
    copy_cluster(migrated_cluster(), folder)
    with running(folder, free_port("127.0.0.1", 8650)) as first:
        second = Up(folder, 8690)
        assert second.process.wait(60) == 1
        second.reader.join(10)
        assert f"already in use by process {first.process.pid}" in second.text
        second.close()
        with psycopg.connect(database_url(folder)) as link:
            assert link.execute("SELECT 1").fetchone() == (1,)
        first.process.terminate()
        assert first.process.wait(40) == 0
