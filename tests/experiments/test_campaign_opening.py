"""Opening registers the plan, freezes the texts and draws which response is whose."""

from collections import Counter
from random import Random
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from annotations.models import Campaign, ComparisonTask
from evalsite.platform.jobs import LostLease
from evalsite.platform.models import AuditEntry
from experiments.models import BlindedPair, CampaignPlan, EvalSet
from experiments.reports.sampling import quotas
from experiments.services.campaigns import opening
from experiments.services.campaigns.opening import CannotOpen
from tests.factories.annotations_ import make_reviewer
from tests.factories.experiments_ import make_case, make_experiment, make_output
from tests.factories.platform_ import NOW
from tests.factories.results_ import entropy_of, make_draft, make_open_campaign, make_paired_experiment

pytestmark = pytest.mark.django_db


def plan_of(campaign: Campaign) -> CampaignPlan:
    return CampaignPlan.objects.get(campaign=campaign)


def test_an_opened_campaign_has_a_task_for_every_pair() -> None:
    campaign = make_open_campaign(experiment=make_experiment(n_cases=5))

    assert campaign.status == Campaign.Status.OPEN
    assert (campaign.n_tasks, campaign.n_identical) == (5, 0)
    assert ComparisonTask.objects.filter(campaign=campaign).count() == 5
    assert plan_of(campaign).planned_judgments == 10


def test_the_response_drawn_as_the_candidates_is_the_candidates() -> None:
    experiment = make_experiment(n_cases=8)
    make_open_campaign(experiment=experiment)

    options: Counter[int] = Counter()
    for pair in BlindedPair.objects.select_related("task", "candidate_output", "baseline_output"):
        responses = {1: pair.task.response_1, 2: pair.task.response_2}
        assert responses[pair.candidate_option] == pair.candidate_output.text
        assert responses[3 - pair.candidate_option] == pair.baseline_output.text
        assert pair.candidate_length == len(pair.candidate_output.text)
        options[pair.candidate_option] += 1
    assert set(options) == {1, 2}


def test_tasks_stand_in_the_order_of_the_ring_not_of_the_cases() -> None:
    campaign = make_open_campaign(experiment=make_experiment(n_cases=12))

    keys = list(ComparisonTask.objects.filter(campaign=campaign).order_by("pk").values_list("random_key", flat=True))
    cases = list(BlindedPair.objects.order_by("task_id").values_list("case_id", flat=True))
    assert keys == sorted(keys)
    assert cases != sorted(cases)


def test_other_entropy_draws_other_places_and_options() -> None:
    experiment = make_experiment(n_cases=12)
    one, two = (make_open_campaign(experiment=experiment, entropy_seed=seed) for seed in (1, 2))

    def drawn(campaign: Campaign) -> list[tuple[int, int]]:
        return list(
            BlindedPair.objects.filter(campaign=campaign).order_by("task_id").values_list("case_id", "candidate_option")
        )

    assert drawn(one) != drawn(two)


def test_identical_pairs_are_marked_and_ask_for_no_judgment() -> None:
    experiment = make_paired_experiment(("one", "two"), ("The same.", "The same."), ("three", "four"))

    campaign = make_open_campaign(experiment=experiment)

    assert (campaign.n_tasks, campaign.n_identical) == (2, 1)
    assert plan_of(campaign).planned_judgments == 4
    assert BlindedPair.objects.get(identical=True).case.external_id == "2"
    assert ComparisonTask.objects.get(identical=True).response_1 == "The same."


def test_a_pair_with_a_failed_output_is_left_out() -> None:
    experiment = make_paired_experiment(("one", "two"), ("three", "four"))
    failed = make_case(eval_set=EvalSet.objects.get(suites__experiment=experiment), external_id="failed")
    make_output(model_version=experiment.baseline, case=failed)
    make_output(model_version=experiment.candidate, case=failed, text="", error="timed out")

    assert make_open_campaign(experiment=experiment).n_tasks == 2


