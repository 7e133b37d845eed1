"""What a run does when its endpoint, its budget, its worker or its owner wants otherwise."""

import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import Max
from django.utils import timezone

from evalsite.platform import jobs
from evalsite.platform.jobs import JobRun, LostLease
from evalsite.platform.models import AuditEntry, Job
from experiments.endpoints.exchange import ChatAnswer
from experiments.endpoints.replies import read_reply
from experiments.models import Attempt, BenchmarkRun, EndpointSlots, EndpointState, Output
from experiments.services.runs import doorkeeper, lane, leasing, pacing, pausing
from experiments.services.runs.doorkeeper import Doorkeeper
from experiments.services.runs.starting import GENERATE
from experiments.services.runs.stock import Stock
from tests.factories.benchmarks_ import make_numbered_set
from tests.factories.platform_ import make_job
from tests.running.model_server import ModelServer
from tests.runs.running import start_run, work_off

ONE_SECOND = timedelta(seconds=1)
PRICED = {"price_per_million_input": 100_000, "price_per_million_output": 100_000}

pytestmark = pytest.mark.django_db(transaction=True)


def after(seconds: float, act: Callable[[], Any]) -> threading.Timer:
    """On a connection of its own, as another person's request would."""

    def work() -> None:
        try:
            act()
        finally:
            connection.close()

    timer = threading.Timer(seconds, work)
    timer.start()
    return timer


def test_the_endpoints_limit_of_calls_at_once_holds_whatever_the_threads(server: ModelServer) -> None:
    endpoint = {"max_concurrency": 3}
    run = start_run(server, make_numbered_set(n=30, prompt="case={n} wait=20"), threads=8, endpoint=endpoint)
    assert work_off(run).n_done == 30
    assert server.record.most_in_flight == 3
    assert Output.objects.aggregate(most=Max("concurrency"))["most"] == 3
    assert not EndpointSlots.objects.exists()


def test_requests_keep_the_distance_their_limit_asks_for(server: ModelServer) -> None:
    run = start_run(server, make_numbered_set(n=12), threads=8, endpoint={"requests_per_minute": 600})
    assert work_off(run).n_done == 12
    assert min(later - earlier for earlier, later in pairwise(server.record.times)) > 0.02
    assert server.record.times[-1] - server.record.times[0] >= 1.0


def test_a_refusal_with_retry_after_makes_all_threads_wait(server: ModelServer) -> None:
    eval_set = make_numbered_set(n=5, prompt="case={n} behave=429_after*1 wait=10")
    run = work_off(start_run(server, eval_set, threads=4, endpoint={"max_concurrency": 4}))
    assert (run.n_done, run.n_errors) == (5, 0)
    assert Attempt.objects.filter(error_class="rate_limited").count() == 5
    gaps = [later - earlier for earlier, later in pairwise(server.record.times)]
    assert max(gaps) > 0.5


def test_latency_is_of_the_call_that_succeeded_alone(server: ModelServer) -> None:
    eval_set = make_numbered_set(n=1, prompt="case={n} behave=500*2 wait=60")
    work_off(start_run(server, eval_set))
    output = Output.objects.get()
    assert output.latency_ms is not None
    assert 55 < output.latency_ms < 115
    assert Attempt.objects.count() == 3


def test_a_budget_pauses_the_run_when_it_is_spent_and_little_after(server: ModelServer) -> None:
    eval_set = make_numbered_set(n=200, prompt="case={n} wait=20")
    run = work_off(start_run(server, eval_set, threads=16, budget=Decimal(20), endpoint=PRICED))
    assert run.status == "paused"
    assert "budget is used up" in run.status_reason
    per_case = run.cost / run.n_done
    assert Decimal(20) <= run.cost <= Decimal(20) + per_case
    assert run.n_done < 200
    pausing.resume(run=run, actor=None, budget=Decimal(10_000), now=timezone.now())
    assert (work_off(run).n_done, run.status) == (200, "scoring")


def test_a_refused_key_pauses_the_run_instead_of_failing_every_case(server: ModelServer) -> None:
    server.key = "another key"
    run = work_off(start_run(server, make_numbered_set(n=2000)))
    assert run.status == "paused"
    assert "does not accept the key" in run.status_reason
    assert 10 <= run.n_errors < 1500
    server.key = ""
    pausing.retry_errors(run=run, actor=None, now=timezone.now())
    assert (work_off(run).n_done, run.n_errors) == (2000, 0)


