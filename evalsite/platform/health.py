"""Whether this installation can do its work: database, migrations, broker, worker, disk."""

import shutil
from collections.abc import Callable
from datetime import datetime

from celery import current_app
from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from kombu.exceptions import OperationalError as BrokerError

from evalsite.platform.models import Sweep

LEAST_FREE_BYTES = 500 * 1024 * 1024


def readiness(*, now: datetime) -> dict[str, str]:
    """Each part and "ok" or what is wrong with it, in words."""
    checks: dict[str, Callable[[], str]] = {
        "database": database,
        "migrations": migrations,
        "broker": broker,
        "worker": lambda: worker(now=now),
        "disk": disk,
    }
    return {name: outcome(check) for name, check in checks.items()}


def outcome(check: Callable[[], str]) -> str:
    try:
        return check()
    except (Error, BrokerError, OSError) as error:
        return f"does not answer ({type(error).__name__})"


def database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


def migrations() -> str:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return f"{len(plan)} not applied: run manage.py migrate" if plan else "ok"


def broker() -> str:
    with current_app.connection_for_write() as link:
        link.ensure_connection(max_retries=1, timeout=3)
    return "ok"


def worker(*, now: datetime) -> str:
    if Sweep.objects.workers_alive(now=now):
        return "ok"
    return "no worker has swept lately: start one with celery -A evalsite worker --beat"


def sweep_age(*, now: datetime) -> float | None:
    """Seconds since a worker last swept; None when none ever did, or when nobody can be asked."""
    try:
        last = Sweep.objects.first()
    except Error:
        return None
    return (now - last.at).total_seconds() if last else None


def disk() -> str:
    free = shutil.disk_usage(settings.DATA_DIR).free
    return "ok" if free > LEAST_FREE_BYTES else f"only {free // 2**20} MB free"
