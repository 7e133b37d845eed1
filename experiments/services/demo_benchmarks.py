"""The benchmarks of the shipped example: two suites, both models' outputs, their scores, and the comparisons.

Each step looks at what is there first, so loading twice, or after an interruption, makes nothing double.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.db import transaction

from evalsite.platform.models import Job, User
from experiments.models import (
    BenchmarkRun,
    EvalSet,
    Experiment,
    ExperimentSuite,
    FileImport,
    ModelVersion,
    SuiteRole,
)
from experiments.services import comparisons, imports, uploads
from experiments.services.demo import CONTENT, EXPERIMENT, DemoNotLoaded, finish
from experiments.services.file_imports.eval_sets import EvalSetOptions
from experiments.services.file_imports.output_options import OutputOptions
from experiments.services.file_imports.shapes import Options
from experiments.services.scoring.running import SCORE_RUN


@dataclass(frozen=True)
class Suite:
    """`files` is how its files begin: cases, and what each model answered."""

    name: str
    files: str
    role: SuiteRole
    description: str
    loaded: timedelta


SUITES = (
    Suite(
        name="Support tools",
        files="tools_suite",
        role=SuiteRole.STRUCTURED,
        description="Thirty tool-calling cases of a support assistant: ten simple, ten edge, ten adversarial.",
        loaded=timedelta(days=2, hours=4),
    ),
    Suite(
        name="General questions",
        files="general_suite",
        role=SuiteRole.GENERAL,
        description="Short questions with one right answer, to see what a fine-tuned model has forgotten.",
        loaded=timedelta(days=2, hours=3),
    ),
)
ARMS = ("baseline", "candidate")


def load(*, now: datetime) -> None:
    """Raises DemoNotLoaded. The experiment must be there."""
    experiment = Experiment.objects.select_related("baseline", "candidate", "created_by").get(name=EXPERIMENT)
    for suite in SUITES:
        at = now - suite.loaded
        eval_set = used_set(suite, experiment=experiment, now=at)
        runs = [
            scored_run(
                f"{suite.files}_{arm}.jsonl",
                eval_set,
                version=getattr(experiment, arm),
                experiment=experiment,
                now=at + timedelta(minutes=number),
            )
            for number, arm in enumerate(ARMS, start=1)
        ]
        compare(runs, experiment=experiment, now=at + timedelta(minutes=5))


def used_set(suite: Suite, *, experiment: Experiment, now: datetime) -> EvalSet:
    eval_set = imported_set(suite, created_by=experiment.created_by, now=now)
    ExperimentSuite.objects.get_or_create(experiment=experiment, eval_set=eval_set, defaults={"role": suite.role.value})
    return eval_set


def imported_set(suite: Suite, *, created_by: User | None, now: datetime) -> EvalSet:
    if found := EvalSet.objects.filter(name=suite.name).order_by("version").first():
        return found
    options = EvalSetOptions(name=suite.name, description=suite.description)
    done = imported(CONTENT / f"{suite.files}.jsonl", kind="eval_set", options=options, created_by=created_by, now=now)
    if done.eval_set is None:
        raise DemoNotLoaded(f"The suite {suite.name} was not imported.")
    return done.eval_set


def scored_run(
    filename: str, eval_set: EvalSet, *, version: ModelVersion, experiment: Experiment, now: datetime
) -> BenchmarkRun:
    """Over the outputs that are shipped; they join the model version which the experiment compares."""
    run = BenchmarkRun.objects.filter(model_version=version, eval_set=eval_set).order_by("created_at").first()
    if run is None:
        options = OutputOptions(eval_set=eval_set.pk, model=version.name, version=version.version)
        done = imported(CONTENT / filename, kind="outputs", options=options, created_by=experiment.created_by, now=now)
        run = BenchmarkRun.objects.get(pk=done.pk)
    for job in Job.objects.live().filter(kind=SCORE_RUN, args__run_id=str(run.pk)):
        finish(job)
    BenchmarkRun.objects.filter(pk=run.pk, experiment=None).update(experiment=experiment)
    run.refresh_from_db()
    if run.status != BenchmarkRun.Status.DONE:
        raise DemoNotLoaded(f"{run} is {run.get_status_display()}: {run.status_reason}")
    return run


def imported(path: Path, *, kind: str, options: Options, created_by: User | None, now: datetime) -> FileImport:
    # At once: a file from weeks ago that belongs to no import is one that is forgotten.
    with transaction.atomic(), path.open("rb") as file:
        upload = uploads.store(file=file, filename=path.name, created_by=created_by, now=now)
        begun = imports.begin(
            upload=upload,
            second_upload=None,
            options=options,
            created_by=created_by,
            now=now,
            kind=kind,
            at_once=True,
        )
    finish(begun.job)
    checked = FileImport.objects.with_what_it_made().select_related("job").get(pk=begun.pk)
    if checked.status == FileImport.Status.COMMITTING:
        finish(checked.job)
    done = FileImport.objects.with_what_it_made().get(pk=begun.pk)
    if done.status != FileImport.Status.DONE:
        raise DemoNotLoaded(f"{path.name} is {done.get_status_display()}: {done.error or f'{done.n_errors} errors'}")
    return done


def compare(runs: list[BenchmarkRun], *, experiment: Experiment, now: datetime) -> None:
    found = comparisons.get_or_start(
        baseline_run=runs[0],
        candidate_run=runs[1],
        experiment=experiment,
        created_by=experiment.created_by,
        now=now,
    )
    if found.payload is None and found.job:
        finish(found.job)
