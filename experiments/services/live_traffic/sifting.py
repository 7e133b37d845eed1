"""What becomes of an event of a known test, by its time and its unit's exposure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec import Struct

from experiments.live_events import Event
from experiments.live_plan import Plan
from experiments.services.live_traffic.exposures import Exposed
from experiments.services.live_traffic.running_tests import RunningTest


class Answer(Struct, frozen=True, gc=False):
    """What an event's sender is told. `reason` says more where it was not taken."""

    event_id: str
    status: str
    reason: str = ""


ACCEPTED, DUPLICATE, CONFLICT, MALFORMED = "accepted", "duplicate", "conflict", "malformed"
LATE, EARLY, BEFORE_EXPOSURE, NOT_EXPOSED = "late", "early", "before_exposure", "not_exposed"
UNKNOWN_TEST, NOT_RUNNING = "unknown_test", "not_running"
STATUSES = (
    ACCEPTED, DUPLICATE, LATE, EARLY, BEFORE_EXPOSURE, NOT_EXPOSED, UNKNOWN_TEST, NOT_RUNNING, MALFORMED, CONFLICT,
)  # fmt: skip

Refusal = tuple[str, str]


class Placed(Struct, frozen=True, gc=False):
    """An event beside its place in the request."""

    place: int
    event: Event


class Settled(Struct, frozen=True, gc=False):
    """The answer of an event that is not stored: it stands already, or it was refused."""

    place: int
    answer: Answer
    unit_id: str

    @classmethod
    def refused(cls, one: Placed, refusal: Refusal) -> "Settled":
        return cls(one.place, Answer(one.event.event_id, *refusal), one.event.unit_id)

    @property
    def is_repeated(self) -> bool:
        return self.answer.status == DUPLICATE


UNEXPOSED: Refusal = (NOT_EXPOSED, "this unit has not been exposed: ask for its arm or tell its exposure, send again")


@dataclass(frozen=True)
class Sieve:
    """The times that a test takes at one moment, worked out once for all events of a request.

    skew: how far two clocks may be apart, in either direction. It holds for this site's clock and for the one that
    dated a unit's exposure.
    """

    oldest: datetime
    latest: datetime
    skew: timedelta
    began: datetime | None
    ended: datetime | None
    late: Refusal
    early: Refusal
    before: dict[str, timedelta]

    @property
    def usual(self) -> tuple[datetime, datetime]:
        """From when till when an event of a unit that was exposed before it is taken, whatever it is."""
        return self.oldest, self.latest if self.ended is None else min(self.latest, self.ended)

    @classmethod
    def of(cls, test: RunningTest, now: datetime) -> "Sieve":
        skew = timedelta(minutes=test.plan.early_minutes)
        return cls(
            oldest=now - timedelta(hours=test.plan.late_hours),
            latest=now + skew,
            skew=skew,
            began=test.started_at - skew if test.started_at else None,
            ended=test.stopped_at,
            late=(LATE, f"more than {test.plan.late_hours:g} hours old when it came"),
            early=(EARLY, f"more than {test.plan.early_minutes:g} minutes ahead of this site's clock"),
            before=pre_periods(test.plan),
        )

    def exposure(self, event: Event) -> Refusal | None:
        """Of a client that computes the rule itself: when it says that its unit saw an arm."""
        if refusal := self.timing(event):
            return refusal
        if self.began and event.at < self.began:
            return NOT_RUNNING, "before the test was started"
        return None

    def other(self, event: Event, exposed: Exposed | None) -> Refusal | None:
        if exposed is not None and event.at < (since := exposed.exposed_at - self.skew):
            period = self.before.get(event.name)
            if period is not None and event.at >= since - period:
                return None
            return BEFORE_EXPOSURE, f"its unit was exposed at {exposed.exposed_at:%Y-%m-%d %H:%M:%S} UTC"
        if exposed is None and event.name in self.before and event.at < self.oldest:
            return UNEXPOSED
        return self.timing(event) or (UNEXPOSED if exposed is None else None)

    def timing(self, event: Event) -> Refusal | None:
        if event.at > self.latest:
            return self.early
        if self.ended and event.at > self.ended:
            return NOT_RUNNING, "after the test was stopped"
        return self.late if event.at < self.oldest else None


def pre_periods(plan: Plan) -> dict[str, timedelta]:
    """How long before its exposure a unit's events are wanted, by the name of the event: for covariates."""
    periods: dict[str, timedelta] = {}
    for metric in plan.metrics:
        if metric.covariate:
            wanted = timedelta(days=metric.covariate.days)
            periods[metric.covariate.event] = max(wanted, periods.get(metric.covariate.event, wanted))
    return periods


def still_taken(test: RunningTest, now: datetime) -> Refusal | None:
    """Whether the test takes events at all."""
    if test.started_at is None:
        return NOT_RUNNING, "the test is not started"
    if test.stopped_at and now > test.stopped_at + timedelta(hours=test.plan.late_hours):
        return NOT_RUNNING, f"the test was stopped more than {test.plan.late_hours:g} hours ago"
    return None
