"""The system user that the servers run as: ourselves, or for root somebody with fewer rights."""

import os
import pwd
import stat
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from evalsite.platform.embedded.errors import EmbeddedError


@dataclass(frozen=True)
class Owner:
    uid: int
    gid: int
    is_other: bool

    @classmethod
    def of_this_process(cls) -> "Owner":
        return _owner(os.geteuid(), os.getegid())

    @property
    def subprocess_arguments(self) -> dict[str, Any]:
        if not self.is_other:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        if self.is_other:
            os.chown(path, self.uid, self.gid)

    def give_tree(self, top: Path) -> None:
        if self.is_other:
            for folder, _, files in os.walk(top):
                os.chown(folder, self.uid, self.gid)
                for file in files:
                    os.chown(Path(folder) / file, self.uid, self.gid, follow_symlinks=False)

    def reaches(self, path: Path) -> bool:
        """Whether this user may pass through the path and every folder above it."""
        if not self.is_other:
            return True
        return all(self._passes(folder) for folder in (path, *path.parents) if folder.exists())

    def _passes(self, folder: Path) -> bool:
        found = folder.stat()
        if found.st_uid == self.uid:
            return bool(found.st_mode & stat.S_IXUSR)
        if found.st_gid == self.gid:
            return bool(found.st_mode & stat.S_IXGRP)
        return bool(found.st_mode & stat.S_IXOTH)


@cache
def _owner(uid: int, gid: int) -> Owner:
    if uid != 0:
        return Owner(uid=uid, gid=gid, is_other=False)
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return Owner(uid=found.pw_uid, gid=found.pw_gid, is_other=True)
    raise EmbeddedError("PostgreSQL refuses to run as root, and there is no user postgres or nobody: create one.")
