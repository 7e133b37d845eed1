"""Whether the data can be trusted at all: one check at a time, each with its reason and the way out."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from annotations.models import Campaign
from experiments.deciding.catalogue import Layer
from experiments.go_no_go import Health
from experiments.models import BenchmarkRun, BlindedPair, CampaignPlan, EvalSet, Experiment, PlanAmendment, Unblinding
from experiments.policy import Policy
from experiments.reports.comparisons.coverage import MOST_ERRORS
from experiments.reports.evidence.live import Live, chosen
from experiments.reports.evidence.page import HealthRow
from experiments.reports.evidence.reviews import Reviews
from experiments.reports.evidence.suites import Suite
from experiments.reports.evidence.suites import chosen as chosen_suites
from experiments.reports.human.gold import GoldRule, gold_report

ERRORS, PAIRS, VERSIONS, COMPARISON = "errors", "missing_pairs", "eval_set_versions", "comparison"
SRM, EARLY, GOLD = "srm", "opened_early", "gold"
NEW_ROUND = "A new one is the only way to a verdict."


@dataclass(frozen=True)
class Check:
    """`is_asked`: a criterion asks for this evidence, so its failure counts. is_warning: sound, but worth a look."""

    health: Health
    is_asked: bool
    is_warning: bool = False

    @property
    def row(self) -> HealthRow:
        found = self.health
        status = "unknown" if found.ok is None else "failed" if not found.ok else "warning" if self.is_warning else "ok"
        return HealthRow(
            key=found.key, title=found.title, status=status, detail=found.detail, layer=found.layer, url=found.url
        )


def checks(
    experiment: Experiment, policy: Policy | None, suites: Sequence[Suite], reviews: Reviews, tests: Sequence[Live]
) -> list[Check]:
    most = policy.max_error_share if policy else MOST_ERRORS
    asked = asked_for(policy, suites, reviews, tests)
    found = []
    for suite in suites:
        found += [Check(one, suite.eval_set.pk in asked.sets) for one in of_suite(experiment, suite, most)]
    for campaign in reviews.campaigns:
        found += [
            Check(one, campaign.pk in asked.campaigns, is_warning=is_warned)
            for one, is_warned in of_campaign(reviews, campaign)
        ]
    found += versions_apart(suites, reviews, asked)
    for live in tests:
        found += [Check(one, live.test.pk in asked.tests, is_warning=warned) for one, warned in of_live(live)]
    return found


@dataclass(frozen=True)
class Asked:
    sets: frozenset[int]
    campaigns: frozenset[int]
    tests: frozenset[int]


def asked_for(policy: Policy | None, suites: Sequence[Suite], reviews: Reviews, tests: Sequence[Live]) -> Asked:
    """What the policy's criteria rest on; without a policy everything there is."""
    if policy is None:
        return Asked(
            frozenset(one.eval_set.pk for one in suites),
            frozenset(one.pk for one in reviews.campaigns),
            frozenset(one.test.pk for one in tests),
        )
    about = [one.evidence for one in policy.criteria]
    benchmarks: tuple[Layer, ...] = ("benchmark", "cost")
    live = [chosen(tests, one) for one in about if one.layer == "live"]
    return Asked(
        frozenset(
            suite.eval_set.pk for one in about if one.layer in benchmarks for suite in chosen_suites(suites, one)
        ),
        frozenset(campaign.pk for one in about if one.layer == "human" for campaign in reviews.chosen(one)),
        frozenset(one.test.pk for one in live if one),
    )


# Benchmarks


def of_suite(experiment: Experiment, suite: Suite, most: float) -> list[Health]:
    versions = other_versions(experiment, suite)
    if suite.missing is not None or not suite.payload:
        return versions
    covered = suite.payload["coverage"]
    return [*versions, of_errors(suite, covered, most), of_pairs(suite, covered, most), *of_comparison(suite, covered)]


def of_errors(suite: Suite, covered: dict[str, dict[str, float]], most: float) -> Health:
    shares = {arm: covered[arm]["error_share"] for arm in ("baseline", "candidate")}
    told = ", ".join(
        f"{arm} {covered[arm]['errors']:,} of {covered['n_cases']:,} ({share:.1%})" for arm, share in shares.items()
    )
    ok = max(shares.values()) <= most
    way = "" if ok else f" At most {most:.1%} are allowed: run the failed cases again from the page of the run."
    return Health(
        key=ERRORS,
        title=f"Errors over {suite}",
        ok=ok,
        detail=f"Without a usable output: {told}.{way}",
        layer="benchmark",
        url=suite.url,
    )


