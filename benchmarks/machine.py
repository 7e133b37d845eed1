"""What a figure was measured on: a figure without it means nothing."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path


def description() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}, {cores()} cores, {memory_gb():.0f} GB, {system()}, commit {commit()}"


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def system() -> str:
    return f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"


def commit() -> str:
    here = Path(__file__).resolve().parent
    shown = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True, check=False
    )
    return shown.stdout.strip() or "unknown"
