"""One throw-away PostgreSQL and Valkey per test run, started by its first process and stopped with it."""

import atexit
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evalsite.platform.embedded import EmbeddedError, Servers
from evalsite.platform.embedded.servers import take_lock

FORGOTTEN_AFTER_SECONDS = 3600


def run_folder() -> Path:
    return Path(os.environ["EVALSITE_TEST_DIR"])


class RunServers:
    """Started at most once; with DATABASE_URL and CELERY_BROKER_URL given there is nothing to start."""

    def __init__(self) -> None:
        self.servers: Servers | None = None

    def start(self) -> None:
        postgres, valkey = not os.environ.get("DATABASE_URL"), not os.environ.get("CELERY_BROKER_URL")
        if self.servers is None and (postgres or valkey):
            self.servers = Servers.start(run_folder(), durable=False, postgres=postgres, valkey=valkey)
            atexit.register(self.stop)

    def stop(self) -> None:
        if self.servers:
            self.servers.stop()
            self.servers = None


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Among the processes of this run."""
    with (run_folder() / name).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def remove_folders_of_killed_runs() -> None:
    for folder in Path(tempfile.gettempdir()).glob("evalsite-test-*"):
        lock = folder / "servers.lock"
        try:
            if lock.stat().st_mtime < time.time() - FORGOTTEN_AFTER_SECONDS:
                take_lock(lock).close()
                shutil.rmtree(folder, ignore_errors=True)
        except (OSError, EmbeddedError):
            continue
