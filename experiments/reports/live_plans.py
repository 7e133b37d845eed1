"""Live tests as their list and planning pages show them: the plan on record, what was added, the traffic of now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet

from experiments.live_plan import Plan, in_force
from experiments.models import Exposure, LiveAmendment, LivePlan, LiveTest

Status = LiveTest.Status
TRAFFIC_OVER = timedelta(days=7)
LEAST_WATCHED = timedelta(hours=1)
MOST_SHOWN = 3

METHOD_WORDS = {
    "confidence_sequence": "confidence sequence: may be read at any time",
    "group_sequential": "group-sequential: read at planned looks",
    "fixed_horizon": "fixed horizon: read once, at the planned size",
}
SPENDING_WORDS = {"obrien_fleming": "O’Brien-Fleming", "pocock": "Pocock"}
CORRECTION_WORDS = {"holm": "Holm", "bh": "Benjamini-Hochberg", "none": "none"}


@dataclass(frozen=True)
class PlanPage:
    """A plan with what was done to it since. `plan` is the draft's where none is registered yet."""

    live_test: LiveTest
    plan: Plan
    row: LivePlan | None
    amendments: Sequence[LiveAmendment]

    @property
    def in_force(self) -> Plan:
        """With the size and days it was extended to, and the metrics added since."""
        return in_force(self.plan, [one.change for one in self.amendments if one.kind in LiveAmendment.TO_THE_PLAN])

    @property
    def is_extended(self) -> bool:
        return (self.in_force.n_per_arm, self.in_force.days) != (self.plan.n_per_arm, self.plan.days)

    @property
    def may_add_metrics(self) -> bool:
        """Not where the one reading of a fixed-horizon test was opened; whether it was taken, the step itself looks."""
        is_live = self.live_test.status in (Status.REGISTERED, Status.RUNNING)
        return is_live and (self.plan.method != "fixed_horizon" or not self.live_test.started_at or self.may_open_early)

    @property
    def may_extend(self) -> bool:
        """While its direction is hidden; whether the planned units are in, the step itself looks."""
        return self.may_open_early and self.live_test.status == Status.RUNNING

    @property
    def method(self) -> str:
        return METHOD_WORDS[self.plan.method]

    @property
    def looks(self) -> str:
        if self.plan.method != "group_sequential":
            return ""
        return f"{self.plan.looks} looks, {SPENDING_WORDS[self.plan.spending]} spending"

    @property
    def correction(self) -> str:
        return CORRECTION_WORDS[self.plan.correction]

    @property
    def is_ramped(self) -> bool:
        return self.live_test.split != self.plan.routing.split

    @property
    def may_open_early(self) -> bool:
        opened = any(one.kind == LiveAmendment.Kind.OPENED_EARLY for one in self.amendments)
        return self.plan.method == "fixed_horizon" and self.live_test.started_at is not None and not opened

    @property
    def written_later(self) -> bool:
        """The test ran before its plan was registered here."""
        started = self.live_test.started_at
        return bool(self.row and started and started < self.row.registered_at)


def plan_page(live_test: LiveTest) -> PlanPage:
    row = LivePlan.objects.select_related("registered_by").filter(live_test=live_test).first()
    plan = Plan.from_dict(row.body) if row else drafted_plan(live_test)
    amendments = list(live_test.amendments.select_related("made_by").order_by("made_at", "pk"))
    return PlanPage(live_test=live_test, plan=plan, row=row, amendments=amendments)


def drafted_plan(live_test: LiveTest) -> Plan:
    """What registering would keep: a draft holds all but what the test says itself."""
    return Plan.from_dict(
        live_test.draft
        | {
            "key": live_test.key,
            "control_id": live_test.control_id,
            "control_name": str(live_test.control)[:200],
            "treatment_id": live_test.treatment_id,
            "treatment_name": str(live_test.treatment)[:200],
        }
    )


@dataclass(frozen=True)
class Traffic:
    units: int
    days: float

    @property
    def per_day(self) -> float:
        return self.units / self.days


def traffic_of(live_test: LiveTest, *, now: datetime) -> Traffic | None:
    """First exposures of the last week; None before the test has run for an hour."""
    if live_test.started_at is None:
        return None
    until = min(now, live_test.stopped_at or now)
    since = max(live_test.started_at, until - TRAFFIC_OVER)
    if until - since < LEAST_WATCHED:
        return None
    units = Exposure.objects.filter(live_test=live_test, exposed_at__gte=since, exposed_at__lte=until).count()
    return Traffic(units=units, days=(until - since) / timedelta(days=1)) if units else None


