"""What people did that a reader of the verdict must know: who opened which direction when, and what was changed."""

from collections.abc import Sequence

from django.urls import reverse

from evalsite.platform.models import User
from experiments.models import Experiment, LiveAmendment, PlanAmendment, RegisteredPolicy, Unblinding
from experiments.reports.evidence import page
from experiments.reports.evidence.live import Live
from experiments.reports.evidence.page import Act
from experiments.reports.evidence.reviews import Reviews
from experiments.reports.policies.registered import Registered

OPENED = LiveAmendment.Kind.OPENED_EARLY


def name_of(person: User | None) -> str:
    return person.username if person else ""


def policy_of(rule: Registered) -> page.Policy:
    row = rule.row
    return page.Policy(
        number=row.number,
        title=rule.policy.title,
        sha256=row.sha256,
        registered_at=row.registered_at,
        registered_by=name_of(row.registered_by),
        after_evidence=rule.open_evidence,
        url=reverse("policy", args=[row.experiment_id]),
    )


def unblindings(reviews: Reviews, tests: Sequence[Live]) -> tuple[Act, ...]:
    """Every time somebody opened a direction before its time, oldest first."""
    looks = Unblinding.objects.filter(campaign__in=reviews.campaigns).select_related("by", "campaign").order_by("at")
    found = [
        Act(
            kind="campaign",
            what=f"Opened the direction of {one.campaign.title} at {one.n_judgments:,} judgments",
            reason=one.reason,
            by=name_of(one.by),
            at=one.at,
            url=reverse("campaign", args=[one.campaign.uuid]),
        )
        for one in looks
    ]
    return tuple(sorted([*found, *live_acts(tests, opened=True)], key=order))


def amendments(experiment: Experiment, reviews: Reviews, tests: Sequence[Live]) -> tuple[Act, ...]:
    """Of the policy, of campaign plans and of live plans, oldest first."""
    changed = RegisteredPolicy.objects.filter(experiment=experiment, number__gt=1).select_related("registered_by")
    rules = [
        Act(
            kind="policy",
            what=f"Policy {one.number} took the place of policy {one.number - 1}",
            reason=one.reason,
            by=name_of(one.registered_by),
            at=one.registered_at,
            url=reverse("policy", args=[experiment.pk]),
        )
        for one in changed
    ]
    lowered = PlanAmendment.objects.filter(campaign__in=reviews.campaigns).select_related("by", "campaign")
    plans = [
        Act(
            kind="campaign",
            what=f"{one.campaign.title}: {one.planned_before:,} registered judgments became {one.planned_judgments:,}",
            reason=one.reason,
            by=name_of(one.by),
            at=one.at,
            url=reverse("campaign", args=[one.campaign.uuid]),
        )
        for one in lowered
    ]
    return tuple(sorted([*rules, *plans, *live_acts(tests, opened=False)], key=order))


def live_acts(tests: Sequence[Live], *, opened: bool) -> list[Act]:
    by_id = {one.test.pk: one for one in tests}
    rows = LiveAmendment.objects.filter(live_test__in=by_id).select_related("made_by", "live_test")
    return [
        Act(
            kind="live_test",
            what=f"{one.live_test.key}: {one.get_kind_display()}",
            reason=one.reason,
            by=name_of(one.made_by),
            at=one.made_at,
            url=by_id[one.live_test_id].url,
        )
        for one in rows
        if (one.kind == OPENED) == opened
    ]


def order(act: Act) -> tuple[str, str]:
    return (act.at.isoformat() if act.at else "", act.what)
