"""A pipeline's next steps, found anew each time from the rows of its parts: whatever died, nothing is done twice."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.db import transaction

from evalsite.platform import audit
from evalsite.platform.models import Job
from experiments.models import BenchmarkRun, EvidenceSnapshot, ExperimentSuite, PipelineRun, RunComparison
from experiments.reports.comparisons.listing import suite_rows
from experiments.services import comparisons, evidence
from experiments.services.pipelines import parts
from experiments.services.pipelines.parts import Part
from experiments.services.runs import starting

Status = PipelineRun.Status
STOPPED = (Job.Status.FAILED, Job.Status.PARKED, Job.Status.CANCELLED)


def running() -> list[UUID]:
    return list(PipelineRun.objects.filter(status=Status.RUNNING).order_by("created_at").values_list("pk", flat=True))


def advance(pipeline_id: UUID, *, now: datetime) -> PipelineRun:
    """Start what can be started, note how far the rest is; once all is over, gather, decide and end."""
    with transaction.atomic():
        pipeline = locked(pipeline_id)
        if pipeline.status != Status.RUNNING:
            return pipeline
        found = benchmarked(pipeline, parts.read(pipeline.parts), now=now)
        keep(pipeline, found)
    if not all(one.is_over for one in found if one.kind != parts.EVIDENCE):
        return pipeline
    evidence.renew(experiment=pipeline.experiment, now=now)
    snapshot = evidence.refresh(
        experiment=pipeline.experiment, now=now, waits=True, wanted=lambda: pipeline_id in running()
    )
    return ended(pipeline_id, snapshot, now=now) if snapshot else PipelineRun.objects.get(pk=pipeline_id)


def locked(pipeline_id: UUID) -> PipelineRun:
    rows = PipelineRun.objects.select_for_update(no_key=True, of=("self",))
    return rows.select_related("experiment__baseline__endpoint", "experiment__candidate__endpoint").get(pk=pipeline_id)


def keep(pipeline: PipelineRun, found: list[Part]) -> None:
    pipeline.parts = parts.written(found)
    pipeline.save(update_fields=["parts"])


def benchmarked(pipeline: PipelineRun, standing: list[Part], *, now: datetime) -> list[Part]:
    suites = ExperimentSuite.objects.filter(experiment=pipeline.experiment).select_related("eval_set", "experiment")
    by_id = {one.pk: one for one in suites}
    found: dict[str, Part] = {}
    for part in standing:
        if part.kind == parts.EVIDENCE or part.state == parts.FAILED:
            found[part.key] = part
        elif part.suite not in by_id:
            found[part.key] = replace(part, state=parts.FAILED, note="The suite was taken out of the experiment.")
        elif part.kind == parts.RUN:
            found[part.key] = with_run(pipeline, part, by_id[part.suite], now=now)
        else:
            arms = [found[f"{part.suite}:{arm}"] for arm in parts.ARMS]
            found[part.key] = with_comparison(pipeline, part, arms, now=now)
    return list(found.values())


def with_run(pipeline: PipelineRun, part: Part, suite: ExperimentSuite, *, now: datetime) -> Part:
    """The run this part made; else one that is done or on its way; else a new one."""
    made = BenchmarkRun.objects.filter(pk=part.made).first() if part.made else None
    if made is None:
        [row] = suite_rows(pipeline.experiment, [suite])
        if made := parts.run_of(row, part.arm):
            return parts.of_run(replace(part, reused=made.status == BenchmarkRun.Status.DONE), made)
    if made is None:
        try:
            made = started(pipeline, part, suite, now=now)
        except (starting.RunRefused, starting.ScorersRefused) as refusal:
            return replace(part, state=parts.FAILED, note=str(refusal))
    return parts.of_run(part, made)


def started(pipeline: PipelineRun, part: Part, suite: ExperimentSuite, *, now: datetime) -> BenchmarkRun:
    experiment = pipeline.experiment
    return starting.start(
        run_id=parts.run_id(pipeline, part),
        model_version=experiment.baseline if part.arm == "baseline" else experiment.candidate,
        eval_set=suite.eval_set,
        experiment=experiment,
        created_by=pipeline.started_by,
        now=now,
    )


def with_comparison(pipeline: PipelineRun, part: Part, arms: list[Part], *, now: datetime) -> Part:
    if any(one.state == parts.FAILED for one in arms):
        return replace(part, state=parts.FAILED, note="One of its two runs did not end, so nothing can be compared.")
    if any(one.state != parts.DONE for one in arms):
        return part
    runs = BenchmarkRun.objects.select_related("eval_set").in_bulk([UUID(one.made) for one in arms])
    try:
        stood = standing_comparison(part, now=now) or comparisons.get_or_start(
            baseline_run=runs[UUID(arms[0].made)],
            candidate_run=runs[UUID(arms[1].made)],
            experiment=pipeline.experiment,
            created_by=pipeline.started_by,
            now=now,
        )
    except comparisons.CannotCompare as refusal:
        # Scored anew meanwhile: it is compared when that is done.
        return replace(part, state=parts.RUNNING, note=str(refusal))
    return of_comparison(part, stood)


def standing_comparison(part: Part, *, now: datetime) -> RunComparison | None:
    """One this pipeline asked for and whose job is not over yet."""
    found = RunComparison.objects.filter(pk=part.made).select_related("job").first() if part.made else None
    return found if found and found.job and (found.job.is_live or found.job.status in STOPPED) else None


def of_comparison(part: Part, found: RunComparison) -> Part:
    made = replace(part, made=str(found.pk))
    if comparisons.is_fresh(found):
        return replace(made, state=parts.DONE, reused=part.reused or not part.made, note=found.headline)
    if found.job and found.job.status in STOPPED:
        return replace(made, state=parts.FAILED, note=found.job.error or "Its job was stopped.")
    return replace(made, state=parts.RUNNING, reused=False)


@transaction.atomic
def ended(pipeline_id: UUID, snapshot: EvidenceSnapshot, *, now: datetime) -> PipelineRun:
    pipeline = locked(pipeline_id)
    if pipeline.status != Status.RUNNING:
        return pipeline
    found = parts.read(pipeline.parts)
    failed = [one.title for one in found if one.state == parts.FAILED]
    pipeline.parts = parts.written(
        [replace(one, state=parts.DONE, note=snapshot.reason) if one.kind == parts.EVIDENCE else one for one in found]
    )
    pipeline.status = Status.FAILED if failed else Status.DONE
    pipeline.status_reason = f"Without an end: {'; '.join(failed)}." if failed else ""
    pipeline.verdict, pipeline.evidence_sha256 = snapshot.verdict, snapshot.sha256
    pipeline.finished_at = now
    pipeline.save()
    details = {"verdict": pipeline.verdict, "evidence": pipeline.evidence_sha256, "failed": failed}
    audit.record(
        actor=pipeline.started_by, action="pipeline.ended", subject=str(pipeline.experiment), details=details, now=now
    )
    return pipeline
