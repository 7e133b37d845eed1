"""The parts of a pipeline: what is asked of each, how far it is, and what it made."""

from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID, uuid5

from experiments.models import BenchmarkRun, Experiment, ExperimentSuite, PipelineRun
from experiments.reports.comparisons.listing import SuiteRow

WAITING, RUNNING, STUCK, DONE, FAILED = "waiting", "running", "stuck", "done", "failed"
OVER = (DONE, FAILED)
RUN, COMPARISON, EVIDENCE = "run", "comparison", "evidence"
ARMS = ("baseline", "candidate")


@dataclass(frozen=True)
class Part:
    """state: waiting, running, stuck (somebody must act), done or failed. made: the run or comparison, by its id.

    reused: it stood already when the pipeline came to it, so nothing was done for it again.
    """

    key: str
    kind: str
    title: str
    suite: int | None = None
    arm: str = ""
    state: str = WAITING
    done: int = 0
    total: int | None = None
    reused: bool = False
    note: str = ""
    made: str = ""

    @property
    def is_over(self) -> bool:
        return self.state in OVER


def planned(experiment: Experiment) -> list[Part]:
    suites = ExperimentSuite.objects.filter(experiment=experiment).select_related("eval_set").order_by("pk")
    found = []
    for suite in suites:
        for arm in ARMS:
            title = f"{arm.capitalize()} over {suite.eval_set}"
            found.append(Part(f"{suite.pk}:{arm}", RUN, title, suite=suite.pk, arm=arm))
        found.append(Part(f"{suite.pk}:comparison", COMPARISON, f"Comparison over {suite.eval_set}", suite=suite.pk))
    return [*found, Part(EVIDENCE, EVIDENCE, "All evidence gathered, and decided")]


def read(rows: list[dict[str, Any]]) -> list[Part]:
    return [Part(**row) for row in rows]


def written(parts: list[Part]) -> list[dict[str, Any]]:
    return [asdict(part) for part in parts]


def run_id(pipeline: PipelineRun, part: Part) -> UUID:
    """Always the same, so that a start which is repeated after a kill makes one run."""
    return uuid5(pipeline.pk, part.key)


def run_of(row: SuiteRow, arm: str) -> BenchmarkRun | None:
    return row.baseline_run if arm == "baseline" else row.candidate_run


STATE_OF_RUN = {
    BenchmarkRun.Status.QUEUED: RUNNING,
    BenchmarkRun.Status.RUNNING: RUNNING,
    BenchmarkRun.Status.SCORING: RUNNING,
    BenchmarkRun.Status.PAUSED: STUCK,
    BenchmarkRun.Status.DONE: DONE,
    BenchmarkRun.Status.CANCELLED: FAILED,
    BenchmarkRun.Status.FAILED: FAILED,
}


def of_run(part: Part, run: BenchmarkRun) -> Part:
    return replace(
        part,
        state=STATE_OF_RUN[BenchmarkRun.Status(run.status)],
        done=run.n_done + run.n_errors,
        total=run.n_cases,
        note=note_of(run),
        made=str(run.pk),
    )


def note_of(run: BenchmarkRun) -> str:
    status = BenchmarkRun.Status(run.status)
    errors = f"{run.n_errors:,} error{'' if run.n_errors == 1 else 's'}" if run.n_errors else ""
    if status == BenchmarkRun.Status.PAUSED:
        return f"Paused. {run.status_reason} Continue it on its page, or end it there.".replace("  ", " ")
    if status in (BenchmarkRun.Status.CANCELLED, BenchmarkRun.Status.FAILED):
        return f"{run.get_status_display().capitalize()}. {run.status_reason}".strip()
    return "being scored" if status == BenchmarkRun.Status.SCORING else errors
