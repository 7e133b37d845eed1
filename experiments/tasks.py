"""Background work of this app: each handler calls one service and may run twice."""

from typing import Any
from uuid import UUID

from evalsite.platform.jobs import JobRun, handler
from experiments.services import import_checking, import_committing


@handler("experiments.check_import")
def check_import(run: JobRun, *, import_id: str) -> None:
    import_checking.run_check(run, import_id=UUID(import_id))


@handler("experiments.commit_import")
def commit_import(run: JobRun, *, import_id: str) -> dict[str, Any] | None:
    return import_committing.run_commit(run, import_id=UUID(import_id))
