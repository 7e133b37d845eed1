"""What was added, run again or given another role once results could be seen stands beside the verdict."""

from datetime import timedelta

import pytest

from annotations.models import Campaign
from experiments.models import BenchmarkRun, Experiment, ExperimentSuite, SuiteRole
from experiments.reports.evidence.page import Act, Dashboard
from experiments.services import suites
from experiments.services.campaigns import opening
from tests.factories.benchmarks_ import make_run
from tests.factories.evidence_ import add_suite, gathered, make_decided_experiment, make_empty_experiment
from tests.factories.experiments_ import make_eval_set
from tests.factories.platform_ import NOW
from tests.factories.results_ import entropy_of, make_draft, make_judged_campaign, make_lead, make_paired_experiment

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)


def deviations(experiment: Experiment) -> tuple[Act, ...]:
    return Dashboard.from_dict(gathered(experiment, now=LATER).payload).deviations


def given_role(suite: ExperimentSuite, role: str) -> ExperimentSuite:
    return suites.use(
        experiment=suite.experiment,
        eval_set=suite.eval_set,
        role=role,
        margin=0.05,
        margin_is_relative=False,
        actor=make_lead(),
        now=LATER,
    )


def test_what_goes_as_planned_deviates_from_nothing() -> None:
    assert deviations(make_decided_experiment()) == ()


def test_a_suite_whose_role_is_changed_once_its_scores_are_known_is_told() -> None:
    experiment = make_decided_experiment()
    suite = experiment.suites.get()
    given_role(suite, SuiteRole.GENERAL)
    Experiment.objects.filter(pk=experiment.pk).update(name="another name")
    [act] = deviations(Experiment.objects.get(pk=experiment.pk))
    assert act.what == (
        f"{suite.eval_set} became general instead of target after the policy was registered, with its results known"
    )


def test_another_margin_is_no_other_role() -> None:
    experiment = make_decided_experiment()
    given_role(experiment.suites.get(), SuiteRole.TARGET)
    assert deviations(experiment) == ()


def test_a_suite_added_once_another_was_seen_is_a_second_look() -> None:
    experiment = make_decided_experiment()
    first = experiment.suites.get()
    given_role(ExperimentSuite(experiment=experiment, eval_set=make_eval_set(name="more of it")), SuiteRole.TARGET)
    [act] = deviations(experiment)
    assert act.what.startswith("more of it")
    assert f"with results of {first.eval_set} known" in act.what


def test_runs_left_behind_are_counted() -> None:
    experiment = make_decided_experiment()
    suite = experiment.suites.get()
    make_run(
        eval_set=suite.eval_set,
        model_version=experiment.candidate,
        status=BenchmarkRun.Status.CANCELLED,
        created_at=NOW - timedelta(hours=2),
    )
    make_run(
        eval_set=suite.eval_set,
        model_version=experiment.candidate,
        created_at=NOW - timedelta(hours=1),
        finished_at=NOW - timedelta(hours=1),
    )
    [act] = deviations(experiment)
    assert act.what == (
        f"Run 3 of 3 of the candidate over {suite.eval_set} counts, not the others (1 cancelled and 1 done)"
    )


def test_a_review_registered_once_another_was_read_is_a_second_look() -> None:
    experiment = make_paired_experiment(("one", "two"), ("three", "four"))
    first = make_judged_campaign(experiment=experiment)
    make_judged_campaign(experiment=experiment)
    assert deviations(experiment) == ()
    draft = make_draft(experiment=experiment, title="Once more")
    Campaign.objects.filter(pk=draft.pk).update(status=Campaign.Status.OPENING)
    opening.open_campaign(campaign_uuid=draft.uuid, opened_by=None, now=LATER, entropy=entropy_of(2))
    [act] = deviations(experiment)
    assert act.what.startswith("Once more was registered when the direction of ")
    assert first.title in act.what


def test_without_a_policy_a_suite_may_come_at_any_time() -> None:
    experiment = make_empty_experiment()
    given_role(add_suite(experiment, [1.0, 0.0], [1.0, 1.0]), SuiteRole.GENERAL)
    assert deviations(experiment) == ()
