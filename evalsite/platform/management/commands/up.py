"""`manage.py up`: the whole site on this machine, in the foreground, until Ctrl-C."""

import os
import shutil
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection, connections

from evalsite.platform.embedded import EmbeddedError, Servers
from evalsite.platform.embedded.processes import wait_until
from evalsite.platform.supervision.child import Child
from evalsite.platform.supervision.site import WORKER_ENVIRONMENT, answers, free_port, web_command, worker_commands
from evalsite.platform.supervision.supervisor import Supervisor, ToldToStop, listen_for_signals, say

FIRST_ANSWER_SECONDS = 60.0


class Command(BaseCommand):
    help = "Start database, broker, web server and worker, and keep them running until Ctrl-C."
    # The database may not exist yet; migrate runs the checks.
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
        parser.add_argument("--port", type=int, default=8000, help="first port to try (default: %(default)s)")
        parser.add_argument(
            "--concurrency", type=int, default=2, help="long jobs worked on at once (default: %(default)s)"
        )

    def handle(self, *args: Any, host: str, port: int, concurrency: int, **options: Any) -> None:
        listen_for_signals()
        supervisor = Supervisor(servers=None, children=[])
        try:
            supervisor.servers = start_servers()
            prepare_database()
            self.prepare_content()
            port = choose_port(host, port)
            supervisor.children = [
                Child("web", web_command(host=host, port=port)),
                *(
                    Child(f"worker-{name}", command, WORKER_ENVIRONMENT)
                    for name, command in worker_commands(concurrency=concurrency).items()
                ),
            ]
            supervisor.start()
            if not wait_until(lambda: answers(host, port), seconds=FIRST_ANSWER_SECONDS):
                raise CommandError("The web server does not answer: its lines above say why.")
            self.announce(f"http://{host}:{port}/")
            supervisor.watch_forever()
        except ToldToStop as reason:
            say(f"up     | {reason}: stopping everything that was started here ...")
        except EmbeddedError as error:
            raise CommandError(str(error)) from None
        finally:
            supervisor.stop()
        say("up     | stopped; the data stays where it is")

    def prepare_content(self) -> None:
        """What must be there before the first visitor; nothing for an empty site."""

    def announce(self, address: str) -> None:
        say(f"\nEvalsite is at {address}   (Ctrl-C stops it)")
        say("Make the first account with: manage.py create_user NAME --role admin\n")


def start_servers() -> Servers | None:
    postgres, valkey = not os.environ.get("DATABASE_URL"), not os.environ.get("CELERY_BROKER_URL")
    if not postgres and not valkey:
        return None
    say(f"up     | starting the servers in {settings.DATA_DIR}")
    servers = Servers.start(settings.DATA_DIR, postgres=postgres, valkey=valkey)
    renew_temporary_folder(settings.DATA_DIR / "tmp")
    return servers


def renew_temporary_folder(folder: Path) -> None:
    """A worker killed with -9 cannot remove its copy of an upload; we hold the folder's lock, so nobody uses them."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    os.environ["TMPDIR"] = str(folder)


def prepare_database() -> None:
    try:
        connection.ensure_connection()
    except OperationalError as error:
        raise CommandError(f"The database of DATABASE_URL does not answer: {error}") from None
    say("up     | bringing the database up to date")
    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    connections.close_all()


def choose_port(host: str, wanted: int) -> int:
    try:
        port = free_port(host, wanted)
    except OSError as error:
        raise CommandError(str(error)) from None
    if port != wanted:
        say(f"up     | port {wanted} is taken by another program; using {port}")
    return port
