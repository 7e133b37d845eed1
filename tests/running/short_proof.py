"""Runs the short version of a proof as `make prove` runs it: in a process, a folder and servers of its own."""

import subprocess
import sys

from django.conf import settings

from benchmarks.migrated import GIVEN
from tests.running.migrated_cluster import migrated_cluster, without_our_folders


def run_short(name: str, *, seconds: float = 540) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.prove", "--short", name],
        cwd=settings.BASE_DIR,
        env={**without_our_folders(), GIVEN: str(migrated_cluster())},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
