"""All that checks warned of a set: kept with its version, or found in a training file that came once it stood."""

from typing import Any

from experiments.models import EvalSet, FileImport

TRAINED_ON = "trained_on"
ROWS_TOLD = 1000


def told_of(eval_set: EvalSet) -> list[dict[str, Any]]:
    """A version never changes, so what a later import of the same cases found stays with that import."""
    own = eval_set.warnings
    return [*own, *(each for each in map(overlaps_of, later_imports(eval_set)) if each["n"] and each not in own)]


def later_imports(eval_set: EvalSet) -> list[FileImport]:
    done = eval_set.imports.filter(status=FileImport.Status.DONE, second_upload__isnull=False)
    found = done.filter(kind=FileImport.Kind.EVAL_SET, committed_at__gt=eval_set.created_at)
    return list(found.select_related("second_upload").order_by("committed_at"))


def overlaps_of(found: FileImport) -> dict[str, Any]:
    checked = (found.findings or {}).get("checked", {})
    rows = found.problems.filter(severity="warning", kind=TRAINED_ON).order_by("id").values("row", "reason")
    return {
        "kind": TRAINED_ON,
        "n": checked.get("n_overlaps", 0),
        "rows": list(rows[:ROWS_TOLD]),
        "training_file": found.second_upload.filename if found.second_upload else "",
        "overlaps": checked.get("overlaps", []),
    }
