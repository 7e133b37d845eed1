"""A campaign draws from the suites that its draft names."""

import pytest
from django.test import Client

from experiments.models import BlindedPair, CampaignPlan, EvalSet, Experiment, ExperimentSuite, GoldAnswer, SuiteRole
from experiments.reports.available_pairs import planned_pairs
from experiments.reports.preview import preview
from experiments.services.campaigns import opening
from experiments.services.campaigns.opening import CannotOpen
from tests.experiments.test_campaign_views import filled
from tests.factories.experiments_ import make_case, make_eval_set, make_experiment, make_output
from tests.factories.platform_ import NOW
from tests.factories.results_ import make_draft, make_lead, make_open_campaign

pytestmark = pytest.mark.django_db


def add_suite(experiment: Experiment, *, role: str, n_cases: int, name: str) -> EvalSet:
    eval_set = make_eval_set(n_cases=0, name=name)
    ExperimentSuite.objects.create(experiment=experiment, eval_set=eval_set, role=role)
    for position in range(n_cases):
        case = make_case(eval_set=eval_set, position=position)
        make_output(model_version=experiment.baseline, case=case, text=f"{name} baseline {position}")
        make_output(model_version=experiment.candidate, case=case, text=f"{name} candidate {position}")
    return eval_set


@pytest.fixture
def experiment() -> Experiment:
    """Three cases in a target suite, four in a general one."""
    experiment = make_experiment(n_cases=3)
    add_suite(experiment, role=SuiteRole.GENERAL, n_cases=4, name="General questions")
    return experiment


@pytest.fixture
def lead(client: Client) -> Client:
    client.force_login(make_lead())
    return client


def sets_of(experiment: Experiment) -> dict[str, int]:
    return dict(experiment.suites.values_list("role", "eval_set"))


def test_a_draft_takes_the_target_suites_unless_told_otherwise(experiment: Experiment) -> None:
    campaign = make_open_campaign(experiment=experiment)
    assert campaign.n_tasks == 3
    assert set(BlindedPair.objects.values_list("case__eval_set", flat=True)) == {sets_of(experiment)["target"]}


def test_without_a_target_suite_it_takes_all() -> None:
    experiment = make_experiment(n_cases=2, role=SuiteRole.STRUCTURED)
    add_suite(experiment, role=SuiteRole.GENERAL, n_cases=4, name="General questions")
    assert make_open_campaign(experiment=experiment).n_tasks == 6


def test_a_plan_made_before_suites_could_be_chosen_still_draws_from_all(experiment: Experiment) -> None:
    campaign = make_draft(experiment=experiment)
    CampaignPlan.objects.update(eval_sets=None)
    assert planned_pairs(CampaignPlan.objects.get(campaign=campaign)).n == 7


def test_sample_gold_and_preview_come_from_the_chosen_suites(experiment: Experiment) -> None:
    general = sets_of(experiment)["general"]
    for case in EvalSet.objects.get(pk=sets_of(experiment)["target"]).cases.all():
        GoldAnswer.objects.create(
            experiment=experiment, case=case, answer="candidate", source=GoldAnswer.Source.IMPORT, created_at=NOW
        )
    draft = make_draft(experiment=experiment, eval_sets=[general], sample_size=2, gold_share=0.5)
    plan = CampaignPlan.objects.get(campaign=draft)
    shown = preview(draft, plan, reviewers=2)
    assert (shown.available.n, shown.chosen, shown.gold.wanted, shown.gold.n_gold) == (4, 2, 1, 0)
    opening.request_opening(campaign=draft, requested_by=None, now=NOW)
    with pytest.raises(CannotOpen, match="no pair has a known answer"):
        opening.open_campaign(campaign_uuid=draft.uuid, opened_by=None, now=NOW)

    make_open_campaign(experiment=experiment, eval_sets=[general], sample_size=2)
    assert set(BlindedPair.objects.values_list("case__eval_set", flat=True)) == {general}
    assert BlindedPair.objects.count() == 2


def test_a_suite_without_outputs_of_both_is_refused_at_opening(experiment: Experiment) -> None:
    empty = make_eval_set(n_cases=2)
    ExperimentSuite.objects.create(experiment=experiment, eval_set=empty)
    campaign = make_draft(experiment=experiment, eval_sets=[empty.pk])
    with pytest.raises(CannotOpen, match="no case for which both models have an output"):
        opening.request_opening(campaign=campaign, requested_by=None, now=NOW)


def test_the_plan_registers_its_suites(experiment: Experiment) -> None:
    make_open_campaign(experiment=experiment, eval_sets=[sets_of(experiment)["general"]])
    registered = CampaignPlan.objects.get().registered
    assert registered is not None
    content_hash = EvalSet.objects.get(name="General questions").content_hash
    assert registered["suites"] == [{"name": "General questions v1", "role": "general", "content": content_hash}]


def test_the_form_offers_the_suites_with_their_pairs_and_keeps_the_choice(lead: Client, experiment: Experiment) -> None:
    path, general = f"/experiments/{experiment.pk}/campaigns/new", sets_of(experiment)["general"]
    asked = lead.get(path)
    assert "General questions v1 (general): 4 pairs" in asked.content.decode()
    assert asked.context["form"]["suites"].initial == [sets_of(experiment)["target"]]
    assert "Choose at least one suite" in lead.post(path, filled()).content.decode()

    made = lead.post(path, filled(suites=[general]))
    plan = CampaignPlan.objects.get()
    assert plan.eval_sets == [general]
    page = lead.get(made["Location"]).content.decode()
    assert "General questions v1 (general)" in page
    edited = lead.get(f"{made['Location']}edit")
    assert edited.context["form"]["suites"].value() == [general]


def test_the_page_of_an_open_campaign_names_its_suites(lead: Client, experiment: Experiment) -> None:
    campaign = make_open_campaign(experiment=experiment, eval_sets=[sets_of(experiment)["general"]])
    assert "over General questions v1" in lead.get(f"/campaigns/{campaign.uuid}/").content.decode()
    assert "General questions v1 (general)" in lead.get(f"/campaigns/{campaign.uuid}/manage").content.decode()


def test_where_there_is_one_suite_nothing_is_asked(lead: Client) -> None:
    path = f"/experiments/{make_experiment().pk}/campaigns/new"
    assert "From which suites" not in lead.get(path).content.decode()
    assert lead.post(path, filled()).status_code == 302
