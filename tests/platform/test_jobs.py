import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.db import connection, transaction
from django.utils import timezone

from evalsite.platform import jobs
from evalsite.platform.heartbeat import Heartbeat
from evalsite.platform.logs import RequestIdFilter, current_request_id
from evalsite.platform.models import Job, Sweep
from evalsite.platform.models.job import JobQuerySet
from tests.factories.platform_ import NOW, make_job
from tests.platform.losing import lose_the_database

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before, quick = dict(jobs.HANDLERS), set(jobs.QUICK_KINDS)
    yield
    jobs.HANDLERS.clear()
    jobs.HANDLERS.update(before)
    jobs.QUICK_KINDS.intersection_update(quick)


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
    woken: list[Job] = []
    monkeypatch.setattr(jobs, "wake", woken.append)
    lost = make_job(created_at=NOW - timedelta(minutes=1))
    dead = make_job(status="running", lease_until=NOW - timedelta(seconds=1), created_at=NOW - timedelta(minutes=2))
    make_job(status="running", lease_until=NOW + timedelta(seconds=9), created_at=NOW - timedelta(minutes=3))
    make_job(status="done")
    jobs.sweep(now=NOW)
    assert woken == [dead, lost]
    assert Sweep.objects.workers_alive(now=NOW + timedelta(seconds=5))
    assert not Sweep.objects.workers_alive(now=NOW + timedelta(minutes=5))


def test_a_worker_busy_with_long_jobs_counts_as_alive_although_nobody_sweeps() -> None:
    make_job(status=Job.Status.RUNNING, lease_until=NOW, heartbeat_at=NOW)
    assert Sweep.objects.workers_alive(now=NOW + timedelta(seconds=5))
    assert not Sweep.objects.workers_alive(now=NOW + timedelta(seconds=31))


def copy_something() -> None:
    statement = "COPY platform_sweep FROM STDIN"
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        copy.write("")


def test_deliveries_that_lost_the_database_do_not_count_towards_parking() -> None:
    tries = []

    @jobs.handler("tests.loses")
    def loses(run: jobs.JobRun) -> None:
        tries.append(run.token)
        if len(tries) < 5:
            lose_the_database()
            Job.objects.count()

    job = make_job(kind="tests.loses")
    for _ in range(5):
        jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.status, job.deliveries, len(tries)) == ("done", 1, 5)


@pytest.mark.parametrize("lost_in", [lambda: Job.objects.count(), copy_something], ids=["query", "copy"])
def test_a_connection_lost_in_a_transaction_is_no_fault_of_the_job(lost_in: Callable[[], object]) -> None:
    tries = []

    @jobs.handler("tests.loses")
    def loses(run: jobs.JobRun) -> None:
        tries.append(run.token)
        if len(tries) == 1:
            with transaction.atomic():
                lose_the_database()
                lost_in()

    job = make_job(kind="tests.loses")
    for _ in range(2):
        jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.status, job.deliveries, len(tries)) == ("done", 1, 2)


def test_a_database_that_stays_away_leaves_the_job_to_its_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "PATIENCE_SECONDS", 0.0)

    @jobs.handler("tests.loses")
    def loses(run: jobs.JobRun) -> None:
        lose_the_database()
        Job.objects.count()

    job = make_job(kind="tests.loses")
    jobs.run(job.pk)
    connection.close()
    job.refresh_from_db()
    assert (job.status, job.deliveries) == ("running", 1)


def test_a_job_that_gives_way_goes_on_later_with_its_deliveries_forgotten() -> None:
    passes = []

    @jobs.handler("tests.gives_way")
    def gives_way(run: jobs.JobRun) -> None:
        passes.append(run.token)
        run.progress(len(passes), 5)
        if len(passes) < 5:
            raise jobs.JobAgain

    job = make_job(kind="tests.gives_way")
    jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.status, job.deliveries, job.lease_until, job.finished_at) == ("queued", 0, None, None)
    assert (job.progress_done, job.progress_total) == (1, 5)
    for _ in range(4):
        jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.status, job.deliveries, passes) == ("done", 1, [1, 2, 3, 4, 5])


