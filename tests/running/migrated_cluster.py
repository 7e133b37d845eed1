"""A migrated PostgreSQL folder, made once per run, for those that start servers of their own."""

import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings

from evalsite.platform.embedded import Paths
from tests.running.servers import one_at_a_time, run_folder

OURS = {"EVALSITE_TEST_DIR", "EVALSITE_DATA_DIR", "DJANGO_SETTINGS_MODULE", "DATABASE_URL", "CELERY_BROKER_URL"}


def migrated_cluster() -> Path:
    home = run_folder() / "migrated"
    complete = home / "complete"
    with one_at_a_time("migrated.lock"):
        if not complete.exists():
            subprocess.run(
                [sys.executable, "-m", "benchmarks.migrated", str(home)],
                cwd=settings.BASE_DIR,
                env=without_our_folders(),
                check=True,
            )
            complete.touch()
    return Paths.of(home).cluster


def without_our_folders() -> dict[str, str]:
    """The environment of a process that has servers of its own."""
    return {name: value for name, value in os.environ.items() if name not in OURS}
