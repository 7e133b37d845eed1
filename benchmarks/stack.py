"""The real site in a temporary folder, disk writes included, whose every part can be killed and started again."""

import atexit
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks.migrated import renew_database, take_given_cluster
from evalsite.platform.embedded import Servers, broker_url, database_url
from evalsite.platform.embedded.processes import last_lines, wait_until
from evalsite.platform.supervision.child import Child
from evalsite.platform.supervision.site import (
    WORKER_ENVIRONMENT,
    answers,
    free_port,
    web_command,
    worker_command,
)

HOST = "127.0.0.1"
# Of its own for each stack: a port that a kill sets free is nobody else's until it is taken again.
FIRST_PORT = 5000 + 40 * (os.getpid() % 100)
START_SECONDS = 60.0
TAKEN_FROM_NOBODY = (
    "DATABASE_URL",
    "CELERY_BROKER_URL",
    "EVALSITE_ENV",
    "SECRET_KEY",
    "DEBUG",
    "ALLOWED_HOSTS",
    "HTTPS",
)


def configure() -> Path:
    """Give this process and its children a folder of their own; call before Django reads its settings."""
    for name in TAKEN_FROM_NOBODY:
        os.environ.pop(name, None)
    folder = Path(tempfile.mkdtemp(prefix="evalsite-bench-"))
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    os.environ["EVALSITE_DATA_DIR"] = str(folder)
    os.environ["DJANGO_SETTINGS_MODULE"] = "evalsite.settings"
    os.environ.setdefault("LOG_LEVEL", "WARNING")

    import django

    django.setup()
    return folder


@dataclass
class Stack:
    folder: Path
    servers: Servers
    web: Child
    workers: list[Child]
    port: int

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def database_url(self) -> str:
        return database_url(self.folder)

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.database_url, autocommit=True)

    def start_web(self) -> None:
        self.web.start()
        if not wait_until(lambda: answers(HOST, self.port), seconds=START_SECONDS):
            raise RuntimeError(f"The web server does not answer:\n{self.logs()}")

    def start_workers(self) -> None:
        for worker in self.workers:
            worker.start()

    def kill_web(self) -> None:
        """kill -9 for the server and its worker processes at once."""
        self.web.kill()

    def kill_workers(self) -> None:
        for worker in self.workers:
            worker.kill()

    def kill_server(self, name: str) -> None:
        """kill -9 for postgres or valkey."""
        os.kill(self.servers.children[name].pid, signal.SIGKILL)
        self.servers.children[name].wait()

    def restart_server(self, name: str) -> None:
        self.servers.restart(name)

    def wipe_broker(self) -> None:
        """Every queued and unacknowledged message is gone."""
        import redis

        with redis.Redis(unix_socket_path=str(self.servers.paths.sockets / "valkey.sock")) as link:
            link.flushall()

    def peak_rss_mb(self, child: Child) -> float:
        """The largest resident size of any process of the child's group so far."""
        sizes = [high_water_kb(int(entry.name)) for entry in Path("/proc").iterdir() if in_group(entry, child.pid)]
        return max(sizes, default=0) / 1024

    def logs(self) -> str:
        children = [self.web, *self.workers]
        return "\n".join(f"{child.name}:\n{last_lines(child.log, 40)}" for child in children if child.log)

    def stop(self) -> None:
        for child in [self.web, *self.workers]:
            child.kill()
        self.servers.stop()


@contextmanager
def running(
    *, web: bool = True, workers: int = 1, concurrency: int = 2, environment: Mapping[str, str] | None = None
) -> Iterator[Stack]:
    """A fresh, migrated database, the web server and Celery workers; the first worker has the beat."""
    folder = Path(os.environ["EVALSITE_DATA_DIR"])
    given = {
        **(environment or {}),
        "DATABASE_URL": database_url(folder),
        "CELERY_BROKER_URL": broker_url(folder),
    }
    port = free_port(HOST, FIRST_PORT)
    take_given_cluster(folder)
    servers = Servers.start(folder, durable=True)
    stack = Stack(
        folder=folder,
        servers=servers,
        port=port,
        web=Child("web", web_command(host=HOST, port=port), given, log=folder / "logs" / "web.log"),
        workers=[
            Child(
                f"worker{number}",
                worker_command(concurrency=concurrency, beat=number == 1, name=f"worker{number}"),
                {**given, **WORKER_ENVIRONMENT},
                log=folder / "logs" / f"worker{number}.log",
            )
            for number in range(1, workers + 1)
        ],
    )
    try:
        renew_database(servers)
        collect_static_files()
        if web:
            stack.start_web()
        stack.start_workers()
        yield stack
    except BaseException:
        sys.stderr.write(f"{stack.logs()}\n")
        raise
    finally:
        stack.stop()


def collect_static_files() -> None:
    from django.core.management import call_command

    call_command("collectstatic", verbosity=0, interactive=False)


def in_group(entry: Path, group: int) -> bool:
    try:
        return entry.name.isdigit() and os.getpgid(int(entry.name)) == group
    except ProcessLookupError:
        return False


def high_water_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)
