"""Evidence that exists and does not count, counts otherwise than planned, or was chosen with a result in sight."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db.models import Q
from django.urls import reverse

from annotations.models import Campaign
from evalsite.platform.models import AuditEntry
from experiments.models import (
    BenchmarkRun,
    Experiment,
    PlanAmendment,
    RegisteredPolicy,
    SequentialStop,
    SuiteRole,
    Unblinding,
)
from experiments.reports.evidence.live import Live
from experiments.reports.evidence.page import Act
from experiments.reports.evidence.reviews import Reviews
from experiments.reports.evidence.suites import ARMS, Suite, newest

SUITE_ACTS = ("suite.used", "suite.changed")
SECOND_LOOK = (
    "a number that takes both together was looked at more than once, and its error is larger than its level says"
)
NO_END = (BenchmarkRun.Status.CANCELLED, BenchmarkRun.Status.FAILED)


def deviations(
    experiment: Experiment, suites: Sequence[Suite], reviews: Reviews, tests: Sequence[Live]
) -> tuple[Act, ...]:
    return (
        *older_sets(suites),
        *suites_changed(experiment, suites),
        *runs_again(suites),
        *closed_early(reviews),
        *reviews_added(reviews),
        *stopped_short(tests),
        *tests_again(tests),
    )


def older_sets(suites: Sequence[Suite]) -> Iterator[Act]:
    kept = newest(suites)
    for one in suites:
        if one not in kept:
            what = f"{one} belongs to the experiment too; a newer version of it counts"
            yield Act(kind="eval_set", what=what, url=reverse("eval_set", args=[one.eval_set.pk]))


def suites_changed(experiment: Experiment, suites: Sequence[Suite]) -> Iterator[Act]:
    """Suites that came, or got another role, when the rule was written down already; the audit log knows."""
    first = RegisteredPolicy.objects.filter(experiment=experiment).order_by("number").first()
    if first is None:
        return
    # Entries of an earlier day name the experiment by its name alone.
    mine = Q(details__experiment=experiment.pk) | Q(subject=str(experiment)) & ~Q(details__has_key="experiment")
    entries = AuditEntry.objects.filter(mine, action__in=SUITE_ACTS).order_by("id")
    by_name, told, roles = {str(one): one for one in suites}, when_told(suites), dict[str, str]()
    for entry in entries:
        name, role = entry.details["eval_set"], entry.details["role"]
        before = entry.details.get("role_before", roles.get(name, ""))
        roles[name] = role
        is_new = entry.action == "suite.used"
        if entry.at <= first.registered_at or name not in by_name or not (is_new or before != role):
            continue
        known = {one for one, at in told.items() if at <= entry.at}
        yield Act(
            kind="eval_set",
            what=suite_words(name, role, before, is_new=is_new, known=known),
            by=entry.actor_name,
            at=entry.at,
            url=reverse("eval_set", args=[by_name[name].eval_set.pk]),
        )


def suite_words(name: str, role: str, before: str, *, is_new: bool, known: set[str]) -> str:
    became = SuiteRole(role).name.lower()
    if is_new:
        words = f"{name} was added as {became} after the policy was registered"
        return f"{words}, with results of {' and '.join(sorted(known))} known: {SECOND_LOOK}" if known else words
    words = f"{name} became {became}{f' instead of {before}' if before else ''} after the policy was registered"
    return f"{words}, with its results known" if name in known else words


def when_told(suites: Sequence[Suite]) -> dict[str, datetime]:
    """When both models' results over a set could be seen first."""
    models = {run.model_version_id for one in suites for arm in ARMS if (run := one.run_of(arm))}
    done = BenchmarkRun.objects.filter(
        model_version__in=models, eval_set__in=[one.eval_set.pk for one in suites], finished_at__isnull=False
    ).exclude(status__in=NO_END)
    first: dict[tuple[int, int], datetime | None] = {}
    for key in done.order_by("-finished_at").values_list("eval_set", "model_version", "finished_at"):
        first[key[0], key[1]] = key[2]
    found = {}
    for one in suites:
        both = [first.get((one.eval_set.pk, run.model_version_id)) for arm in ARMS if (run := one.run_of(arm))]
        known = [at for at in both if at]
        if len(known) == len(ARMS):
            found[str(one)] = max(known)
    return found