def test_an_endpoint_that_is_gone_is_left_in_peace_and_then_given_up(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "GIVES_UP_AFTER", pacing.OPENS_AFTER + 1)
    run = start_run(server, make_numbered_set(n=300, prompt="case={n} behave=drop"), endpoint={"max_attempts": 3})
    run = work_off(run)
    assert run.status == "paused"
    assert "does not answer usefully" in run.status_reason
    # Its breaker opened after a few and let one probe through.
    assert server.record.per_case.total() < 80
    assert run.items.filter(state="waiting").count() > 200


def test_pausing_takes_effect_within_a_second_or_so_and_keeps_what_was_in_flight(server: ModelServer) -> None:
    run = start_run(server, make_numbered_set(n=1000, prompt="case={n} wait=30"), threads=4)
    timer = after(0.6, lambda: pausing.pause(run=run, actor=None, now=timezone.now()))
    began = timezone.now()
    run = work_off(run)
    timer.join()
    assert (timezone.now() - began).total_seconds() < 3
    assert run.status == "paused"
    assert 0 < run.n_done < 1000
    assert server.record.per_case.total() == run.n_done == Output.objects.count()
    assert not run.items.filter(state="waiting").exclude(lease_token=None).exists()


def test_a_cancelled_run_calls_no_more_and_is_not_scored(server: ModelServer) -> None:
    run = start_run(server, make_numbered_set(n=1000, prompt="case={n} wait=30"))
    timer = after(0.4, lambda: pausing.cancel(run=run, actor=None, now=timezone.now()))
    run = work_off(run)
    timer.join()
    assert run.status == "cancelled"
    assert server.record.per_case.total() == run.n_done < 1000
    assert not Job.objects.filter(kind="experiments.score_run").exists()


def test_a_lane_gives_its_slot_to_another_job_and_goes_on_later(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start_run(server, make_numbered_set(n=300, prompt="case={n} wait=20"), threads=2)
    other = make_job(created_at=timezone.now())
    job = Job.objects.get(kind=GENERATE, args__lane=0)
    with monkeypatch.context() as patched:
        patched.setattr(lane, "GIVE_WAY_AFTER_SECONDS", 0.2)
        jobs.run(job.pk)
    job.refresh_from_db()
    assert (job.status, job.deliveries) == ("queued", 0)
    assert 0 < Output.objects.count() < 300
    other.delete()
    run = work_off(run)
    assert (run.status, run.n_done) == ("scoring", 300)
    assert server.record.per_case.total() == 300


def test_what_a_dead_worker_had_in_its_hands_is_taken_up_at_once_by_its_heir(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start_run(server, make_numbered_set(n=200, prompt="case={n} wait=20"), threads=4)
    job = Job.objects.filter(kind=GENERATE).order_by("created_at").first()
    assert job is not None
    looks = iter(range(6))

    def check(delivery: JobRun) -> None:
        if next(looks, None) is None:
            raise LostLease

    with monkeypatch.context() as patched:
        patched.setattr(JobRun, "check", check)
        # A dead worker tidies nothing up.
        patched.setattr(Stock, "release", lambda _: None)
        patched.setattr(Doorkeeper, "leave", lambda _: None)
        jobs.run(job.pk)
    left = run.items.filter(state="waiting").exclude(lease_token=None).count()
    assert left > 0
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1), status="queued")
    run = work_off(run)
    assert (run.status, run.n_done) == ("scoring", 200)
    assert max(server.record.per_case.values()) <= 2
    assert Attempt.objects.count() == Output.objects.count() == 200


def test_the_last_lane_waits_for_what_a_parked_one_left_behind(server: ModelServer) -> None:
    run = start_run(server, make_numbered_set(n=60), threads=4)
    one, two = Job.objects.filter(kind=GENERATE).order_by("args__lane")
    left = leasing.take(run_id=run.pk, token=uuid4(), n=20, after=0, now=timezone.now() - leasing.LEASE + ONE_SECOND)
    Job.objects.filter(pk=two.pk).update(status="parked")
    jobs.run(one.pk)
    run.refresh_from_db()
    assert len(left) == 20
    assert (run.status, run.n_done) == ("scoring", 60)


