from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from evalsite.platform import jobs
from evalsite.platform.models import Job, Sweep
from tests.factories.platform_ import NOW, make_job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = dict(jobs.HANDLERS)
    yield
    jobs.HANDLERS.clear()
    jobs.HANDLERS.update(before)


def expire(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_a_finished_job_keeps_its_result_and_progress() -> None:
    @jobs.handler("tests.count")
    def count(run: jobs.JobRun, *, upto: int) -> dict[str, Any]:
        run.progress(upto, upto, "counted")
        return {"sum": sum(range(upto))}

    job = make_job(kind="tests.count", args={"upto": 5})
    jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.status, job.result, job.progress_done, job.progress_total) == ("done", {"sum": 10}, 5, 5)


def test_a_message_delivered_twice_runs_the_job_once() -> None:
    runs = []
    jobs.handler("tests.once")(lambda run: runs.append(run.token))
    job = make_job(kind="tests.once")
    jobs.run(job.pk)
    jobs.run(job.pk)
    assert runs == [1]


def test_a_held_job_is_not_taken_by_a_second_worker() -> None:
    job = make_job()
    assert jobs.take(job_id=job.pk, now=NOW)
    assert jobs.take(job_id=job.pk, now=NOW + timedelta(seconds=1)) is None


def test_an_expired_lease_is_taken_under_a_new_fencing_token() -> None:
    job = make_job()
    first = jobs.take(job_id=job.pk, now=NOW)
    second = jobs.take(job_id=job.pk, now=NOW + timedelta(hours=1))
    assert first
    assert second
    assert second.token == first.token + 1


def test_a_zombie_can_neither_commit_nor_finish() -> None:
    job = make_job(kind="tests.slow")

    @jobs.handler("tests.slow")
    def slow(run: jobs.JobRun) -> None:
        expire(job)
        assert jobs.take(job_id=job.pk, now=timezone.now())
        with pytest.raises(jobs.LostLease):
            run.guard()
        raise jobs.LostLease

    jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.status, job.token) == ("running", 2)


def test_a_poisoned_job_is_parked_after_three_deliveries() -> None:
    job = make_job()
    for _ in range(3):
        assert jobs.take(job_id=job.pk, now=timezone.now())
        expire(job)
    assert jobs.take(job_id=job.pk, now=timezone.now()) is None
    job.refresh_from_db()
    assert job.status == Job.Status.PARKED
    assert "3 deliveries" in job.error


def test_a_parked_job_can_be_tried_again() -> None:
    job = make_job(status="parked", deliveries=3)
    assert jobs.retry(job=job)
    assert jobs.take(job_id=job.pk, now=NOW)


def test_a_failure_is_said_in_words_and_is_final() -> None:
    @jobs.handler("tests.fails")
    def fails(run: jobs.JobRun) -> None:
        raise jobs.JobFailed("Row 3 has no id.")

    job = make_job(kind="tests.fails")
    jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.status, job.error) == ("failed", "Row 3 has no id.")


def test_an_error_of_ours_ends_in_the_row_without_its_text() -> None:
    @jobs.handler("tests.breaks")
    def breaks(run: jobs.JobRun) -> None:
        raise KeyError("a secret")

    job = make_job(kind="tests.breaks")
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.status == "failed"
    assert "secret" not in job.error


def test_enqueueing_a_live_key_again_makes_nothing_new() -> None:
    first = jobs.enqueue(kind="tests.nothing", args={}, key="import 1", now=NOW)
    assert jobs.enqueue(kind="tests.nothing", args={}, key="import 1", now=NOW) == first
    assert Job.objects.count() == 1


def test_a_cancelled_job_stops_at_its_next_look() -> None:
    job = make_job(kind="tests.long")

    @jobs.handler("tests.long")
    def long(run: jobs.JobRun) -> None:
        jobs.cancel(job=job, now=timezone.now())
        run.heartbeat._renew()
        run.check()

    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.status == Job.Status.CANCELLED


def test_progress_and_lease_are_visible_while_the_handler_sits_in_a_transaction() -> None:
    job = make_job(kind="tests.open", lease_until=None)
    seen: dict[str, Any] = {}

    @jobs.handler("tests.open")
    def sits(run: jobs.JobRun) -> None:
        run.progress(7, 10)
        run.heartbeat._renew()
        seen.update(Job.objects.values("progress_done", "status").get(pk=job.pk))

    jobs.run(job.pk)
    assert seen == {"progress_done": 7, "status": "running"}


def test_the_sweep_wakes_lost_work_and_says_a_worker_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[Any] = []
    monkeypatch.setattr(jobs, "wake", woken.append)
    lost = make_job(created_at=NOW - timedelta(minutes=1))
    dead = make_job(status="running", lease_until=NOW - timedelta(seconds=1), created_at=NOW - timedelta(minutes=2))
    make_job(status="running", lease_until=NOW + timedelta(seconds=9), created_at=NOW - timedelta(minutes=3))
    make_job(status="done")
    jobs.sweep(now=NOW)
    assert woken == [dead.pk, lost.pk]
    assert Sweep.objects.workers_alive(now=NOW + timedelta(seconds=5))
    assert not Sweep.objects.workers_alive(now=NOW + timedelta(minutes=5))


def test_a_worker_busy_with_long_jobs_counts_as_alive_although_nobody_sweeps() -> None:
    make_job(status=Job.Status.RUNNING, lease_until=NOW, heartbeat_at=NOW)
    assert Sweep.objects.workers_alive(now=NOW + timedelta(seconds=5))
    assert not Sweep.objects.workers_alive(now=NOW + timedelta(seconds=31))
