"""Runs the short version of a proof as `make prove` runs it: in a process, a folder and servers of its own."""

import os
import subprocess
import sys

from django.conf import settings

OURS = {"EVALSITE_TEST_DIR", "EVALSITE_DATA_DIR", "DJANGO_SETTINGS_MODULE", "DATABASE_URL", "CELERY_BROKER_URL"}


def run_short(name: str, *, seconds: float = 540) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.prove", "--short", name],
        cwd=settings.BASE_DIR,
        env={key: value for key, value in os.environ.items() if key not in OURS},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
