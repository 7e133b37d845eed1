"""Pairs on their way into the tables: the rows they hang on, their cases and outputs, and what must then hold."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import count

from django.db import connection
from django.db.models import Max

from evalsite.platform.jobs import JobFailed
from experiments.importers.mapping import Mapping
from experiments.importers.packing import Died, Packer, Stopped
from experiments.importers.packing_child import Order
from experiments.importers.pair_reading import read_pairs
from experiments.importers.problems import Unreadable
from experiments.models import EvalSet, Experiment, ExperimentSuite, FileImport, ModelVersion, Output
from experiments.services import import_rows, suites
from experiments.services.file_imports import known_answers
from experiments.services.file_imports.pair_options import PairOptions
from experiments.services.file_imports.shapes import Writing, refuse_problem
from experiments.services.reading_ahead import ahead

FEW = 1000
COUNT_REFERENCES = """
SELECT output.model_version_id, count(*)
FROM experiments_output AS output JOIN experiments_evalcase AS evalcase ON evalcase.id = output.case_id
WHERE evalcase.eval_set_id = %s AND output.model_version_id = ANY(%s)
GROUP BY output.model_version_id
"""


class Target:
    """The rows that the pairs will hang on: made, or found because they were imported before."""

    def __init__(self, file_import: FileImport, options: PairOptions, now: datetime) -> None:
        self.checked = (file_import.findings or {})["checked"]
        self.file_import, self.options, self.now = file_import, options, now
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
        name = self.file_import.upload.filename.rsplit(".", 1)[0][:200] or "imported"
        last = EvalSet.objects.filter(name=name).aggregate(last=Max("version"))["last"] or 0
        made = EvalSet.objects.create(
            name=name,
            version=last + 1,
            content_hash=self.checked["cases_hash"],
            n_cases=self.file_import.n_rows,
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
            created_by=self.file_import.created_by,
            created_at=self.now,
        )
        suite, is_new = ExperimentSuite.objects.get_or_create(
            experiment=experiment, eval_set=self.eval_set, defaults={"role": self.options.role}
        )
        if is_new:
            suites.put_on_record(suite, actor=self.file_import.created_by, now=self.now)
        return experiment


def free_version(name: str) -> str:
    taken = set(ModelVersion.objects.filter(name=name).values_list("version", flat=True))
    return next(version for version in map(str, count(1)) if version not in taken)


def write_pairs(writing: Writing[PairOptions], mapping: Mapping, target: Target) -> Experiment:
    """Raises JobFailed when the file now reads differently from its dry run."""
    if target.existing and not (target.new_baseline and target.new_candidate):
        raise JobFailed(f"{target.existing.name!r} has this set of cases already.")
    run, wanted = writing.run, writing.file_import.n_rows
    experiment = target.experiment()
    # Of a new set without known answers nothing is asked back, so that another process can pack its rows.
    if writing.packer and target.set_is_new and not mapping.gold:
        parts = written_by_child(writing, writing.packer, mapping, target)
    else:
        parts = written_here(writing, mapping, target, experiment)
    done = 0
    try:
        for n in parts:
            done += n
            run.progress(done, wanted, "writing pairs")
    except Unreadable as problem:
        refuse_problem(problem.problem())
    run.progress(done, wanted, "finishing")
    if done != wanted:
        raise JobFailed(f"The dry run found {wanted:,} pairs, now there are {done:,}: check the file again.")
    check_references(target)
    return experiment


def written_here(
    writing: Writing[PairOptions], mapping: Mapping, target: Target, experiment: Experiment
) -> Iterator[int]:
    """How many each time."""
    versions = {
        "baseline": target.baseline.pk if target.new_baseline else None,
        "candidate": target.candidate.pk if target.new_candidate else None,
    }
    pairs = read_pairs(writing.sources, mapping=mapping, report=refuse_problem)
    done = 0
    for batch in ahead(import_rows.batches(pairs)):
        if target.set_is_new:
            ids: Sequence[int] = import_rows.write_cases(target.eval_set.pk, done, batch)
        else:
            ids = import_rows.case_ids(target.eval_set.pk, batch)
        import_rows.write_outputs(ids, batch, **versions)
        known_answers.write(
            experiment=experiment, file_import=writing.file_import, ids=ids, batch=batch, now=writing.now
        )
        done += len(batch)
        yield len(batch)


def written_by_child(writing: Writing[PairOptions], packer: Packer, mapping: Mapping, target: Target) -> Iterator[int]:
    order = Order(
        sources=[(str(each.path), each.format.value, each.number) for each in writing.sources],
        mapping=asdict(mapping),
        eval_set=target.eval_set.pk,
        first_id=import_rows.new_case_ids(writing.file_import.n_rows)[0],
        baseline=target.baseline.pk,
        candidate=target.candidate.pk,
    )
    try:
        for part in packer.packed(order):
            import_rows.copy_packed(import_rows.COPY_CASES, part.cases)
            import_rows.copy_packed(import_rows.COPY_OUTPUTS, part.outputs)
            yield part.n
    except Died:
        raise JobFailed("The process that reads the file has died, perhaps for want of memory: try again.") from None
    except Stopped as stop:
        raise JobFailed(
            f"Row {stop.row}: {stop.reason}. The dry run did not find this: check the file again."
        ) from None


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
