"""The pages on which two runs are compared, for leads and admins."""

from http import HTTPStatus
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from evalsite.platform.drawing import Scale
from evalsite.platform.models import Job
from experiments.models import BenchmarkRun, ExperimentSuite, RunComparison
from experiments.reports.suite_history import steps
from experiments.services import comparisons
from tests.comparisons.compared import compute, make_comparison
from tests.factories.benchmarks_ import make_run, make_run_scorer, make_scored_run, make_scores
from tests.factories.experiments_ import make_case, make_eval_set, make_experiment, make_model_version, make_output
from tests.factories.platform_ import NOW, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead(client: Client) -> Client:
    client.force_login(make_user(roles=["lead"]))
    return client


def page(client: Client, comparison: RunComparison) -> str:
    response = client.get(reverse("comparison", args=[comparison.pk]))
    assert response.status_code == HTTPStatus.OK
    return response.content.decode()


def test_an_empty_list_says_what_to_do_next(lead: Client) -> None:
    assert "needs two finished runs" in lead.get(reverse("comparisons")).content.decode()


def test_the_list_tells_what_each_comparison_found(lead: Client) -> None:
    comparison = make_comparison([1.0] * 20, [0.0] * 12 + [1.0] * 8)
    text = lead.get(reverse("comparisons")).content.decode()
    assert str(comparison.pk) in text
    assert "worse" in text
    assert "Exact match" in text or "exact_match" in text


def test_the_page_tells_figures_with_interval_and_n(lead: Client) -> None:
    text = page(lead, make_comparison())
    for words in ("2 worse", "No difference shown", "95% interval", "n 6", "By category", "hard", "Regression test"):
        assert words in text, words


def test_right_and_wrong_stand_in_a_table(lead: Client) -> None:
    text = page(lead, make_comparison())
    assert "2 cases were right only with the baseline, 1 only with the candidate" in text


def test_an_invalid_comparison_says_so_and_still_shows_figures(lead: Client) -> None:
    comparison = make_comparison(errors={"3": "timeout"})
    text = page(lead, comparison)
    assert "INVALID" in text
    assert "1 of 6 cases of the candidate (16.7%, more than 1%)" in text
    assert "for orientation" in text
    assert "1 no answer in time" in text
    assert "INVALID" in lead.get(reverse("comparisons")).content.decode()
    changes = lead.get(reverse("comparison_changes", args=[comparison.pk])).content.decode()
    assert "comparison INVALID" in changes
    assert "No verdict: the comparison is INVALID." in text
    assert "egression shown" not in text


