"""A migrated database to copy, since migrating takes longer than much of what is measured on it.

`python -m benchmarks.migrated FOLDER` makes a data folder that holds one; EVALSITE_BENCH_CLUSTER names its cluster to
those that are to begin with a copy.
"""

import os
import shutil
import sys
from pathlib import Path

from psycopg import sql

from evalsite.platform.embedded import Paths, Servers
from evalsite.platform.embedded.owner import Owner
from evalsite.platform.embedded.postgres import DATABASE

MIGRATED = f"{DATABASE}_migrated"
GIVEN = "EVALSITE_BENCH_CLUSTER"
COPY = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
OURS, KEPT = sql.Identifier(DATABASE), sql.Identifier(MIGRATED)


def take_given_cluster(folder: Path) -> None:
    """Where one is given and the folder has none yet."""
    if (given := os.environ.get(GIVEN)) and not Paths.of(folder).cluster.exists():
        copy_cluster(Path(given), folder)


def copy_cluster(source: Path, folder: Path) -> None:
    """Of servers that are stopped, into a data folder without any."""
    paths, owner = Paths.of(folder), Owner.of_this_process()
    paths.make(owner)
    shutil.copytree(source, paths.cluster)
    owner.give_tree(paths.cluster)


def renew_database(servers: Servers) -> None:
    """Empty and migrated, whatever was in it."""
    from django.core.management import call_command
    from django.db import connections

    connections.close_all()
    with servers.postgres.connect("postgres") as link:
        link.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(OURS))
        is_kept = link.execute("SELECT 1 FROM pg_database WHERE datname = %s", [MIGRATED]).fetchone()
        if is_kept:
            link.execute(COPY.format(OURS, KEPT))
            return
    servers.postgres.make_database()
    call_command("migrate", verbosity=0)
    connections.close_all()
    with servers.postgres.connect("postgres") as link:
        link.execute(COPY.format(KEPT, OURS))


def main(folder: Path) -> None:
    os.environ["EVALSITE_DATA_DIR"] = str(folder)
    os.environ["DJANGO_SETTINGS_MODULE"] = "evalsite.settings"

    import django

    django.setup()
    servers = Servers.start(folder, valkey=False)
    try:
        renew_database(servers)
    finally:
        servers.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
