"""The shipped example: an imported experiment, a finished pilot, and a round that is still being judged.

Each step looks at what is there first, so loading twice, or after an interruption, makes nothing double.
"""

import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import orjson

from annotations.models import Campaign
from evalsite.platform import invitations, jobs
from evalsite.platform.models import Job, Role, User
from experiments.models import CampaignPlan, Experiment
from experiments.services import imports, results, uploads
from experiments.services.campaigns import drafts, opening, running
from experiments.services.campaigns.drafts import CampaignDraft
from experiments.services.demo_reviews import Opinion, Opinions, review
from experiments.services.file_imports.pair_options import PairOptions

CONTENT = Path(__file__).resolve().parents[1] / "demo"
EXPERIMENT = "Demo: support bot"
BASELINE, CANDIDATE = "support-v1", "support-v2"
QUESTION = "Which answer would you rather have received?"
# The account that somebody trying the demo logs in with comes first.
REVIEWERS = ("reviewer", "reviewer2", "reviewer3")
OPINIONS_OF = {"reviewer": "reviewer1", "reviewer2": "reviewer2", "reviewer3": "reviewer3"}
WAIT_FOR_WORKER_SECONDS = 120.0
CREATED = timedelta(days=13)


@dataclass(frozen=True)
class Round:
    title: str
    seed: int
    sample_size: int | None
    opened: timedelta
    sittings: dict[str, timedelta]
    """When each reviewer sits down first; like `opened`, so long before now."""
    done: dict[str, int] | None
    """How many pairs each reviewer has judged; None for all of them, and the round is closed."""
    gold_share: float = 0


PILOT = Round(
    title="Support bot, pilot",
    seed=9,  # draws a sample that shows all four outcomes
    sample_size=16,
    opened=timedelta(days=9),
    sittings={
        "reviewer": timedelta(days=8, hours=22),
        "reviewer2": timedelta(days=8, hours=20),
        "reviewer3": timedelta(days=8, hours=3),
    },
    done=None,
)
RUNNING = Round(
    title="Support bot, round 2",
    seed=1,
    sample_size=None,
    opened=timedelta(days=3),
    sittings={
        "reviewer": timedelta(days=2, hours=21),
        "reviewer2": timedelta(days=2, hours=19),
        "reviewer3": timedelta(days=1, hours=22),
    },
    # The others are through: the direction is told when whoever tries the demo has judged the last pair.
    done={"reviewer": 16, "reviewer2": 38, "reviewer3": 38},
    gold_share=0.1,
)


class DemoNotLoaded(Exception):
    """Says which step did not end."""


def load(*, now: datetime) -> None:
    admin, lead = person("admin", Role.ADMIN), person("lead", Role.LEAD)
    reviewers = [person(name, Role.REVIEWER) for name in REVIEWERS]
    experiment = imported_experiment(created_by=admin, now=now)
    opinions = read_opinions()
    for one in (PILOT, RUNNING):
        rng = Random(one.seed)  # noqa: S311 the same sample and pauses at every load, nothing that must be secret
        campaign = opened_campaign(experiment=experiment, plan=one, lead=lead, reviewers=reviewers, rng=rng, now=now)
        judge(campaign=campaign, plan=one, reviewers=reviewers, opinions=opinions, rng=rng, now=now)
        if one.done is None and campaign.is_open:
            running.step(campaign=campaign, name="close", actor=lead, now=now - one.opened + timedelta(days=2))
        results.refresh(campaign=campaign, now=now)


def person(username: str, role: Role) -> User:
    """An account that was not made by the `demo` command cannot log in until it is given a password."""
    found = User.objects.filter(username=username).first()
    return found or invitations.create_person(username=username, password=None, roles=[role])


def imported_experiment(*, created_by: User, now: datetime) -> Experiment:
    return Experiment.objects.filter(name=EXPERIMENT).first() or import_pairs(created_by=created_by, now=now)