def test_a_zombie_that_gives_way_does_not_queue_the_job_again() -> None:
    job = make_job(kind="tests.zombie")

    @jobs.handler("tests.zombie")
    def zombie(run: jobs.JobRun) -> None:
        expire(job)
        assert jobs.take(job_id=job.pk, now=timezone.now())
        raise jobs.JobAgain

    jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.status, job.token, job.deliveries) == ("running", 2, 2)


def test_only_deliveries_without_progress_count_towards_parking() -> None:
    job = make_job()
    for _ in range(7):
        taken = jobs.take(job_id=job.pk, now=timezone.now())
        assert taken
        run_of(taken).advanced()
        expire(job)
    job.refresh_from_db()
    assert job.deliveries == 1
    # From here on nothing is committed any more.
    assert jobs.take(job_id=job.pk, now=timezone.now())
    expire(job)
    assert jobs.take(job_id=job.pk, now=timezone.now())
    expire(job)
    assert jobs.take(job_id=job.pk, now=timezone.now()) is None


def test_progress_of_a_zombie_is_not_progress() -> None:
    job = make_job()
    first = jobs.take(job_id=job.pk, now=NOW)
    assert first
    assert jobs.take(job_id=job.pk, now=NOW + timedelta(hours=1))
    run_of(first).advanced()
    job.refresh_from_db()
    assert job.deliveries == 2


def run_of(job: Job) -> jobs.JobRun:
    return jobs.JobRun(job_id=job.pk, token=job.token, heartbeat=Heartbeat(job.pk, job.token))


def test_enqueueing_a_key_whose_job_ends_in_that_instant_makes_a_new_job(monkeypatch: pytest.MonkeyPatch) -> None:
    old = jobs.enqueue(kind="tests.nothing", args={}, key="import 1", now=NOW)
    looks = []

    def live(self: JobQuerySet) -> JobQuerySet:
        """Not seen by the first look, in the way of the insert, over at the second look."""
        looks.append(1)
        if len(looks) == 2:
            Job.objects.filter(pk=old.pk).update(status=Job.Status.DONE)
        return self.none() if len(looks) == 1 else self.filter(status__in=Job.LIVE)

    monkeypatch.setattr(JobQuerySet, "live", live)
    new = jobs.enqueue(kind="tests.nothing", args={}, key="import 1", now=NOW)
    assert (new.status, new == old, len(looks)) == ("queued", False, 2)


def test_retrying_beside_a_live_job_of_the_same_key_changes_nothing() -> None:
    failed = make_job(status="failed", key="import 1")
    jobs.enqueue(kind="tests.nothing", args={}, key="import 1", now=NOW)
    assert not jobs.retry(job=failed)
    failed.refresh_from_db()
    assert failed.status == "failed"


def test_quick_jobs_never_wait_behind_long_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = []
    monkeypatch.setattr(current_app, "send_task", lambda name, *, queue, **named: sent.append(queue))
    jobs.handler("tests.quick", quick=True)(lambda run: None)
    jobs.handler("tests.long")(lambda run: None)
    for kind in ("tests.quick", "tests.long"):
        jobs.enqueue(kind=kind, args={}, now=NOW)
    assert sent == ["quick", "long"]


def test_a_worker_without_named_queues_works_on_both() -> None:
    assert set(current_app.amqp.queues.consume_from) == {"quick", "long"}


def test_what_a_job_logs_carries_its_id() -> None:
    names = []

    @jobs.handler("tests.logs")
    def logs(run: jobs.JobRun) -> None:
        record = logging.makeLogRecord({"msg": "half way"})
        RequestIdFilter().filter(record)
        names.append(vars(record)["request_id"])

    job = make_job(kind="tests.logs")
    jobs.run(job.pk)
    assert names == [f"job {job.pk}"]
    assert current_request_id.get() == "-"
