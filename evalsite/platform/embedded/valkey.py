"""The embedded Valkey, the message broker: queued messages outlive kill -9, and rows outlive even a lost queue."""

import logging
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from evalsite.platform.embedded import processes
from evalsite.platform.embedded.errors import EmbeddedError
from evalsite.platform.embedded.owner import Owner
from evalsite.platform.embedded.paths import Paths
from evalsite.platform.embedded.programs import find_valkey

logger = logging.getLogger(__name__)

START_SECONDS = 30.0


@dataclass(frozen=True)
class Valkey:
    paths: Paths
    owner: Owner

    def start(self) -> subprocess.Popen[bytes]:
        self.stop()
        server = self.launch()
        if server is None:
            self.set_queue_aside()
            server = self.launch()
        if server is None:
            raise EmbeddedError(
                f"Valkey did not start. Its last words, from {self.paths.valkey_log}:\n"
                f"{processes.last_lines(self.paths.valkey_log)}\n"
                "If that does not help, point CELERY_BROKER_URL at a Valkey, Redis or RabbitMQ of your own."
            )
        return server

    def launch(self) -> subprocess.Popen[bytes] | None:
        socket_file = self.paths.sockets / "valkey.sock"
        socket_file.unlink(missing_ok=True)
        server = processes.start(
            self.command(), owner=self.owner, log=self.paths.valkey_log, last_signal=processes.PLAIN_STOP[0]
        )
        deadline = time.monotonic() + START_SECONDS
        while server.poll() is None and time.monotonic() < deadline:
            if self.answers():
                self.pid_file.write_text(str(server.pid))
                return server
            time.sleep(0.03)
        server.kill()
        server.wait()
        return None

    def command(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self.paths.sockets / "valkey.sock"),
            "unixsocketperm": "700",
            "dir": str(self.paths.queue),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "daemonize": "no",
            # The command line stays as it is, so that it names the folder it works on.
            "set-proc-title": "no",
            "loglevel": "notice",
        }
        options = [part for name, value in settings.items() for part in (f"--{name}", value)]
        return [str(find_valkey(self.paths, self.owner)), *options]

    def answers(self) -> bool:
        """PONG, and not LOADING."""
        try:
            with socket.socket(socket.AF_UNIX) as link:
                link.settimeout(2)
                link.connect(str(self.paths.sockets / "valkey.sock"))
                link.sendall(b"PING\r\n")
                return link.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def set_queue_aside(self) -> None:
        """An unreadable queue costs nothing but a sweep: the database knows every job."""
        aside = self.paths.queue.with_name(f"valkey-unreadable-{int(time.time())}")
        logger.warning(
            "Valkey cannot read its queue; it is kept as %s, and the jobs are woken from the database", aside
        )
        self.paths.queue.rename(aside)
        self.paths.queue.mkdir(mode=0o700)
        self.owner.give(self.paths.queue)

    @property
    def pid_file(self) -> Path:
        return self.paths.home / "valkey.pid"

    def stop(self) -> None:
        pid = processes.first_pid_in(self.pid_file)
        if pid and not processes.stop(pid, signals=processes.PLAIN_STOP, recognise=str(self.paths.queue)):
            raise EmbeddedError(f"An earlier Valkey (process {pid}) on {self.paths.queue} cannot be stopped.")
        self.pid_file.unlink(missing_ok=True)
