"""The import itself as a job: everything in one transaction, or nothing."""

from collections.abc import Sequence
from datetime import datetime
from itertools import count
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max

from evalsite.platform import audit
from evalsite.platform.jobs import JobFailed, JobRun
from experiments.importers import check
from experiments.importers.problems import Problem, Severity, Unreadable
from experiments.importers.source import Source
from experiments.models import EvalSet, Experiment, ExperimentSuite, ModelVersion, Output, PairImport
from experiments.services import import_rows, imports, uploads
from experiments.services.import_checking import opened
from experiments.services.imports import Options, locked, mapping_of
from experiments.services.reading_ahead import ahead

ONE_COMMIT_AT_A_TIME = 0x45564902
FEW = 1000
COUNT_REFERENCES = """
SELECT output.model_version_id, count(*)
FROM experiments_output AS output JOIN experiments_evalcase AS evalcase ON evalcase.id = output.case_id
WHERE evalcase.eval_set_id = %s AND output.model_version_id = ANY(%s)
GROUP BY output.model_version_id
"""


def run_commit(run: JobRun, *, import_id: UUID, now: datetime) -> dict[str, object] | None:
    pair_import = PairImport.objects.select_related("upload", "second_upload").get(pk=import_id)
    if pair_import.status != PairImport.Status.COMMITTING:
        return None
    try:
        with opened(pair_import, run) as sources:
            readable = [each for each in sources if isinstance(each, Source)]
            result = commit(run, pair_import, readable, now=now)
    except JobFailed as failure:
        PairImport.objects.filter(pk=import_id, status=PairImport.Status.COMMITTING).update(
            status=PairImport.Status.FAILED, error=str(failure)
        )
        raise
    uploads.drop_bytes(pair_import=pair_import)
    return result


@transaction.atomic
def commit(run: JobRun, pair_import: PairImport, sources: list[Source], *, now: datetime) -> dict[str, object]:
    take_turn(run)
    if earlier := imports.done_before(pair_import):
        PairImport.objects.filter(pk=pair_import.pk).update(status=PairImport.Status.DISCARDED)
        return {"experiment": earlier.experiment_id, "already": True}
    options = Options.of(pair_import)
    try:
        imports.refuse_taken_name(options)
    except imports.ImportRefused as refusal:
        raise JobFailed(str(refusal)) from None
    target = Target(pair_import, options, now)
    write_pairs(run, pair_import, sources, target)
    experiment = target.experiment()
    run.guard()
    finish(pair_import, experiment, now)
    return {"experiment": experiment.pk, "pairs": pair_import.n_pairs}


def take_turn(run: JobRun) -> None:
    """Version numbers and reused sets stay right without retries when imports come one after the other."""
    run.progress(0, None, "waiting for another import to end")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ONE_COMMIT_AT_A_TIME])


class Target:
    """The rows that the pairs will hang on: made, or found because they were imported before."""

    def __init__(self, pair_import: PairImport, options: Options, now: datetime) -> None:
        self.checked = (pair_import.findings or {})["checked"]
        self.pair_import, self.options, self.now = pair_import, options, now
        self.eval_set, self.set_is_new = self.find_or_make_set()
        existing = Experiment.objects.filter(name=options.experiment).select_related("baseline", "candidate").first()
        self.existing = existing
        self.baseline = existing.baseline if existing else self.model(options.baseline_name, "baseline_hash")
        self.candidate = existing.candidate if existing else self.model(options.candidate_name, "candidate_hash")
        self.new_baseline = self.needs_outputs(self.baseline)
        self.new_candidate = self.needs_outputs(self.candidate)

    def find_or_make_set(self) -> tuple[EvalSet, bool]:
        found = EvalSet.objects.filter(content_hash=self.checked["cases_hash"]).first()
        if found:
            return found, False
        name = self.pair_import.upload.filename.rsplit(".", 1)[0][:200] or "imported"
        last = EvalSet.objects.filter(name=name).aggregate(last=Max("version"))["last"] or 0
        made = EvalSet.objects.create(
            name=name,
            version=last + 1,
            content_hash=self.checked["cases_hash"],
            n_cases=self.pair_import.n_pairs,
            created_at=self.now,
        )
        return made, True

    def model(self, name: str, hash_name: str) -> ModelVersion:
        """The same texts to the same cases under the same name are the same version."""
        content_hash = self.checked[hash_name]
        found = ModelVersion.objects.filter(name=name, content_hash=content_hash).first()
        return found or ModelVersion.objects.create(
            name=name, version=free_version(name), content_hash=content_hash, created_at=self.now
        )

    def needs_outputs(self, model_version: ModelVersion) -> bool:
        return (
            self.set_is_new
            or not Output.objects.filter(model_version=model_version, case__eval_set=self.eval_set).exists()
        )

    def experiment(self) -> Experiment:
        experiment = self.existing or Experiment.objects.create(
            name=self.options.experiment,
            baseline=self.baseline,
            candidate=self.candidate,
            created_by=self.pair_import.created_by,
            created_at=self.now,
        )
        ExperimentSuite.objects.get_or_create(
            experiment=experiment, eval_set=self.eval_set, defaults={"role": self.options.role}
        )
        return experiment


