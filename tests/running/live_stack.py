"""The real site on a database of its own: granian, a Celery worker with beat, and the run's broker."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import redis
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.test import override_settings

from evalsite.platform.embedded.processes import last_lines, wait_until
from evalsite.platform.supervision.child import Child
from evalsite.platform.supervision.site import (
    WORKER_ENVIRONMENT,
    answers,
    free_port,
    web_command,
    worker_command,
)
from tests.running.servers import one_at_a_time, run_folder

HOST = "127.0.0.1"
# Of each run its own: granian shares a port with whoever has it, so two runs must never meet on one.
FIRST_PORT = 12000 + 400 * (os.getpid() % 100)
START_SECONDS = 60.0
QUIET_SECONDS = 10.0


@dataclass
class LiveStack:
    database: str
    port: int
    web: Child
    worker: Child

    @classmethod
    def on(cls, database: str, *, number: int) -> "LiveStack":
        """`number` picks ports and a broker database apart from those of other test processes."""
        environment = site_environment(database, number)
        empty_broker(environment["CELERY_BROKER_URL"])
        collect_static_files(environment)
        port = free_port(HOST, FIRST_PORT + 20 * number)
        logs = run_folder() / "logs"
        logs.mkdir(exist_ok=True)
        return cls(
            database=database,
            port=port,
            web=Child("web", web_command(host=HOST, port=port), environment, log=logs / f"web-{database}.log"),
            worker=Child(
                "worker",
                worker_command(concurrency=1, name=database),
                {**environment, **WORKER_ENVIRONMENT},
                log=logs / f"worker-{database}.log",
            ),
        )

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        self.web.start()
        self.worker.start()
        if not wait_until(lambda: answers(HOST, self.port), seconds=START_SECONDS):
            raise RuntimeError(f"The web server does not answer:\n{self.logs()}")

    def forget_messages(self) -> bool:
        """False where the worker goes on with what it had, which would hold up the next one's jobs."""
        url = str(self.worker.environment["CELERY_BROKER_URL"])
        drop_waiting(url)
        done = wait_until(lambda: not works_on_something(url), seconds=QUIET_SECONDS)
        empty_broker(url)
        return done

    def stop(self) -> None:
        for child in (self.web, self.worker):
            child.kill()

    def logs(self) -> str:
        return "\n".join(
            f"{child.name}:\n{last_lines(child.log, 60)}" for child in (self.web, self.worker) if child.log
        )


def site_environment(database: str, number: int) -> Mapping[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "tests.live_settings",
        "EVALSITE_DATA_DIR": os.environ["EVALSITE_TEST_DIR"],
        "DATABASE_URL": database_url(database),
        "CELERY_BROKER_URL": f"{settings.CELERY_BROKER_URL.partition('?')[0]}?virtual_host={number}",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "JOB_LEASE_SECONDS": "5",
        "PYTHONPATH": str(Path(settings.BASE_DIR)),
        "LOG_FORMAT": "line",
    }


def database_url(name: str) -> str:
    found = connections.settings["default"]
    login = quote(found["USER"], safe="") + (f":{quote(found['PASSWORD'], safe='')}" if found["PASSWORD"] else "")
    port = f"&port={found['PORT']}" if found["PORT"] else ""
    return f"postgresql://{login}@/{name}?host={quote(found['HOST'], safe='')}{port}"


def empty_broker(url: str) -> None:
    for link in broker(url):
        link.flushdb()


def drop_waiting(url: str) -> None:
    for link in broker(url):
        link.delete(*(queue.name for queue in settings.CELERY_TASK_QUEUES))


def works_on_something(url: str) -> bool:
    """Messages are acknowledged when their task is over."""
    return any(link.hlen("unacked") for link in broker(url))


def broker(url: str) -> Iterator[redis.Redis]:
    """The run's own; none where it was given from outside."""
    path, _, number = url.removeprefix("redis+socket://").partition("?virtual_host=")
    if path.startswith("/"):
        with redis.Redis(unix_socket_path=path, db=int(number)) as link:
            yield link


def collect_static_files(environment: Mapping[str, str]) -> None:
    with one_at_a_time("static.lock"):
        if not (run_folder() / "static" / "staticfiles.json").exists():
            storages = {"staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}}
            with override_settings(STORAGES=storages):
                call_command("collectstatic", verbosity=0, interactive=False)
