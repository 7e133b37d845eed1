"""The embedded PostgreSQL: a data folder that is whole or absent, and a server on a Unix socket only."""

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from evalsite.platform.embedded import processes
from evalsite.platform.embedded.errors import EmbeddedError
from evalsite.platform.embedded.owner import Owner
from evalsite.platform.embedded.paths import Paths
from evalsite.platform.embedded.programs import PostgresPrograms, find_postgres

USER = "evalsite"
DATABASE = "evalsite"
START_SECONDS = 60.0
SMALLEST_SHARED_MEMORY = 256 * 1024 * 1024

# What a first attempt meets while the last server's children are still going away.
PASSING_TROUBLE = ("pre-existing shared memory block", "is already in use", "another postmaster", "already exists")

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "150",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Postgres:
    paths: Paths
    owner: Owner
    durable: bool

    def start(self) -> subprocess.Popen[bytes]:
        """Stop what still runs on this folder, then start afresh as our child and make the database."""
        self.stop()
        programs = find_postgres(self.paths, self.owner, major=cluster_version(self.paths.cluster))
        if not (self.paths.cluster / "PG_VERSION").exists():
            self.initialise(programs)
        server = self.launch(programs)
        self.make_database()
        return server

    def initialise(self, programs: PostgresPrograms) -> None:
        """initdb beside the final place: a data folder under its own name is always complete."""
        half = self.paths.cluster.with_name("postgresql.half")
        shutil.rmtree(half, ignore_errors=True)
        command = [str(programs.initdb), "-D", str(half), "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C"]
        if programs.major >= 17:
            command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if not self.durable:
            command.append("--no-sync")
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd="/", **self.owner.subprocess_arguments
        )
        if done.returncode:
            raise EmbeddedError(f"PostgreSQL could not make its data folder {half}:\n{done.stdout}{done.stderr}")
        half.replace(self.paths.cluster)

    def launch(self, programs: PostgresPrograms) -> subprocess.Popen[bytes]:
        """Start until it answers; wait for an earlier server's last children, say why when it is anything else."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            self.forget_stale_locks()
            log_start = self.paths.postgres_log.stat().st_size if self.paths.postgres_log.exists() else 0
            server = processes.start(
                self.command(programs),
                owner=self.owner,
                log=self.paths.postgres_log,
                last_signal=processes.FAST_STOP[0],
            )
            if self.becomes_ready(server, deadline):
                return server
            said = tail_after(self.paths.postgres_log, log_start)
            passing = any(trouble in said for trouble in PASSING_TROUBLE)
            if server.poll() is None or not passing or time.monotonic() > deadline:
                server.kill()
                server.wait()
                raise EmbeddedError(
                    f"PostgreSQL did not start on {self.paths.cluster}. The end of {self.paths.postgres_log}:\n"
                    f"{processes.last_lines(self.paths.postgres_log)}\n{advice(said)}"
                )
            time.sleep(0.3)

    def command(self, programs: PostgresPrograms) -> list[str]:
        settings = {**SETTINGS, "unix_socket_directories": str(self.paths.sockets), **shared_memory()}
        if not self.durable:
            settings |= NOT_DURABLE
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(programs.server), "-D", str(self.paths.cluster), *options]

    def becomes_ready(self, server: subprocess.Popen[bytes], deadline: float) -> bool:
        while server.poll() is None and time.monotonic() < deadline:
            if self.answers():
                return True
            time.sleep(0.05)
        return False

    def answers(self) -> bool:
        try:
            with self.connect("postgres"):
                return True
        except psycopg.OperationalError:
            return False

    def connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.paths.sockets), user=USER, dbname=database, autocommit=True, connect_timeout=5
        )

    def make_database(self) -> None:
        with self.connect("postgres") as link:
            if not link.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                link.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def stop(self) -> None:
        pid = self.running_pid()
        if pid and not processes.stop(pid, signals=processes.FAST_STOP, recognise=str(self.paths.cluster)):
            raise EmbeddedError(f"An earlier PostgreSQL (process {pid}) on {self.paths.cluster} cannot be stopped.")

    def running_pid(self) -> int | None:
        pid = processes.first_pid_in(self.paths.cluster / "postmaster.pid")
        return pid if pid and str(self.paths.cluster) in processes.command_of(pid) else None

    def forget_stale_locks(self) -> None:
        """A lock names a process; after a restart of the machine that number may belong to anybody."""
        for lock in (self.paths.cluster / "postmaster.pid", self.paths.sockets / ".s.PGSQL.5432.lock"):
            pid = processes.first_pid_in(lock)
            if lock.exists() and (pid is None or str(self.paths.cluster) not in processes.command_of(pid)):
                lock.unlink(missing_ok=True)


def cluster_version(cluster: Path) -> int | None:
    try:
        return int((cluster / "PG_VERSION").read_text())
    except (FileNotFoundError, ValueError):
        return None


def shared_memory() -> Mapping[str, str]:
    """Containers often have 64 MB of /dev/shm, too little for a parallel query."""
    try:
        room = os.statvfs("/dev/shm")  # noqa: S108 - asked for its size only
    except OSError:
        return {"dynamic_shared_memory_type": "mmap"}
    small = room.f_bavail * room.f_frsize < SMALLEST_SHARED_MEMORY
    return {"dynamic_shared_memory_type": "mmap"} if small else {}


def tail_after(log: Path, position: int) -> str:
    with log.open("rb") as file:
        file.seek(position)
        return file.read().decode(errors="replace")


def advice(said: str) -> str:
    if "No space left" in said:
        return "The disk is full: free some space and start again."
    if "Permission denied" in said:
        return "Files in that folder belong to another user: start as that user, or set EVALSITE_DATA_DIR elsewhere."
    if "incompatible" in said:
        return "The data was made by another PostgreSQL version: point DATABASE_URL at a server of that version."
    return "If that does not help, point DATABASE_URL at a PostgreSQL of your own."
