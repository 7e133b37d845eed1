"""An experiment imported from a file and a campaign opened on it, by the services the pages use."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from random import Random
from typing import Any

import orjson
from django.db import connection
from django.utils import timezone

from annotations.models import Campaign, Seat
from annotations.services.seats import RING
from evalsite.platform import jobs
from evalsite.platform.embedded.processes import wait_until
from evalsite.platform.models import Job, User
from experiments import tasks as handlers_of_jobs  # noqa: F401
from experiments.models import EvalCase, Experiment, FileImport, GoldAnswer
from experiments.services import imports, uploads
from experiments.services.campaigns import drafts, opening
from experiments.services.campaigns.drafts import CampaignDraft
from experiments.services.file_imports.pair_options import PairOptions
from tests.factories.platform_ import make_user

# Where the rows of `experiments` begin to count: numbers that are found by chance nowhere else.
FIRST_ID = 871_300_000


@dataclass(frozen=True)
class Names:
    """What a reviewer must not see. `one` and `two` are the models, in the order of the arms before any swap."""

    one: str = "Quokkatron-Base-7b-zx91"
    two: str = "Wombatling-Tuned-qv37"
    experiment: str = "Marsupial-showdown-kj55"
    file: str = "narwhal-outputs-bn24.jsonl"
    category: str = "zebrafish-category-ww08"
    tag: str = "axolotl-tag-rr19"
    cluster: str = "pangolin-cluster-tt62"
    expected: str = "okapi-reference-answer-uu73"
    metadata: str = "tapir-metadata-yy46"
    case: str = "ocelot-case-dd"
    admin: str = "adminOfCapybaras"
    lead: str = "leadOfCapybaras"
    other: str = "otherReviewerOfCapybaras"
    remark: str = "Remark of the other reviewer about manatees"

    def all(self) -> list[str]:
        return [*vars(self).values(), self.file.removesuffix(".jsonl")]


@dataclass(frozen=True)
class World:
    campaign: Campaign
    experiment: Experiment
    file_import: FileImport
    reviewer: User
    other: User
    lead: User


def number_rows(*, world: int) -> None:
    """Every table, so that two worlds under the same number, one after the other, get the same ids."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sequencename FROM pg_sequences WHERE sequencename ~ '^(experiments_|annotations_|platform_user_id)'"
        )
        for (name,) in cursor.fetchall():
            start = (FIRST_ID if name.startswith("experiments_") else 1) + world * 10_000
            cursor.execute(f'ALTER SEQUENCE "{name}" RESTART WITH {start}')


def pair_rows(n_pairs: int, names: Names) -> list[dict[str, Any]]:
    """Two kinds of answers that differ in length and style, as two models' do."""
    return [
        {
            "id": f"{names.case}{number}",
            "system": "You answer customers.",
            "prompt": f"How do I return order {number}?",
            "one": f"Order {number} can be returned within 30 days.",
            "two": f"1. Open **Orders**\n2. Choose order {number}\n3. Press *Return*\n\nA label comes by mail.",
            "reference": names.expected,
            "category": names.category,
            "tags": [names.tag],
            "cluster": names.cluster,
            "metadata": {"note": names.metadata},
        }
        for number in range(n_pairs)
    ]


def import_rows(rows: Sequence[dict[str, Any]], *, filename: str, options: PairOptions, by: User) -> FileImport:
    """As JSON lines, through dry run and commit."""
    content = b"\n".join(orjson.dumps(row) for row in rows)
    now = timezone.now()
    upload = uploads.store(file=BytesIO(content), filename=filename, created_by=by, now=now)
    begun = imports.begin(upload=upload, second_upload=None, options=options, created_by=by, now=now)
    finish(begun.job)
    begun.refresh_from_db()
    assert begun.n_errors == 0, list(begun.problems.values_list("row", "reason"))
    started = imports.start_commit(file_import=begun, options=options, actor=by, now=now)
    finish(started.job)
    return FileImport.objects.select_related("experiment", "upload").get(pk=started.pk)


def finish(job: Job | None) -> None:
    """Here, or by the worker if the site's own was quicker."""
    assert job is not None
    jobs.run(job.pk)

    def is_over() -> bool:
        job.refresh_from_db()
        return not job.is_live

    assert wait_until(is_over, seconds=30)
    assert job.status == Job.Status.DONE, job.error


def make_world(
    *, names: Names | None = None, n_pairs: int = 7, swapped: bool = False, number: int = 0, **fields: Any
) -> World:
    """`swapped`: who was the baseline is the candidate, nothing else differs. `number` tells worlds in one database."""
    names = names or Names()
    suffix = str(number or "")
    number_rows(world=number)
    admin = make_user(username=names.admin + suffix, roles=["admin"])
    lead = make_user(username=names.lead + suffix, roles=["lead"])
    reviewer = make_user(username="reviewer" + suffix, roles=["reviewer"])
    other = make_user(username=names.other + suffix, roles=["reviewer"])
    arms = ("two", "one") if swapped else ("one", "two")
    options = PairOptions(
        mapping={"baseline": arms[0], "candidate": arms[1]},
        baseline_name=getattr(names, arms[0]),
        candidate_name=getattr(names, arms[1]),
        experiment=names.experiment,
    )
    file_import = import_rows(pair_rows(n_pairs, names), filename=names.file, options=options, by=admin)
    assert file_import.experiment is not None
    draft = CampaignDraft(
        title="Support answers, round one",
        guidelines="Prefer the answer that **helps** the customer.",
        reviewers=[reviewer, other],
        **{"reviewers_per_pair": 2, **fields},
    )
    now = timezone.now()
    if fields.get("gold_share"):
        know_the_first_half(file_import.experiment, better="baseline" if swapped else "candidate", now=now)
    campaign = drafts.create(experiment=file_import.experiment, draft=draft, created_by=lead, now=now, rng=Random(3))
    seat_at_fixed_places(campaign)
    Campaign.objects.filter(pk=campaign.pk).update(status=Campaign.Status.OPENING)
    opened = opening.open_campaign(
        campaign_uuid=campaign.uuid, opened_by=lead, now=now, entropy=entropy(n_pairs=n_pairs, swapped=swapped)
    )
    return World(opened, file_import.experiment, file_import, reviewer, other, lead)


def know_the_first_half(experiment: Experiment, *, better: str, now: datetime) -> None:
    """The same model's answers are better, whatever its arm."""
    for case in EvalCase.objects.filter(eval_set__suites__experiment=experiment, position__lt=4):
        GoldAnswer.objects.create(
            experiment=experiment, case=case, answer=better, source=GoldAnswer.Source.IMPORT, created_at=now
        )


def seat_at_fixed_places(campaign: Campaign) -> None:
    for place, seat in enumerate(Seat.objects.filter(campaign=campaign).order_by("pk"), start=1):
        Seat.objects.filter(pk=seat.pk).update(ring_start=RING // 3 * place, ring_cursor=RING // 3 * place)


def entropy(*, n_pairs: int, swapped: bool) -> opening.Entropy:
    """The same draw for both worlds, each coin for the candidate's option turned round in the swapped one.

    A turned coin is as likely as the coin itself. So when this pair of draws gives the same pages, every page is as
    likely with the arms one way as the other, which is what blinding means.
    """
    random = Random(11)

    def draw(n_bytes: int) -> bytes:
        drawn = random.randbytes(n_bytes)
        is_coins = n_bytes == n_pairs
        return bytes(255 - byte for byte in drawn) if swapped and is_coins else drawn

    return draw