def test_a_sample_keeps_each_categorys_share_and_is_drawn_again_from_its_seed() -> None:
    texts = [(f"one {number}", f"two {number}") for number in range(30)]
    experiment = make_paired_experiment(*texts, categories=["billing", "billing", "api"])

    def sampled(entropy_seed: int) -> dict[str, str]:
        campaign = make_open_campaign(experiment=experiment, sample_size=9, entropy_seed=entropy_seed)
        return dict(BlindedPair.objects.filter(campaign=campaign).values_list("case__external_id", "category"))

    first = sampled(1)
    assert Counter(first.values()) == {"billing": 6, "api": 3}
    assert sampled(2) == first


def test_quotas_sum_up_to_the_sample_by_largest_remainder() -> None:
    assert quotas({"a": 5, "b": 3, "c": 2}, 4) == {"a": 2, "b": 1, "c": 1}
    assert quotas({"a": 5, "b": 3}, 100) == {"a": 5, "b": 3}


def test_the_registered_plan_is_frozen() -> None:
    plan = plan_of(make_open_campaign())
    assert plan.registered is not None
    assert plan.hash == CampaignPlan.hash_of(plan.registered)

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        CampaignPlan.objects.filter(pk=plan.pk).update(planned_judgments=1)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        CampaignPlan.objects.filter(pk=plan.pk).delete()


def test_which_response_is_whose_cannot_be_changed() -> None:
    make_open_campaign()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        BlindedPair.objects.update(candidate_option=1)


def test_opening_is_audited_with_the_hash_of_the_plan() -> None:
    campaign = make_open_campaign()
    entry = AuditEntry.objects.get(action="campaign.opened")
    assert entry.details["plan"] == plan_of(campaign).hash


def test_opening_twice_makes_nothing_new() -> None:
    campaign = make_open_campaign()
    opening.open_campaign(campaign_uuid=campaign.uuid, opened_by=None, now=NOW, entropy=entropy_of(3))
    assert ComparisonTask.objects.filter(campaign=campaign).count() == campaign.n_tasks


def test_asking_twice_to_open_makes_one_job() -> None:
    campaign = make_draft()
    first = opening.request_opening(campaign=campaign, requested_by=None, now=NOW)
    assert opening.request_opening(campaign=campaign, requested_by=None, now=NOW) == first
    campaign.refresh_from_db()
    assert campaign.status == Campaign.Status.OPENING


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"guidelines": ""}, "guidelines"),
        ({"reviewers": []}, "who may review"),
    ],
)
def test_an_incomplete_draft_is_not_opened(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(CannotOpen, match=reason):
        opening.request_opening(campaign=make_draft(**fields), requested_by=None, now=NOW)


def test_a_campaign_of_identical_pairs_only_is_not_opened() -> None:
    experiment = make_paired_experiment(("The same.", "The same."))
    campaign = make_draft(experiment=experiment, reviewers=[make_reviewer()])
    opening.request_opening(campaign=campaign, requested_by=None, now=NOW)

    with pytest.raises(CannotOpen, match="nothing to judge"):
        opening.open_campaign(campaign_uuid=campaign.uuid, opened_by=None, now=NOW, entropy=Random(1).randbytes)
    assert opening.back_to_draft(campaign_uuid=campaign.uuid)


def test_a_zombie_that_lost_its_job_opens_nothing() -> None:
    campaign = make_draft()
    opening.request_opening(campaign=campaign, requested_by=None, now=NOW)

    def lost() -> None:
        raise LostLease

    with pytest.raises(LostLease):
        opening.open_campaign(campaign_uuid=campaign.uuid, opened_by=None, now=NOW, guard=lost)
    campaign.refresh_from_db()
    assert campaign.status == Campaign.Status.OPENING
    assert not ComparisonTask.objects.exists()
    assert not plan_of(campaign).is_registered


def test_progress_is_told_while_pairs_are_frozen() -> None:
    campaign = make_draft(experiment=make_experiment(n_cases=4))
    opening.request_opening(campaign=campaign, requested_by=None, now=NOW)
    told: list[tuple[int, int, str]] = []
    opening.open_campaign(
        campaign_uuid=campaign.uuid, opened_by=None, now=NOW, progress=lambda *step: told.append(step)
    )
    assert told[-1] == (4, 4, "freezing the pairs")
