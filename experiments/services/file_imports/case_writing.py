"""Cases of an eval set on their way into the tables, and the version of the set they hang on."""

from collections.abc import Sequence
from struct import Struct
from typing import Any

from django.db import connection
from django.db.models import Max

from evalsite.platform.jobs import JobFailed
from experiments.importers.eval_sets import check
from experiments.importers.eval_sets.cases import Case
from experiments.importers.eval_sets.digest import with_scorers
from experiments.importers.eval_sets.mapping import CaseMapping
from experiments.importers.pair_rows import jsonb, text
from experiments.importers.problems import Unreadable
from experiments.models import EvalSet, FileImport
from experiments.services import import_rows as rows
from experiments.services.file_imports.shapes import Writing, refuse_problem
from experiments.services.reading_ahead import ahead

COPY_CASES = f"COPY experiments_evalcase ({rows.CASE_COLUMNS}, checks) FROM STDIN (FORMAT BINARY)"
# Number of fields, then each field as its length and its value: int8, int8, int4.
CASE_START = Struct("!hiqiqii").pack
FEW = 1000
WARNINGS_KEPT = 1000


def write(writing: Writing[Any], mapping: CaseMapping, *, name: str, description: str, scorers: list[Any]) -> EvalSet:
    """The version of that content, made now unless it is there. Raises JobFailed."""
    found = writing.file_import
    content = with_scorers((found.findings or {})["checked"]["cases_hash"], scorers)
    if known := EvalSet.objects.filter(content_hash=content).first():
        return known
    last = EvalSet.objects.filter(name=name).aggregate(last=Max("version"))["last"] or 0
    made = EvalSet.objects.create(
        name=name,
        version=last + 1,
        content_hash=content,
        n_cases=found.n_rows,
        description=description,
        scorers=scorers,
        categories=(found.findings or {})["checked"]["categories"],
        warnings=warnings_of(found),
        created_by=found.created_by,
        created_at=writing.now,
    )
    write_cases(writing, mapping, made)
    return made


def write_cases(writing: Writing[Any], mapping: CaseMapping, eval_set: EvalSet) -> None:
    run, wanted = writing.run, writing.file_import.n_rows
    done = 0
    cases = check.read_cases(writing.sources[0], mapping=mapping, report=refuse_problem)
    try:
        for batch in ahead(rows.batches(cases)):
            ids = rows.new_case_ids(len(batch))
            copy_batch(eval_set.pk, done, ids, batch)
            done += len(batch)
            run.progress(done, wanted, "writing cases")
    except Unreadable as problem:
        refuse_problem(problem.problem())
    if done != wanted:
        raise JobFailed(f"The dry run found {wanted:,} cases, now there are {done:,}: check the file again.")
    if done > FEW:
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE experiments_evalcase (id, eval_set_id, position, category)")


def copy_batch(eval_set_id: int, start: int, ids: Sequence[int], batch: Sequence[Case]) -> None:
    numbered = enumerate(zip(ids, batch, strict=True), start=start)
    rows.copy(COPY_CASES, (case_row(case_id, eval_set_id, place, case) for place, (case_id, case) in numbered))


def case_row(case_id: int, eval_set_id: int, position: int, case: Case) -> bytes:
    return b"".join(
        (
            CASE_START(13, 8, case_id, 8, eval_set_id, 4, position),
            *map(text, (case.id, case.system)),
            jsonb(case.turns),
            *map(text, (case.prompt, case.expected, case.category)),
            jsonb(case.tags),
            text(case.cluster),
            jsonb(case.metadata),
            jsonb(case.checks),
        )
    )


def warnings_of(found: FileImport) -> list[dict[str, Any]]:
    """By kind: how many there are, and the rows of the first; the cases of the training file with both rows."""
    checked = (found.findings or {}).get("checked", {})
    counts = (found.findings or {}).get("kinds", {}).get("warning", {})
    kept = []
    for kind, n in counts.items():
        told = found.problems.filter(severity="warning", kind=kind).order_by("id").values("row", "reason")
        one: dict[str, Any] = {"kind": kind, "n": n, "rows": list(told[:WARNINGS_KEPT])}
        if kind == "trained_on" and found.second_upload:
            one |= {"training_file": found.second_upload.filename, "overlaps": checked.get("overlaps", [])}
        kept.append(one)
    return kept