def free_version(name: str) -> str:
    taken = set(ModelVersion.objects.filter(name=name).values_list("version", flat=True))
    return next(version for version in map(str, count(1)) if version not in taken)


def write_pairs(run: JobRun, pair_import: PairImport, sources: list[Source], target: Target) -> None:
    """Raises JobFailed when the file now reads differently from its dry run."""
    if target.existing and not (target.new_baseline and target.new_candidate):
        raise JobFailed(f"{target.existing.name!r} has this set of cases already.")
    versions = {
        "baseline": target.baseline.pk if target.new_baseline else None,
        "candidate": target.candidate.pk if target.new_candidate else None,
    }
    done = 0
    pairs = check.read_pairs(sources, mapping=mapping_of(pair_import), report=refuse)
    try:
        for batch in ahead(import_rows.batches(pairs)):
            if target.set_is_new:
                ids: Sequence[int] = import_rows.write_cases(target.eval_set.pk, done, batch)
            else:
                ids = import_rows.case_ids(target.eval_set.pk, batch)
            import_rows.write_outputs(ids, batch, **versions)
            done += len(batch)
            run.progress(done, pair_import.n_pairs, "writing pairs")
    except Unreadable as problem:
        refuse(problem.problem())
    run.progress(done, pair_import.n_pairs, "finishing")
    if done != pair_import.n_pairs:
        raise JobFailed(
            f"The dry run found {pair_import.n_pairs:,} pairs, now there are {done:,}: check the file again."
        )
    check_references(target)


def refuse(problem: Problem) -> None:
    if problem.severity == Severity.ERROR:
        raise JobFailed(f"Row {problem.row}: {problem.reason}. The dry run did not find this: check the file again.")


def check_references(target: Target) -> None:
    """In one query what a foreign key would ask row by row."""
    versions = [target.baseline, target.candidate]
    if target.eval_set.n_cases > FEW:
        tell_planner()
    with connection.cursor() as cursor:
        # A planner that takes the new rows for one or two would compare each with each.
        cursor.execute("SET LOCAL enable_nestloop = off")
        cursor.execute(COUNT_REFERENCES, [target.eval_set.pk, [version.pk for version in versions]])
        held = dict(cursor.fetchall())
        cursor.execute("SET LOCAL enable_nestloop TO DEFAULT")
    for version in versions:
        n, needed = held.get(version.pk, 0), target.eval_set.n_cases
        if n != needed:
            raise JobFailed(f"{version} has {n:,} outputs for the {needed:,} cases of {target.eval_set}.")


def tell_planner() -> None:
    """Left to the server's own round, the first pages and the opening of a campaign could run for minutes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "ANALYZE experiments_evalcase (id, eval_set_id, position, category), "
            "experiments_output (id, model_version_id, case_id)"
        )


def finish(pair_import: PairImport, experiment: Experiment, now: datetime) -> None:
    found = locked(pair_import)
    if found.status != PairImport.Status.COMMITTING:
        raise JobFailed("The import was discarded while it ran.")
    found.status, found.experiment, found.committed_at = PairImport.Status.DONE, experiment, now
    found.save()
    audit.record(
        actor=found.created_by,
        action="import.committed",
        subject=str(experiment),
        details={"pairs": found.n_pairs, "file": found.upload.filename, "sha256": found.upload.sha256},
        now=now,
    )
