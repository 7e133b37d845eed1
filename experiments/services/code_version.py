"""Which code decided: the release, the commit where it is known, and a hash of the files that hold the rule."""

import hashlib
import tomllib
from functools import cache
from pathlib import Path

from django.conf import settings

RULE = ("experiments/go_no_go.py", "experiments/policy.py", "experiments/deciding")


@cache
def code_version() -> str:
    """ "0.1.0, commit 84ef97e1c2d3, rule 5f2c…"; the commit is left out where the code came without its history."""
    root = Path(settings.BASE_DIR)
    release = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    commit = commit_of(root / ".git")
    parts = [release, *([f"commit {commit[:12]}"] if commit else []), f"rule {rule_hash(root)[:16]}"]
    return ", ".join(parts)


def rule_hash(root: Path) -> str:
    """Of the files' names and bytes."""
    found = hashlib.sha256()
    for name in RULE:
        place = root / name
        for path in sorted(place.glob("*.py")) if place.is_dir() else [place]:
            found.update(path.relative_to(root).as_posix().encode() + b"\x00" + path.read_bytes() + b"\x00")
    return found.hexdigest()


def commit_of(folder: Path) -> str:
    """Read from the files of the repository, since git itself may not be there."""
    if folder.is_file():  # a linked working tree
        folder = Path(folder.read_text().removeprefix("gitdir:").strip())
    try:
        head = (folder / "HEAD").read_text().strip()
        return ref_of(folder, head.removeprefix("ref: ")) if head.startswith("ref: ") else head
    except OSError:
        return ""


def ref_of(folder: Path, name: str) -> str:
    common = folder / "commondir"
    home = (folder / common.read_text().strip()).resolve() if common.exists() else folder
    if (home / name).exists():
        return (home / name).read_text().strip()
    packed = home / "packed-refs"
    lines = packed.read_text().splitlines() if packed.exists() else []
    return next((line.split(" ")[0] for line in lines if line.endswith(f" {name}")), "")