def test_clusters_are_named_wherever_a_test_ignores_them(lead: Client) -> None:
    eval_set = make_eval_set(n_cases=0)
    for position in range(20):
        make_case(eval_set=eval_set, position=position, cluster=str(position // 2), category=str(position % 2))
    runs = [make_scored_run(eval_set=eval_set, values=values) for values in ([1.0] * 20, [0.0] * 7 + [1.0] * 13)]
    text = page(lead, compute(*runs))
    assert "With the cases taken as independent, which they are not, McNemar" in text
    assert "95% intervals by cluster (t), Wilson’s where" in text
    assert "Wilson’s 95% intervals." in page(lead, make_comparison())


def test_the_page_asks_a_few_queries_however_many_cases(
    lead: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for n in (6, 60):
        comparison = make_comparison([1.0] * n, [0.0] * (n // 2) + [1.0] * (n // 2))
        with django_assert_max_num_queries(10):
            page(lead, comparison)
        with django_assert_max_num_queries(10):
            lead.get(reverse("comparison_changes", args=[comparison.pk]))
        with django_assert_max_num_queries(10):
            lead.get(reverse("comparisons"))


def test_while_it_is_computed_the_page_asks_again(lead: Client) -> None:
    eval_set = make_eval_set()
    before, after = (make_scored_run(eval_set=eval_set, values=[1, 0, 1]) for _ in range(2))
    asked = comparisons.get_or_start(baseline_run=before, candidate_run=after, created_by=None, now=NOW)
    text = page(lead, asked)
    assert 'hx-trigger="every 2s"' in text
    part = lead.get(reverse("comparison", args=[asked.pk]), headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert 'id="comparison"' in part


def test_a_stale_comparison_says_so_and_can_be_computed_at_once(lead: Client) -> None:
    comparison = make_comparison()
    Job.objects.update(status=Job.Status.DONE)
    comparison.candidate_run.scorers.update(is_current=False)
    make_scores(make_run_scorer(comparison.candidate_run, scorer="other"), [1] * 6)
    assert "Out of date" in page(lead, comparison)
    assert "out of date" in lead.get(reverse("comparisons")).content.decode()
    response = lead.post(reverse("renew_comparison", args=[comparison.pk]))
    assert response.status_code == HTTPStatus.FOUND
    assert Job.objects.filter(status=Job.Status.QUEUED).count() == 1


def test_a_failed_comparison_can_be_tried_again(lead: Client) -> None:
    eval_set = make_eval_set()
    before, after = (make_scored_run(eval_set=eval_set, values=[1, 0, 1]) for _ in range(2))
    asked = comparisons.get_or_start(baseline_run=before, candidate_run=after, created_by=None, now=NOW)
    Job.objects.update(status=Job.Status.FAILED, error="Something broke.")
    text = page(lead, asked)
    assert "Something broke." in text
    assert "Try again" in text


def test_two_runs_are_chosen_and_compared(lead: Client) -> None:
    eval_set = make_eval_set(name="maths")
    before, after = (make_scored_run(eval_set=eval_set, values=[1, 0, 1]) for _ in range(2))
    form = lead.get(reverse("new_comparison"), {"baseline": str(before.pk)}).content.decode()
    assert '<optgroup label="maths v1">' in form
    assert f'<option value="{before.pk}" selected>' in form
    response = lead.post(reverse("new_comparison"), {"baseline": before.pk, "candidate": after.pk})
    comparison = RunComparison.objects.get()
    assert response.headers["Location"] == reverse("comparison", args=[comparison.pk])
    lead.post(reverse("new_comparison"), {"baseline": before.pk, "candidate": after.pk})
    assert RunComparison.objects.count() == 1


def test_runs_of_other_versions_are_refused_with_the_way_out(lead: Client) -> None:
    before, after = (make_scored_run(eval_set=make_eval_set(), values=[1, 0, 1]) for _ in range(2))
    response = lead.post(reverse("new_comparison"), {"baseline": before.pk, "candidate": after.pk})
    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Only runs of one version" in response.content.decode()
    same = lead.post(reverse("new_comparison"), {"baseline": before.pk, "candidate": before.pk})
    assert "two different runs" in same.content.decode()


@pytest.mark.parametrize("chosen", ["", "nonsense", "00000000-0000-4000-8000-000000000007"])
def test_a_run_that_is_not_there_is_refused(lead: Client, chosen: str) -> None:
    make_scored_run(eval_set=make_eval_set(), values=[1, 0, 1])
    response = lead.post(reverse("new_comparison"), {"baseline": chosen, "candidate": chosen})
    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY


def test_the_experiment_page_tells_what_the_latest_runs_say(lead: Client) -> None:
    experiment = make_experiment(n_cases=20)
    eval_set = experiment.suites.get().eval_set
    before = make_scored_run(eval_set=eval_set, model_version=experiment.baseline, values=[0.0] * 20)
    after = make_scored_run(eval_set=eval_set, model_version=experiment.candidate, values=[1.0] * 20)
    compute(before, after, experiment=experiment)
    text = lead.get(reverse("experiment", args=[experiment.pk])).content.decode()
    assert "better" in text
    assert "+100.0 pts" in text
    assert reverse("comparison", args=[RunComparison.objects.get().pk]) in text


def test_missing_runs_are_started_once(lead: Client) -> None:
    experiment = make_experiment(n_cases=1)
    eval_set = make_eval_set(n_cases=2, scorers=[{"scorer": "exact_match"}])
    suite = ExperimentSuite.objects.create(experiment=experiment, eval_set=eval_set)
    for case in eval_set.cases.all():
        for model in (experiment.baseline, experiment.candidate):
            make_output(model_version=model, case=case)
    text = lead.get(reverse("experiment", args=[experiment.pk])).content.decode()
    assert "Run both models" in text
    ids = {"baseline_run": str(uuid4()), "candidate_run": str(uuid4())}
    address = reverse("start_missing_runs", args=[experiment.pk, suite.pk])
    first = lead.post(address, ids, follow=True).content.decode()
    assert f"2 runs over {eval_set} started." in first
    assert lead.post(address, ids).status_code == HTTPStatus.FOUND
    assert {str(run.pk) for run in BenchmarkRun.objects.all()} == set(ids.values())
    assert {run.model_version for run in BenchmarkRun.objects.all()} == {experiment.baseline, experiment.candidate}


def test_history_shows_each_model_once_in_order_of_time(lead: Client) -> None:
    eval_set = make_eval_set(n_cases=2)
    for place, rate in enumerate((0.2, 0.4, 0.9)):
        run = make_run(eval_set=eval_set, model_version=make_model_version(name=f"model-{place}"))
        overall = {"estimate": rate, "ci_low": rate - 0.1, "ci_high": rate + 0.05, "n": 2, "alpha": 0.05, "method": "m"}
        make_run_scorer(run, summary={"unit": "share", "title": "Exact match", "overall": overall})
    text = lead.get(reverse("suite_history", args=[eval_set.pk])).content.decode()
    assert "The latest model, model-2 (version 1), has the highest figure so far: 90.0%." in text
    assert text.count('class="point"') == 3
    assert text.index("model-2") > 0


def test_the_history_breaks_where_models_were_scored_otherwise_and_marks_many_errors(lead: Client) -> None:
    eval_set = make_eval_set(n_cases=100)
    for place in range(4):
        n_errors = 2 if place == 3 else 1
        run = make_run(eval_set=eval_set, n_done=100 - n_errors, n_errors=n_errors)
        overall = {"estimate": 0.5, "ci_low": 0.4, "ci_high": 0.6, "n": 99, "alpha": 0.05, "method": "m"}
        summary = {"unit": "share", "title": "Exact match", "overall": overall}
        params, fingerprint = {"ignore_case": place > 1}, str(place > 1).ljust(64)
        make_run_scorer(run, summary=summary, params=params, fingerprint=fingerprint)
    text = lead.get(reverse("suite_history", args=[eval_set.pk])).content.decode()
    assert text.count("<polyline") == 2
    assert text.count('class="point bench-doubtful"') == 1
    assert "Where the line breaks" in text
    assert "version 1, ignore case True" in text


def test_history_without_a_run_says_what_to_do(lead: Client) -> None:
    assert "No finished run yet" in lead.get(reverse("suite_history", args=[make_eval_set().pk])).content.decode()


def test_of_very_many_categories_those_that_lost_most_are_shown_first(lead: Client) -> None:
    names = [f"category {number:02}" for number in range(40)]
    comparison = make_comparison([1.0] * 80, [1.0] * 79 + [0.0], categories=names)
    text = page(lead, comparison)
    assert "show 15 more" in text
    assert "category 39" in text
    assert "category 38" not in text
    whole = lead.get(reverse("comparison", args=[comparison.pk]), {"rows": "all"}).content.decode()
    assert "category 38" in whole
    assert "show 15 more" not in whole


def test_the_categories_of_another_metric_can_be_chosen(lead: Client) -> None:
    comparison = make_comparison()
    for run in (comparison.baseline_run, comparison.candidate_run):
        make_scores(make_run_scorer(run, scorer="contains", is_primary=False), [1, 0, 1, 0, 1, 0])
    comparisons.compute(comparison_id=comparison.pk, now=NOW, guard=lambda: None)
    text = lead.get(reverse("comparison", args=[comparison.pk]), {"categories": "contains"}).content.decode()
    assert "By category: Contains" in text
    assert "By category: Exact match" in page(lead, comparison)


def test_history_is_drawn_on_round_values() -> None:
    assert steps(Scale(0.164, 0.621, width=220)) == [0.2, 0.4, 0.6]
    assert steps(Scale(90.0, 110.0, width=220)) == [90.0, 95.0, 100.0, 105.0, 110.0]
