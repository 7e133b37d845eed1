"""The scoring of a run as a job: what is scored stays scored, whatever dies; the summary and the end come last."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from evalsite.platform import jobs
from evalsite.platform.jobs import JobFailed, JobRun
from evalsite.platform.models import Job, User
from experiments.models import BenchmarkRun, RunItem, RunScorer, Score
from experiments.reports.run_scores import SCORE_RUN as SCORE_RUN
from experiments.reports.run_summary import summary
from experiments.reports.scores import read_cases, read_scores
from experiments.scorers import registry
from experiments.scorers.base import BadParams, Judge
from experiments.services import comparisons
from experiments.services.scoring import cases, score_rows, webhook
from experiments.services.scoring.cases import Answered

Status = BenchmarkRun.Status
TELL_EVERY = 250

Judges = dict[int, Judge]
"""By the id of their run scorer."""


def start(*, run: BenchmarkRun, created_by: User | None, now: datetime) -> Job:
    """Without a key: a job about to end must not be taken for the one that scores what was just added."""
    return jobs.enqueue(kind=SCORE_RUN, args={"run_id": str(run.pk)}, created_by=created_by, now=now)


def score_run(run: JobRun, *, run_id: UUID, clock: Callable[[], datetime]) -> dict[str, object] | None:
    """May run twice, also at once: each chunk is written under the run's lock, without what stands already."""
    found = BenchmarkRun.objects.get(pk=run_id)
    if found.status != Status.SCORING:
        return None
    try:
        while waiting := unfinished(found):
            for together in groups(waiting):
                apply(run, found, together)
                for run_scorer in together:
                    finish_scorer(run, found, run_scorer, now=clock())
        finish(run, found, now=clock())
    except JobFailed as failure:
        BenchmarkRun.objects.filter(pk=run_id, status=Status.SCORING).update(
            status=Status.FAILED, status_reason=str(failure)
        )
        raise
    return {"run": str(run_id)}


def unfinished(found: BenchmarkRun) -> list[RunScorer]:
    """Never ended, or ended before cases came that have an output now."""
    current = RunScorer.objects.filter(run=found, is_current=True).order_by("pk")
    answered = found.items.filter(state=RunItem.State.DONE).count()
    return [one for one in current if one.finished_at is None or one.n_scored + one.n_failed_to_score < answered]


def groups(waiting: Sequence[RunScorer]) -> list[list[RunScorer]]:
    """Those that need nobody else together and first, so that no service elsewhere keeps them waiting."""
    alone = [one for one in waiting if one.scorer != webhook.NAME]
    return [*([alone] if alone else []), *([one] for one in waiting if one.scorer == webhook.NAME)]


def apply(run: JobRun, found: BenchmarkRun, run_scorers: Sequence[RunScorer]) -> None:
    judges = {one.pk: judge_of(one) for one in run_scorers}
    if run_scorers[0].scorer == webhook.NAME:
        ask(run, found, run_scorers[0])
        return
    tell = Teller(run, total=found.n_done, note=f"{len(judges)} scorer{'s' if len(judges) > 1 else ''}")
    for chunk in cases.chunks(found.pk):
        standing = score_rows.standing(list(judges), chunk[0].case_id, chunk[-1].case_id)
        keep(run, found, chunk, judged(chunk, judges, standing, tell))


def ask(run: JobRun, found: BenchmarkRun, run_scorer: RunScorer) -> None:
    """A rubric: in small chunks, since each case is a call that should not be made twice."""
    asked = webhook.webhook(run_scorer.params)
    tell = Teller(run, total=found.n_done, note=f"asking {run_scorer.key}"[:200], every=1)
    for chunk in cases.chunks(found.pk, most=asked.at_once):
        standing = {case for _, case in score_rows.standing([run_scorer.pk], chunk[0].case_id, chunk[-1].case_id)}
        open_ = [one for one in chunk if one.case_id not in standing]
        results = asked.check_all(open_, tell.one_more)
        keep(
            run,
            found,
            chunk,
            [(run_scorer.pk, one.case_id, result) for one, result in zip(open_, results, strict=True)],
        )


def judge_of(run_scorer: RunScorer) -> Judge:
    try:
        scorer = registry.get(run_scorer.scorer)
        judge = scorer.bind(run_scorer.params)
    except (registry.NoSuchScorer, BadParams) as refusal:
        raise JobFailed(f"{run_scorer.key}: {refusal}") from None
    if scorer.version != run_scorer.version:
        raise JobFailed(
            f"{run_scorer.key} was chosen in version {run_scorer.version} of {scorer.title}, of which there is only "
            f"version {scorer.version} now. Score the run again to use that."
        )
    return judge


class Teller:
    """Says now and then how many cases are through, and stops where the job was cancelled or taken over."""

    def __init__(self, run: JobRun, total: int, note: str, *, every: int = TELL_EVERY) -> None:
        self.run, self.total, self.note, self.every, self.done = run, total, note, every, 0

    def one_more(self) -> None:
        self.done += 1
        if self.done % self.every == 0:
            self.run.progress(min(self.done, self.total), self.total, self.note)


def judged(
    chunk: Sequence[Answered], judges: Judges, standing: set[tuple[int, int]], tell: Teller
) -> "list[score_rows.Scored]":
    found: list[score_rows.Scored] = []
    for one in chunk:
        for pk, judge in judges.items():
            if (pk, one.case_id) not in standing:
                found.append((pk, one.case_id, judge(one.case, one.response)))
        tell.one_more()
    return found


@transaction.atomic
def keep(run: JobRun, found: BenchmarkRun, chunk: Sequence[Answered], scored: "list[score_rows.Scored]") -> None:
    if not scored:
        return
    run.guard()
    lock(found)
    # Another delivery may have been quicker while this one judged.
    by_now = score_rows.standing(sorted({pk for pk, _, _ in scored}), chunk[0].case_id, chunk[-1].case_id)
    score_rows.write(one for one in scored if one[:2] not in by_now)
    transaction.on_commit(run.advanced)


def lock(found: BenchmarkRun) -> BenchmarkRun:
    return BenchmarkRun.objects.select_for_update(no_key=True).get(pk=found.pk)


def finish_scorer(run: JobRun, found: BenchmarkRun, run_scorer: RunScorer, *, now: datetime) -> None:
    run.progress(found.n_done, found.n_done, f"summing up {run_scorer.key}"[:200])
    scorer = registry.get(run_scorer.scorer)
    scores = read_scores(run_scorer, cases=read_cases(found.eval_set_id))
    payload = summary(run_scorer, scorer, scores)
    unscored = Score.objects.filter(run_scorer=run_scorer, value=None).count()
    with transaction.atomic():
        run.guard()
        RunScorer.objects.filter(pk=run_scorer.pk).update(
            n_scored=payload["n_scored"],
            n_passed=payload["n_passed"],
            n_failed_to_score=unscored,
            summary=payload,
            finished_at=now,
        )


@transaction.atomic
def finish(run: JobRun, found: BenchmarkRun, *, now: datetime) -> None:
    run.guard()
    locked = lock(found)
    if unfinished(locked):  # added while this job was summing up: its own job is on the way
        return
    BenchmarkRun.objects.filter(pk=found.pk, status=Status.SCORING).update(
        status=Status.DONE, status_reason="", finished_at=locked.finished_at or now
    )
    comparisons.renew_run(run_id=found.pk, now=now)