def test_until_a_cost_is_known_calls_are_made_one_by_one(server: ModelServer) -> None:
    eval_set = make_numbered_set(n=100, prompt="case={n} wait=900")
    endpoint = {**PRICED, "max_concurrency": 8}
    run = work_off(start_run(server, eval_set, threads=16, budget=Decimal("0.5"), endpoint=endpoint))
    assert (run.status, run.n_done) == ("paused", 1)
    assert server.record.per_case.total() == 1


def test_a_budget_that_cannot_be_kept_pauses_the_run(server: ModelServer) -> None:
    eval_set = make_numbered_set(n=100, prompt="case={n} behave=no_usage")
    run = work_off(start_run(server, eval_set, threads=16, budget=Decimal(5), endpoint=PRICED))
    assert run.status == "paused"
    assert "does not say how many tokens" in run.status_reason
    assert 3 <= server.record.per_case.total() <= 4


def test_without_a_budget_nobody_asks_for_usage(server: ModelServer) -> None:
    run = start_run(server, make_numbered_set(n=20, prompt="case={n} behave=no_usage"), endpoint=PRICED)
    assert work_off(run).n_done == 20


def test_a_rest_too_long_to_wait_for_pauses_the_run_and_continuing_ends_it(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doorkeeper, "LONGEST_REST", timedelta(seconds=0.2))
    run = work_off(start_run(server, make_numbered_set(n=4, prompt="case={n} behave=429_after*1")))
    assert run.status == "paused"
    assert "Retry-After" in run.status_reason
    pausing.resume(run=run, actor=None, now=timezone.now())
    assert EndpointState.objects.get().resting_until is None
    assert not run.items.filter(not_before__gt=timezone.now()).exists()
    assert work_off(run).n_done == 4


def test_a_run_continued_while_its_last_calls_are_in_flight_goes_on(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start_run(server, make_numbered_set(n=16, prompt="case={n} wait=300"), threads=4)
    drain = lane.Lane.drain

    def continued(self: lane.Lane) -> None:
        if BenchmarkRun.objects.get().status == "paused":
            pausing.resume(run=run, actor=None, now=timezone.now())
        drain(self)

    monkeypatch.setattr(lane.Lane, "drain", continued)
    timer = after(0.1, lambda: pausing.pause(run=run, actor=None, now=timezone.now()))
    run = work_off(run)
    timer.join()
    assert Job.objects.filter(kind=GENERATE).count() == 1
    assert AuditEntry.objects.filter(action="run.continued").exists()
    assert (run.status, run.n_done) == ("scoring", 16)


def read_but(odd: bytes) -> Callable[..., ChatAnswer]:
    """As if the reader had a mistake that this text brings out."""

    def read(body: bytes, **rest: Any) -> ChatAnswer:
        if odd in body:
            raise KeyError("choices")
        return read_reply(body, **rest)

    return read


def test_one_answer_that_nobody_foresaw_is_one_error_and_the_others_are_kept(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.services.endpoints.chats.read_reply", read_but(b'"content":"7"'))
    run = work_off(start_run(server, make_numbered_set(n=20)))
    assert (run.status, run.n_done, run.n_errors) == ("scoring", 19, 1)
    item = run.items.get(state="error")
    assert (item.case.external_id, item.error_class) == ("7", "malformed")
    assert "An error of ours while calling or reading the answer (KeyError)" in item.error_detail


def test_an_error_of_ours_with_every_answer_pauses_the_run(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start_run(server, make_numbered_set(n=500, prompt="case={n} wait=5"))
    with monkeypatch.context() as patched:
        patched.setattr("experiments.services.endpoints.chats.read_reply", read_but(b""))
        run = work_off(run)
    assert run.status == "paused"
    assert "An error of ours" in run.status_reason
    assert run.items.filter(state="waiting").count() > 300
    pausing.resume(run=run, actor=None, now=timezone.now())
    run = work_off(run)
    assert (run.status, run.n_done + run.n_errors) == ("scoring", 500)
    assert run.n_done > 400