def of_pairs(suite: Suite, covered: dict[str, float], most: float) -> Health:
    n, paired = int(covered["n_cases"]), int(covered["n_paired"])
    ok = n > 0 and (n - paired) <= most * n
    detail = f"{paired:,} of {n:,} cases have an output of both models."
    way = "" if ok else " What is missing on one side may be the harder cases: run them, or import their outputs."
    return Health(key=PAIRS, title=f"Pairs over {suite}", ok=ok, detail=detail + way, layer="benchmark", url=suite.url)


def of_comparison(suite: Suite, covered: dict[str, dict[str, float]]) -> list[Health]:
    """What the comparison itself refuses for beyond errors, which come first there and have their own check here."""
    errors = sum(covered[arm]["error_share"] > MOST_ERRORS for arm in ("baseline", "candidate"))
    reasons = suite.payload["invalid_reasons"][errors:]
    title = f"Comparison over {suite}"
    return [
        Health(key=COMPARISON, title=title, ok=False, detail=reason, layer="benchmark", url=suite.url)
        for reason in reasons
    ]


def other_versions(experiment: Experiment, suite: Suite) -> list[Health]:
    """Where one of the models was only run over another version of the same set."""
    arms = {"baseline": experiment.baseline_id, "candidate": experiment.candidate_id}
    here = [arm for arm in arms if suite.run_of(arm)]
    title, url = f"Versions of {suite.eval_set.name}", reverse("eval_set", args=[suite.eval_set.pk])
    if len(here) == 2:
        detail = f"Both models were run over {suite} ({suite.eval_set.content_hash[:12]})."
        return [Health(key=VERSIONS, title=title, ok=True, detail=detail, layer="benchmark", url=url)]
    elsewhere = {arm: elsewhere_of(suite.eval_set, arms[arm]) for arm in arms}
    told = [f"the {arm} over {words_of(elsewhere[arm])}" for arm in arms if arm not in here and elsewhere[arm]]
    if not told or not here:
        return []
    if elsewhere["baseline"] & elsewhere["candidate"] or not is_done(suite.run_of(here[0])):
        detail = f"Only the {here[0]} was started over {suite} so far, {' and '.join(told)}: run both over one version."
        return [Health(key=VERSIONS, title=title, ok=None, detail=detail, layer="benchmark", url=url)]
    detail = (
        f"The {here[0]} was run over {suite}, {' and '.join(told)}: cases of two versions are not the same cases. "
        "Run both over one version."
    )
    return [Health(key=VERSIONS, title=title, ok=False, detail=detail, layer="benchmark", url=url)]


def is_done(run: BenchmarkRun | None) -> bool:
    return run is not None and run.status == BenchmarkRun.Status.DONE


def words_of(versions: Iterable[int]) -> str:
    return ", ".join(f"v{one}" for one in sorted(versions))


def elsewhere_of(eval_set: EvalSet, model_id: int) -> set[int]:
    runs = BenchmarkRun.objects.filter(
        model_version=model_id, eval_set__name=eval_set.name, status=BenchmarkRun.Status.DONE
    )
    return set(runs.exclude(eval_set=eval_set).values_list("eval_set__version", flat=True))


# Human review


def versions_apart(suites: Sequence[Suite], reviews: Reviews, asked: Asked) -> list[Check]:
    """Campaigns with pairs of another version of a set than the one that counts."""
    names = {one.eval_set.name for one in suites}
    versions = EvalSet.objects.filter(name__in=names).in_bulk()
    if len(versions) == len(names):
        return []
    measured = by_name(one.eval_set for one in suites if one.eval_set.pk in asked.sets)
    judged = {one.pk: judged_of(one, versions) for one in reviews.campaigns}
    newest = by_name(one for pk, sets in judged.items() if pk in asked.campaigns for one in sets)
    counting = {name: sets[-1:] for name, sets in newest.items()} | measured
    found = []
    for campaign in reviews.campaigns:
        here = by_name(judged[campaign.pk])
        for name, sets in here.items():
            if name in counting and not set(sets) <= set(counting[name]):
                beside = "the benchmarks are of" if name in measured else "the newest that is judged is"
                check = of_versions(campaign, sets, f"{beside} {', '.join(map(str, counting[name]))}")
                found.append(Check(check, campaign.pk in asked.campaigns))
    return found


def by_name(sets: Iterable[EvalSet]) -> dict[str, list[EvalSet]]:
    """The versions of each, the newest last."""
    found: dict[str, list[EvalSet]] = defaultdict(list)
    for one in sorted(set(sets), key=lambda one: (one.name, one.version)):
        found[one.name].append(one)
    return found


def judged_of(campaign: Campaign, versions: Mapping[int, EvalSet]) -> list[EvalSet]:
    """Without the pairs that measure reviewers: they say nothing of the models."""
    pairs = BlindedPair.objects.filter(campaign=campaign, gold="", case__eval_set__in=versions)
    return [versions[pk] for pk in pairs.values_list("case__eval_set", flat=True).distinct()]


