"""Both servers together, one supervisor per data folder."""

import fcntl
import os
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import IO, Self
from urllib.parse import quote

from evalsite.platform.embedded.errors import EmbeddedError
from evalsite.platform.embedded.owner import Owner
from evalsite.platform.embedded.paths import Paths
from evalsite.platform.embedded.postgres import DATABASE, USER, Postgres
from evalsite.platform.embedded.valkey import Valkey


def database_url(data_dir: Path | str, *, name: str = DATABASE) -> str:
    return f"postgresql://{USER}@/{name}?host={quote(str(Paths.of(data_dir).sockets), safe='')}"


def broker_url(data_dir: Path | str) -> str:
    return f"redis+socket://{Paths.of(data_dir).sockets / 'valkey.sock'}"


@dataclass
class Servers:
    """The running servers of one data folder; the lock keeps a second supervisor out."""

    paths: Paths
    owner: Owner
    durable: bool
    lock: IO[str]
    children: dict[str, Popen[bytes]] = field(default_factory=dict)

    @classmethod
    def start(cls, data_dir: Path | str, *, durable: bool = True, postgres: bool = True, valkey: bool = True) -> Self:
        paths, owner = Paths.of(data_dir), Owner.of_this_process()
        paths.make(owner)
        servers = cls(paths=paths, owner=owner, durable=durable, lock=take_lock(paths.lock))
        try:
            if postgres:
                servers.start_postgres()
            if valkey:
                servers.start_valkey()
        except BaseException:
            servers.stop()
            raise
        return servers

    @property
    def postgres(self) -> Postgres:
        return Postgres(paths=self.paths, owner=self.owner, durable=self.durable)

    @property
    def valkey(self) -> Valkey:
        return Valkey(paths=self.paths, owner=self.owner)

    def start_postgres(self) -> None:
        self.children["postgres"] = self.postgres.start()

    def start_valkey(self) -> None:
        self.children["valkey"] = self.valkey.start()

    def dead(self) -> list[str]:
        return [name for name, child in self.children.items() if child.poll() is not None]

    def restart(self, name: str) -> None:
        self.children[name].poll()
        {"postgres": self.start_postgres, "valkey": self.start_valkey}[name]()

    def stop(self) -> None:
        if "valkey" in self.children:
            self.valkey.stop()
        if "postgres" in self.children:
            self.postgres.stop()
        for child in self.children.values():
            child.wait()
        self.children.clear()
        self.lock.close()


def take_lock(path: Path) -> IO[str]:
    """Held while the supervisor lives, by the kernel: a kill -9 releases it."""
    lock = path.open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        holder = lock.read().strip()
        lock.close()
        raise EmbeddedError(
            f"{path.parent} is already in use by process {holder}: use that one, stop it with Ctrl-C in its window, "
            "or set EVALSITE_DATA_DIR to another folder."
        ) from None
    lock.seek(0)
    lock.truncate()
    lock.write(str(os.getpid()))
    lock.flush()
    return lock