def runs_again(suites: Sequence[Suite]) -> Iterator[Act]:
    """Whoever runs a model until it passes leaves the runs before behind."""
    counted = [(one, arm, run) for one in suites for arm in ARMS if (run := one.run_of(arm))]
    rows = BenchmarkRun.objects.filter(
        model_version__in={run.model_version_id for _, _, run in counted},
        eval_set__in={run.eval_set_id for _, _, run in counted},
    )
    tried: dict[tuple[int, int], list[BenchmarkRun]] = defaultdict(list)
    for row in rows.order_by("created_at", "pk").only("model_version", "eval_set", "status", "created_at"):
        tried[row.model_version_id, row.eval_set_id].append(row)
    for one, arm, run in counted:
        all_runs = tried[run.model_version_id, run.eval_set_id]
        if len(all_runs) > 1:
            place = [row.pk for row in all_runs].index(run.pk) + 1
            yield Act(
                kind="run",
                what=f"Run {place:,} of {len(all_runs):,} of the {arm} over {one} counts, {others(all_runs, run)}",
                at=run.finished_at,
                url=reverse("run", args=[run.pk]),
            )


def others(all_runs: Sequence[BenchmarkRun], counted: BenchmarkRun) -> str:
    """ "not the others (2 done and 1 cancelled)"."""
    rest = Counter(str(row.get_status_display()) for row in all_runs if row.pk != counted.pk)
    said = " and ".join(f"{n:,} {status}" for status, n in sorted(rest.items()))
    return f"not the other{'s' if sum(rest.values()) > 1 else ''} ({said})"


def closed_early(reviews: Reviews) -> Iterator[Act]:
    for one in reviews.campaigns:
        progress = reviews.progress[one.pk]
        so_far = f"{progress.counted:,} of {progress.planned or 0:,} registered judgments"
        if one.status == Campaign.Status.CLOSED and not progress.revealed:
            yield Act(
                kind="campaign",
                what=f"{one.title} was closed at {so_far}, so its direction stays hidden",
                url=reverse("campaign", args=[one.uuid]),
            )


def reviews_added(reviews: Reviews) -> Iterator[Act]:
    """Rounds of review that were registered when the direction of another was known."""
    told = directions_told(reviews)
    for one in reviews.campaigns:
        plan = reviews.plans[one.pk]
        at = plan.registered_at
        if at is None:
            continue
        known = [other.title for other in reviews.campaigns if other.pk in told and told[other.pk] < at]
        if known:
            yield Act(
                kind="campaign",
                what=f"{one.title} was registered when the direction of {' and '.join(known)} was known: {SECOND_LOOK}",
                by=plan.registered_by.username if plan.registered_by else "",
                at=at,
                url=reverse("campaign", args=[one.uuid]),
            )


def directions_told(reviews: Reviews) -> dict[int, datetime]:
    """When each could be read first: all registered judgments in, the registered rule stopped, or somebody looked."""
    found: dict[int, list[datetime]] = defaultdict(list)
    for model in (Unblinding, SequentialStop):
        for pk, at in model.objects.filter(campaign__in=reviews.campaigns).values_list("campaign", "at"):
            found[pk].append(at)
    lowered = PlanAmendment.objects.filter(campaign__in=reviews.campaigns).order_by("at")
    lowered_at = dict(lowered.values_list("campaign", "at"))
    for one in reviews.campaigns:
        progress = reviews.progress[one.pk]
        if progress.is_complete and progress.last_judged_at:
            found[one.pk].append(max(progress.last_judged_at, lowered_at.get(one.pk, progress.last_judged_at)))
    return {pk: min(moments) for pk, moments in found.items()}


def stopped_short(tests: Sequence[Live]) -> Iterator[Act]:
    for one in tests:
        if one.is_over and one.payload and one.payload.progress < 1 and one.payload.method == "fixed_horizon":
            yield Act(
                kind="live_test",
                what=f"{one.test.key} was stopped at {one.payload.progress:.0%} of its planned size",
                reason=one.test.stop_reason,
                at=one.test.stopped_at,
                url=one.url,
            )


def tests_again(tests: Sequence[Live]) -> Iterator[Act]:
    """The newest counts, so one that failed can be left behind by another."""
    for place, one in enumerate(reversed(tests[1:]), start=1):
        yield Act(
            kind="live_test",
            what=f"{one.test.key} was live test {place:,} of {len(tests):,}; "
            f"{tests[0].test.key}, the newest, counts where a criterion names none",
            at=one.test.started_at,
            url=one.url,
        )
