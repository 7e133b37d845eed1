"""Where the embedded servers keep their files and listen, from the data folder alone."""

import hashlib
import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from evalsite.platform.embedded.errors import EmbeddedError
from evalsite.platform.embedded.owner import Owner

# A Unix socket's whole path must fit into 107 bytes on Linux and 103 on macOS.
LONGEST_SOCKET_PATH = 103
SOCKET_NAMES = (".s.PGSQL.5432.lock", "valkey.sock")


def default_data_dir(base_dir: Path) -> Path:
    return base_dir / "var"


@dataclass(frozen=True)
class Paths:
    """`data` is the site's own folder, `home` the servers', `sockets` where they listen."""

    data: Path
    home: Path
    sockets: Path

    @classmethod
    def of(cls, data_dir: Path | str) -> "Paths":
        data = Path(data_dir).absolute()
        name = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:12]
        owner = Owner.of_this_process()
        # Root's servers run as somebody else, who may not be able to reach a checkout below a closed /root.
        home = data / "servers" if owner.reaches(data.parent) else Path("/var/lib") / f"evalsite-{name}"
        sockets = home / "sockets"
        if max(len(os.fsencode(sockets / file)) for file in SOCKET_NAMES) > LONGEST_SOCKET_PATH:
            sockets = Path("/tmp") / f"evalsite-{os.geteuid()}-{name}"  # noqa: S108 - private_folder() checks its owner
        return cls(data=data, home=home, sockets=sockets)

    @property
    def cluster(self) -> Path:
        return self.home / "postgresql"

    @property
    def queue(self) -> Path:
        return self.home / "valkey"

    @property
    def programs(self) -> Path:
        return self.home / "programs"

    @property
    def postgres_log(self) -> Path:
        return self.data / "logs" / "postgresql.log"

    @property
    def valkey_log(self) -> Path:
        return self.data / "logs" / "valkey.log"

    @property
    def lock(self) -> Path:
        return self.data / "servers.lock"

    def make(self, owner: Owner) -> None:
        """Create what is missing; refuse a folder that somebody else could have put there."""
        for folder in (self.data, self.data / "logs"):
            folder.mkdir(parents=True, exist_ok=True)
        if owner.is_other:
            # The server's user passes through, but lists nothing.
            self.data.chmod(self.data.stat().st_mode | 0o011)
        self.set_strangers_home_aside()
        private_folder(self.home, owner)
        private_folder(self.sockets, owner)
        private_folder(self.queue, owner)

    def set_strangers_home_aside(self) -> None:
        """A home outside the data folder outlives it; a new data folder of the same path must not inherit it."""
        if self.home.is_relative_to(self.data):
            return
        mark = self.data / "servers-home"
        if not mark.exists() and self.home.exists():
            self.home.rename(self.home.with_name(f"{self.home.name}-left-{int(time.time())}"))
        mark.write_text(f"{self.home}\n")


def private_folder(folder: Path, owner: Owner) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True)
        owner.give(folder)
    except FileExistsError:
        pass
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {owner.uid, os.geteuid()}:
        raise EmbeddedError(
            f"{folder} belongs to another user (uid {found.st_uid}). Start as that user, or remove the folder, "
            "or choose another place with EVALSITE_DATA_DIR."
        )
    if found.st_uid != owner.uid:
        owner.give(folder)
    folder.chmod(0o700)