def import_pairs(*, created_by: User, now: datetime) -> Experiment:
    """They join the experiment of that name where it stands already, whatever its models are."""
    options = PairOptions(
        baseline_name=BASELINE,
        candidate_name=CANDIDATE,
        experiment=EXPERIMENT,
        add_to_existing=Experiment.objects.filter(name=EXPERIMENT).exists(),
    )
    with (CONTENT / "pairs.jsonl").open("rb") as file:
        upload = uploads.store(file=file, filename="support-questions.jsonl", created_by=created_by, now=now)
    checked = imports.begin(upload=upload, second_upload=None, options=options, created_by=created_by, now=now)
    finish(checked.job)
    committed = imports.start_commit(file_import=checked, options=options, actor=created_by, now=now)
    finish(committed.job)
    experiments = Experiment.objects.filter(name=EXPERIMENT)
    # Older than its campaigns and live tests, which the demo begins some days ago.
    experiments.update(created_at=now - CREATED)
    return experiments.get()


def finish(job: Job | None) -> None:
    """Run a job here, or wait for the worker that was quicker."""
    if job is None:
        raise DemoNotLoaded("A step of the demo made no job.")
    deadline = time.monotonic() + WAIT_FOR_WORKER_SECONDS
    jobs.run(job.pk)
    job.refresh_from_db()
    while job.is_live and time.monotonic() < deadline:
        time.sleep(0.2)
        job.refresh_from_db()
    if job.status != Job.Status.DONE:
        raise DemoNotLoaded(f"{job.kind} is {job.get_status_display()}: {job.error or 'no worker has ended it'}")


def opened_campaign(
    *, experiment: Experiment, plan: Round, lead: User, reviewers: list[User], rng: Random, now: datetime
) -> Campaign:
    opened_at = now - plan.opened
    planned = CampaignPlan.objects.filter(experiment=experiment, campaign__title=plan.title)
    found = planned.select_related("campaign").first()
    campaign = (
        found.campaign
        if found
        else drafts.create(
            experiment=experiment, draft=draft_of(plan, reviewers), created_by=lead, now=opened_at, rng=rng
        )
    )
    if campaign.status in (Campaign.Status.DRAFT, Campaign.Status.OPENING):
        job = opening.request_opening(campaign=campaign, requested_by=lead, now=opened_at)
        # Opened here under the simulated clock; the job, made by the same request, then finds nothing left to do.
        opening.open_campaign(campaign_uuid=campaign.uuid, opened_by=lead, now=opened_at)
        finish(job)
        campaign.refresh_from_db()
    return campaign


def draft_of(plan: Round, reviewers: list[User]) -> CampaignDraft:
    return CampaignDraft(
        title=plan.title,
        question=QUESTION,
        guidelines=(CONTENT / "guidelines.md").read_text(),
        sample_size=plan.sample_size,
        gold_share=plan.gold_share,
        reviewers=reviewers,
    )


def read_opinions() -> dict[str, Opinions]:
    """By the reviewer's name in the file."""
    found: dict[str, dict[str, Opinion]] = defaultdict(dict)
    for line in (CONTENT / "judgments.jsonl").read_bytes().splitlines():
        row = orjson.loads(line)
        case, reviewer = row.pop("id"), row.pop("reviewer")
        found[reviewer][case] = Opinion(**row)
    return dict(found)


def judge(
    *,
    campaign: Campaign,
    plan: Round,
    reviewers: list[User],
    opinions: dict[str, Opinions],
    rng: Random,
    now: datetime,
) -> None:
    for reviewer in reviewers:
        name = reviewer.username
        review(
            campaign=campaign,
            reviewer=reviewer,
            opinions=opinions[OPINIONS_OF[name]],
            target=campaign.n_tasks if plan.done is None else plan.done[name],
            start=now - plan.sittings[name],
            rng=rng,
        )
