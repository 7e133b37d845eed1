"""A draft holds what a lead decides; nobody who knows the arms reviews, and no word tells them."""

from typing import Any

import pytest

from annotations.models import Campaign, Criterion, Seat
from annotations.services.seats import NotBlind
from evalsite.platform.models import AuditEntry
from experiments.models import CampaignPlan
from experiments.services.campaigns import drafts
from experiments.services.campaigns.drafts import AskedCriterion, CampaignDraft, NotADraft
from experiments.services.campaigns.naming import NamesAModel
from tests.factories.annotations_ import make_reviewer
from tests.factories.experiments_ import make_experiment, make_model_version
from tests.factories.platform_ import NOW, make_user
from tests.factories.results_ import make_draft, make_lead, make_open_campaign

pytestmark = pytest.mark.django_db


def test_a_draft_keeps_words_criteria_and_reviewers() -> None:
    reviewer = make_reviewer()
    own = AskedCriterion(key="own-tone", label="Tone", required=True)
    campaign = make_draft(reviewers=[reviewer], criteria=[own], sample_size=2)

    assert campaign.status == Campaign.Status.DRAFT
    assert list(Criterion.objects.values_list("key", "label", "required")) == [("own-tone", "Tone", True)]
    assert Seat.objects.get(campaign=campaign).reviewer == reviewer
    plan = CampaignPlan.objects.get(campaign=campaign)
    assert (plan.sampling, plan.sample_size, plan.is_registered) == ("sample", 2, False)
    assert AuditEntry.objects.filter(action="campaign.drafted").exists()


def test_changing_a_draft_replaces_everything_but_the_seed() -> None:
    campaign = make_draft()
    seed = CampaignPlan.objects.get(campaign=campaign).seed
    reviewer = make_reviewer()

    draft = CampaignDraft(title="Again", guidelines="Other words.", criteria=[], reviewers=[reviewer])
    drafts.change(campaign=campaign, draft=draft, changed_by=None, now=NOW)

    campaign.refresh_from_db()
    assert campaign.title == "Again"
    assert not Criterion.objects.exists()
    assert list(Seat.objects.values_list("reviewer", flat=True)) == [reviewer.pk]
    assert campaign.current_guidelines is not None
    assert campaign.current_guidelines.text == "Other words."
    assert CampaignPlan.objects.get(campaign=campaign).seed == seed


@pytest.mark.parametrize("field", ["title", "question", "guidelines"])
def test_no_word_that_reviewers_read_may_name_a_model(field: str) -> None:
    experiment = make_experiment(candidate=make_model_version(name="Support v2"))
    words: dict[str, Any] = {field: "Is SUPPORT V2 better?"}
    with pytest.raises(NamesAModel, match="Support v2"):
        make_draft(experiment=experiment, **words)
    assert not Campaign.objects.exists()


def test_a_name_inside_another_word_is_no_name() -> None:
    experiment = make_experiment(baseline=make_model_version(name="art"))
    assert make_draft(experiment=experiment, title="Start here").title == "Start here"


def test_a_criterion_may_not_name_a_model_either() -> None:
    experiment = make_experiment(baseline=make_model_version(name="Nova"))
    with pytest.raises(NamesAModel, match="A criterion"):
        make_draft(experiment=experiment, criteria=[AskedCriterion(key="own-x", label="Nova-ness")])


@pytest.mark.parametrize("roles", [["reviewer", "lead"], ["reviewer", "admin"]])
def test_who_can_see_arms_cannot_be_seated(roles: list[str]) -> None:
    with pytest.raises(NotBlind):
        make_draft(reviewers=[make_user(roles=roles)])
    assert not Campaign.objects.exists()


def test_a_draft_can_be_discarded_an_open_campaign_cannot() -> None:
    draft, opened = make_draft(), make_open_campaign()
    drafts.discard(campaign=draft, discarded_by=make_lead(), now=NOW)
    assert list(Campaign.objects.all()) == [opened]
    with pytest.raises(NotADraft):
        drafts.discard(campaign=opened, discarded_by=make_lead(), now=NOW)


def test_a_registered_campaign_cannot_be_edited() -> None:
    with pytest.raises(NotADraft):
        drafts.change(campaign=make_open_campaign(), draft=CampaignDraft(title="Other"), changed_by=None, now=NOW)