def of_versions(campaign: Campaign, judged: Sequence[EvalSet], beside: str) -> Health:
    return Health(
        key=VERSIONS,
        title=f"Versions of {judged[0].name} in {campaign.title}",
        ok=False,
        detail=f"{campaign.title} judges {' and '.join(map(str, judged))}, {beside}: cases of two versions are not "
        "the same cases. Run a round over one version alone, or name the eval set or the campaign in the criterion.",
        layer="human",
        url=reverse("campaign", args=[campaign.uuid]),
    )


def of_campaign(reviews: Reviews, campaign: Campaign) -> list[tuple[Health, bool]]:
    url = reverse("campaign", args=[campaign.uuid])
    return [*of_gold(reviews, campaign, url), *of_unblinding(reviews, campaign, url)]


def of_gold(reviews: Reviews, campaign: Campaign, url: str) -> list[tuple[Health, bool]]:
    """From the votes that the win rate is read from, so that neither is older than the other."""
    plan = reviews.plans[campaign.pk]
    if not plan.gold_share:
        return []
    title = f"Known answers in {campaign.title}"
    gold = gold_report(reviews.votes([campaign]), rule=GoldRule(plan.gold_share, plan.gold_threshold))
    accuracy = gold.overall.right
    if accuracy.estimate is None:
        detail = "No pair with a known answer has been judged yet."
        return [(Health(key=GOLD, title=title, ok=None, detail=detail, layer="human", url=url), False)]
    detail = (
        f"{accuracy.estimate:.1%} of {accuracy.n:,} known answers were given rightly, "
        f"{plan.gold_threshold:.0%} were registered."
    )
    if gold.failed:
        detail += " Reviewers did not look closely enough: run a new round with clearer guidelines."
    warned = bool(gold.warnings) and not gold.failed
    return [(Health(key=GOLD, title=title, ok=not gold.failed, detail=detail, layer="human", url=url), warned)]


def of_unblinding(reviews: Reviews, campaign: Campaign, url: str) -> list[tuple[Health, bool]]:
    lowered = list(PlanAmendment.objects.filter(campaign=campaign))
    looks = list(Unblinding.objects.filter(campaign=campaign).order_by("at").select_related("by"))
    plan = reviews.plans[campaign.pk]
    early = [(one, planned) for one in looks if one.n_judgments < (planned := planned_at(plan, lowered, one.at))]
    is_fixed = plan.stopping == CampaignPlan.Stopping.FIXED
    title = f"Direction of {campaign.title}"
    if not early:
        detail = f"Not opened before its registered {'number was in' if is_fixed else 'rule had ended it'}."
        return [(Health(key=EARLY, title=title, ok=True, detail=detail, layer="human", url=url), False)]
    look, planned = early[0]
    detail = f"{look.by.username} opened it at {look.n_judgments:,} of {planned:,} judgments: {look.reason}"
    if is_fixed:
        detail += f" With a fixed number, what is read afterwards cannot be taken at its level. {NEW_ROUND}"
    return [(Health(key=EARLY, title=title, ok=not is_fixed, detail=detail, layer="human", url=url), not is_fixed)]


def planned_at(plan: CampaignPlan, lowered: Sequence[PlanAmendment], moment: datetime) -> int:
    """As registered, or lowered by then: what is lowered after a look cannot make it one in time."""
    return min([plan.planned_judgments or 0, *(one.planned_judgments for one in lowered if one.at <= moment)])


# Live test


def of_live(live: Live) -> list[tuple[Health, bool]]:
    payload = live.payload
    if payload is None:
        return []
    found = []
    for check in payload.health:
        if check.key != SRM:
            continue
        ok = {"ok": True, "warning": True, "failed": False}.get(check.status)
        detail = " ".join((check.sentence, *(check.ways_out if ok is False else ())))
        health = Health(key=SRM, title=f"Split of {live.test.key}", ok=ok, detail=detail, layer="live", url=live.url)
        found.append((health, check.status == "warning"))
    if payload.blocked and not any(one.ok is False for one, _ in found):
        title = f"Data of {live.test.key}"
        found.append(
            (Health(key=SRM, title=title, ok=False, detail=payload.blocked_why, layer="live", url=live.url), False)
        )
    if payload.method == "fixed_horizon":
        opened = payload.opened_early
        detail = (
            f"It was opened before the planned {payload.planned_n:,} {payload.unit}s per arm were in. {NEW_ROUND}"
            if opened
            else f"Not opened before the planned {payload.planned_n:,} {payload.unit}s per arm were in."
        )
        title = f"Direction of {live.test.key}"
        found.append((Health(key=EARLY, title=title, ok=not opened, detail=detail, layer="live", url=live.url), False))
    return found