def running_traffic(*, now: datetime) -> list[tuple[LiveTest, Traffic]]:
    """Of the newest tests that run, for whoever plans another one."""
    running = LiveTest.objects.filter(status=Status.RUNNING).select_related("plan").order_by("-started_at")[:MOST_SHOWN]
    found = [(live_test, traffic_of(live_test, now=now)) for live_test in running]
    return [(live_test, traffic) for live_test, traffic in found if traffic]


@dataclass(frozen=True)
class LiveTestFilter:
    status: str = ""
    experiment: int | None = None
    search: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "LiveTestFilter":
        status, experiment = query.get("status", ""), query.get("experiment", "")
        is_id = experiment.isascii() and experiment.isdigit() and len(experiment) < 19
        return cls(
            status=status if status in Status.values else "",
            experiment=int(experiment) if is_id else None,
            search=query.get("search", "").replace("\0", "").strip()[:200],
        )

    @property
    def narrows(self) -> bool:
        return bool(self.status or self.experiment or self.search)

    def apply(self, tests: "QuerySet[LiveTest]") -> "QuerySet[LiveTest]":
        if self.status:
            tests = tests.filter(status=self.status)
        if self.experiment:
            tests = tests.filter(experiment=self.experiment)
        if self.search:
            tests = tests.filter(Q(name__icontains=self.search) | Q(key__icontains=self.search))
        return tests


def listed() -> "QuerySet[LiveTest]":
    """With the three parts of a result that a line shows: the whole would weigh a hundred times more."""
    related = ("control", "treatment", "experiment", "plan")
    parts = {f"result_{name}": F(f"result__payload__{name}") for name in ("exposed", "headline", "blocked")}
    return LiveTest.objects.select_related(*related).annotate(**parts).order_by("-created_at", "-pk")


@dataclass(frozen=True)
class ListedTest:
    """One line of the list, from a row of `listed`: nothing is computed here."""

    live_test: LiveTest
    planned: int | None
    method: str
    primary: str
    exposed: int | None
    headline: str
    verdict: str

    @property
    def percent(self) -> int | None:
        if self.exposed is None or not self.planned:
            return None
        return min(100, 100 * self.exposed // self.planned)


def listed_test(live_test: LiveTest) -> ListedTest:
    body = plan_body(live_test)
    exposed = getattr(live_test, "result_exposed", None)
    return ListedTest(
        live_test=live_test,
        planned=planned_total(body),
        method=METHOD_WORDS.get(body.get("method", ""), "").partition(":")[0],
        primary=next((one["title"] for one in body.get("metrics", []) if one.get("role") == "primary"), ""),
        exposed=sum(exposed.values()) if exposed else None,
        headline=getattr(live_test, "result_headline", None) or "",
        verdict="INVALID" if getattr(live_test, "result_blocked", None) else "",
    )


def plan_body(live_test: LiveTest) -> dict[str, Any]:
    row = getattr(live_test, "plan", None)
    body: dict[str, Any] = row.body if row else live_test.draft
    return body


def metrics_in_force(live_test: LiveTest) -> list[dict[str, Any]]:
    """As a plan says them: those it was registered with, in its order, and those added since."""
    return all_metrics_in_force([live_test])[live_test.pk]


def all_metrics_in_force(live_tests: Iterable[LiveTest]) -> dict[int, list[dict[str, Any]]]:
    found = {
        test.pk: [one for one in plan_body(test).get("metrics", ()) if isinstance(one, dict)] for test in live_tests
    }
    added = LiveAmendment.objects.filter(
        live_test__in=list(found), kind=LiveAmendment.Kind.METRICS, change__has_key="added"
    )
    for test, metric in added.order_by("made_at", "pk").values_list("live_test_id", "change__added"):
        found[test].append(metric)
    return found


def planned_total(body: Mapping[str, Any]) -> int | None:
    try:
        split, n = float(body["routing"]["split"]), int(body["n_per_arm"])
        return round(n / min(split, 1 - split))
    except (KeyError, TypeError, ZeroDivisionError):
        return None
