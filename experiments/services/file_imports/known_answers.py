"""Known answers that come with a file of pairs."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection

from experiments.importers.pairs import Pair
from experiments.models import Experiment, FileImport, GoldAnswer

COPY = (
    "COPY experiments_goldanswer (experiment_id, case_id, answer, source, reason, created_by_id, created_at) FROM STDIN"
)


def write(
    *, experiment: Experiment, file_import: FileImport, ids: Sequence[int], batch: Sequence[Pair], now: datetime
) -> None:
    rows = [(case_id, pair.gold) for case_id, pair in zip(ids, batch, strict=True) if pair.gold]
    if not rows:
        return
    reason = f"from {file_import.upload.filename}"
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(COPY) as copy:
        for case_id, answer in rows:
            copy.write_row(
                (experiment.pk, case_id, answer, GoldAnswer.Source.IMPORT.value, reason, file_import.created_by_id, now)
            )
