"""One lane of a run at work: it leases cases, lets its crew call, keeps what comes back, and gives way to others."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from evalsite.platform.jobs import JobAgain, JobRun, LostLease
from evalsite.platform.models import Job, Sweep
from experiments.models import BenchmarkRun, Endpoint
from experiments.reports.runs import live_lanes
from experiments.services.runs import ending, keeping, leasing, limits
from experiments.services.runs.backoff import Backoff
from experiments.services.runs.calling import Call, Result
from experiments.services.runs.crew import Crew
from experiments.services.runs.doorkeeper import Doorkeeper
from experiments.services.runs.due import Due
from experiments.services.runs.gate import Gate
from experiments.services.runs.keeping import Desk, Kept
from experiments.services.runs.messages import AskedModel
from experiments.services.runs.meter import Meter, Prices
from experiments.services.runs.stock import Stock

GROUP_SECONDS = 0.05
LOOK_SECONDS = 0.5
WELL_AFTER_SECONDS = 1.5
GIVE_WAY_AFTER_SECONDS = 20.0
# Beat sweeps every five seconds; an older sweep means that its messages find no free worker.
SWEEP_IS_LATE = timedelta(seconds=20)
# Of work at hand, so that fast endpoints are not kept waiting and slow ones leave cases to other lanes.
SECONDS_AT_HAND = 0.5
LIVE = (BenchmarkRun.Status.QUEUED, BenchmarkRun.Status.RUNNING)


@dataclass(frozen=True)
class Task:
    """What a lane works on, and with what."""

    run: BenchmarkRun
    endpoint: Endpoint
    call: Call
    asked: AskedModel
    backoff: Backoff
    tokens_guessed: float
    clock: Callable[[], datetime] = timezone.now


class Lane:
    """All of this runs in the job's own thread; the crew's threads only call."""

    def __init__(self, delivery: JobRun, task: Task) -> None:
        run, endpoint = task.run, task.endpoint
        token = leasing.token_of(delivery.job_id, delivery.token)
        input_price, output_price = keeping.price_per_token(endpoint)
        self.delivery, self.run, self.backoff, self.clock = delivery, run, task.backoff, task.clock
        self.desk = Desk(
            run_id=run.pk,
            model_version_id=run.model_version_id,
            job_id=delivery.job_id,
            delivery=delivery.token,
            lease=token,
            input_price=input_price,
            output_price=output_price,
        )
        self.gate = Gate()
        self.meter = Meter(prices=Prices(input_price, output_price), tokens_guessed=task.tokens_guessed)
        self.crew = Crew(threads=run.threads, gate=self.gate, call=task.call, asked=task.asked)
        self.stock = Stock(run_id=run.pk, token=token, ready=self.crew.ready, clock=self.clock)
        self.door = Doorkeeper(
            endpoint=endpoint, holder=token, threads=run.threads, gate=self.gate, meter=self.meter, clock=self.clock
        )
        self.look, self.glance, self.began = Due(LOOK_SECONDS), Due(LOOK_SECONDS), time.monotonic()
        self.n_kept = 0
        self.left = None if run.budget is None else run.budget - run.cost
        self.has_told = False

    def work(self) -> None:
        """Until nothing is left for this lane or the run stops. Raises JobAgain where it only gives way."""
        self.take_over()
        self.mind_budget()
        gives_way = False
        try:
            with self.crew:
                while (self.stock.held or self.finds_more()) and not gives_way and not self.has_stopped():
                    self.step()
                    gives_way = self.must_give_way()
                self.drain()
        finally:
            self.stock.release()
            self.door.leave()
        is_complete = ending.close_if_complete(run_id=self.run.pk, now=self.clock())
        if gives_way or (not is_complete and self.leaves_work()):
            raise JobAgain

    def take_over(self) -> None:
        """An earlier delivery of this lane died with cases in its hands: they are ours now."""
        earlier = leasing.tokens_before(self.delivery.job_id, self.delivery.token)
        leasing.release(run_id=self.run.pk, tokens=earlier)
        limits.give_back(holders=earlier)

    def step(self) -> None:
        self.delivery.check()
        self.tell_life()
        self.keep(self.crew.finished(within=GROUP_SECONDS))
        self.stock.refill(wanted=max(2 * self.run.threads, int(self.meter.pace * SECONDS_AT_HAND)))
        # Those that threads hold at the gate count too.
        self.door.refresh(ready=self.stock.n_ready - self.gate.in_flight)
        self.mind_budget()
        self.stock.renew_when_due()

    def finds_more(self) -> bool:
        """Whether something waits that no living lane holds, now or after its back-off.

        What a lane held that is parked or gone comes back when its leases run out: the last lane waits for that.
        """
        self.stock.refill(wanted=2 * self.run.threads)
        return bool(self.stock.held) or self.some_are_ours()

    def some_are_ours(self) -> bool:
        if leasing.any_free(run_id=self.run.pk, now=self.clock()):
            return True
        return leasing.any_waiting(run_id=self.run.pk) and len(live_lanes(self.run)) <= 1

    def leaves_work(self) -> bool:
        """The run was continued while this lane drained: nobody was woken, since this one was still alive."""
        return self.is_live() and self.some_are_ours()

    def is_live(self) -> bool:
        return BenchmarkRun.objects.filter(pk=self.run.pk, status__in=LIVE).exists()

    def has_stopped(self) -> bool:
        if self.meter.is_refused or self.door.gave_up:
            ending.pause_for_endpoint(run_id=self.run.pk, error=self.meter.last_error)
            return True
        if self.door.rests_too_long_until:
            ending.pause_for_rest(run_id=self.run.pk, until=self.door.rests_too_long_until)
            return True
        if self.left is not None and self.meter.tells_no_usage:
            ending.pause_for_usage(run_id=self.run.pk)
            return True
        if self.is_spent:
            ending.pause_for_budget(run_id=self.run.pk)
            return True
        return self.look.now() and not self.is_live()

    def must_give_way(self) -> bool:
        """To another job, or to short tasks that find every worker busy."""
        if time.monotonic() - self.began < GIVE_WAY_AFTER_SECONDS or not self.glance.now():
            return False
        late = Sweep.objects.filter(at__lt=self.clock() - SWEEP_IS_LATE)
        return Job.objects.filter(status=Job.Status.QUEUED).exists() or late.exists()

    def drain(self) -> None:
        """Begin no more calls, and keep what those in flight bring."""
        self.door.hold()
        while self.gate.in_flight or not self.crew.results.empty():
            self.delivery.check()
            self.keep(self.crew.finished(within=GROUP_SECONDS))
            self.door.refresh(ready=0)
            self.stock.renew_when_due()

    def keep(self, results: list[Result]) -> None:
        if not results:
            return
        now = self.clock()
        self.meter.read(results, now=now)
        tries_again = {result.item.item_id: self.next_try(result, now=now) for result in results}
        rows = [keeping.row_of(result, not_before=tries_again[result.item.item_id]) for result in results]
        kept = keeping.keep(self.desk, rows, now=now)
        if not kept.is_ours:
            raise LostLease
        self.file_away(results, tries_again, kept)
        self.report(kept, n_final=sum(row["final"] for row in rows))

    def next_try(self, result: Result, *, now: datetime) -> datetime | None:
        delay = self.backoff.delay_after(result.error, attempt=result.number) if result.error else None
        return None if delay is None else now + timedelta(seconds=delay)

    def file_away(self, results: list[Result], tries_again: dict[int, datetime | None], kept: Kept) -> None:
        """Only now, when the failed try is stored, may the next one begin. What did not count is another lane's."""
        for result in results:
            until = tries_again[result.item.item_id]
            if until is None or result.item.item_id not in kept.items:
                self.stock.finish(result.item)
            else:
                self.stock.put_back(result.item, until=until)

    def tell_life(self) -> None:
        """Once per delivery. A lane may live well without a call of its own, when the others have all the slots."""
        if not self.has_told and (self.n_kept or time.monotonic() - self.began > WELL_AFTER_SECONDS):
            self.delivery.advanced()
            self.has_told = True

    def report(self, kept: Kept, *, n_final: int) -> None:
        self.n_kept += n_final
        self.tell_life()
        self.delivery.progress(self.n_kept, self.n_kept + kept.n_left, f"calling {self.run.model_version.name}")
        self.left = None if kept.budget is None else kept.budget - kept.cost
        self.mind_budget()

    @property
    def is_spent(self) -> bool:
        return self.left is not None and self.left <= 0

    def mind_budget(self) -> None:
        """No more calls in flight than there is money for, by lane; only one until it is known what a call costs."""
        if self.left is None:
            return
        calls = 0 if self.is_spent else 1
        if calls and self.meter.cost_per_call is not None:
            in_all = float(self.left) / max(self.meter.cost_per_call, 1e-12) - self.door.elsewhere
            calls = max(int(in_all / settings.RUN_LANES), 1)
        self.gate.afford(calls, unread=self.crew.results.qsize)
