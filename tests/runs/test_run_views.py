from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from evalsite.platform.models import Job
from experiments.models import Attempt, BenchmarkRun, EvalSet, ModelVersion, RunItem
from experiments.reports.runs import lane_key
from experiments.services.runs import starting
from experiments.views import runs
from tests.factories.benchmarks_ import make_called_model, make_endpoint, make_items, make_numbered_set, make_run
from tests.factories.experiments_ import make_eval_set, make_output
from tests.factories.platform_ import NOW, make_job
from tests.factories.results_ import make_lead

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead(client: Client) -> Client:
    client.force_login(make_lead())
    return client


def start_run(**fields: Any) -> BenchmarkRun:
    values = {"run_id": uuid4(), "created_by": None, "now": timezone.now()}
    version = fields.pop("model_version", None) or make_called_model()
    eval_set = fields.pop("eval_set", None) or make_numbered_set(n=5)
    return starting.start(model_version=version, eval_set=eval_set, **{**values, **fields})


def form_for(**fields: Any) -> dict[str, Any]:
    return {"token": str(uuid4()), "threads": "4", "use_exact_match": "on", **fields}


def new_run_address(version: ModelVersion, eval_set: EvalSet) -> str:
    return f"/runs/new?eval_set={eval_set.pk}&model={version.pk}"


def test_the_empty_list_says_what_to_do_first(lead: Client) -> None:
    page = lead.get("/runs/").content.decode()
    assert "No run yet" in page
    assert "/runs/new" in page


def test_the_list_is_narrowed_by_set_model_and_state(lead: Client) -> None:
    wanted, other = make_run(), make_run(status="failed")
    for query in (f"eval_set={wanted.eval_set_id}", f"model={wanted.model_version_id}", "status=done"):
        page = lead.get(f"/runs/?{query}").content.decode()
        assert f"/runs/{wanted.pk}/" in page
        assert f"/runs/{other.pk}/" not in page
    assert "No such run" in lead.get("/runs/?status=paused").content.decode()


def test_the_list_asks_the_database_as_often_for_many_runs_as_for_one(
    lead: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(8):
        make_run()
    with django_assert_max_num_queries(10):
        lead.get("/runs/")


def test_set_and_model_are_chosen_first_and_then_the_scorers_are_those_of_the_set(lead: Client) -> None:
    version, eval_set = make_called_model(), make_numbered_set(n=3)
    assert "Start the run" not in lead.get("/runs/new").content.decode()
    page = lead.get(new_run_address(version, eval_set)).content.decode()
    assert "Start the run" in page
    assert 'name="use_exact_match" checked' in " ".join(page.split()).replace(' id="id_use_exact_match"', "")


def test_a_page_that_names_the_set_or_the_model_leaves_the_other_to_be_chosen_without_an_error(lead: Client) -> None:
    eval_set, version = make_numbered_set(n=2), make_called_model()
    for link, chosen in ((f"eval_set={eval_set.pk}", eval_set.pk), (f"model={version.pk}", version.pk)):
        text = lead.get(f"/runs/new?{link}").content.decode()
        assert f'<option value="{chosen}" selected>' in text
        assert "This field is required" not in text
    assert "This field is required" in lead.get(f"/runs/new?eval_set=&model={version.pk}").content.decode()
    assert f"/runs/new?model={version.pk}" in lead.get(f"/models/{version.pk}/").content.decode()
    assert f"/runs/new?eval_set={eval_set.pk}" in lead.get(f"/eval-sets/{eval_set.pk}/").content.decode()


def test_a_form_sent_twice_starts_one_run(lead: Client) -> None:
    version, eval_set = make_called_model(), make_numbered_set(n=3)
    form = form_for()
    answers = [lead.post(new_run_address(version, eval_set), form) for _ in range(2)]
    run = BenchmarkRun.objects.get()
    assert [answer.headers["Location"] for answer in answers] == [f"/runs/{run.pk}/"] * 2
    assert run.threads == 4
    assert list(run.scorers.values_list("scorer", flat=True)) == ["exact_match"]


def test_a_budget_without_prices_is_refused_with_the_way_out(lead: Client) -> None:
    version, eval_set = make_called_model(), make_numbered_set(n=3)
    answer = lead.post(new_run_address(version, eval_set), form_for(budget="5"))
    assert answer.status_code == 422
    assert "has no prices" in answer.content.decode()
    assert not BenchmarkRun.objects.exists()


def test_the_forecast_is_reckoned_from_earlier_answers(lead: Client) -> None:
    endpoint = make_endpoint(price_per_million_input=1_000, price_per_million_output=2_000, max_concurrency=4)
    version, eval_set = make_called_model(endpoint=endpoint), make_numbered_set(n=1000)
    earlier = make_eval_set(n_cases=1)
    make_output(model_version=version, case=earlier.cases.get(), latency_ms=2000, input_tokens=100, output_tokens=50)
    page = lead.get(new_run_address(version, eval_set)).content.decode()
    # 1,000 calls of 2 s, four at once; 100 × 0.001 + 50 × 0.002 each.
    assert "8 min" in page
    assert "200.0000 USD" in page


def test_the_page_renews_itself_while_cases_are_left_and_tells_pace_and_time_left(lead: Client) -> None:
    run = start_run()
    Job.objects.filter(key=lane_key(run.pk, 0)).update(
        status="running",
        progress_done=2000,
        started_at=timezone.now() - timedelta(seconds=1000),
        lease_until=timezone.now() + timedelta(minutes=1),
    )
    BenchmarkRun.objects.filter(pk=run.pk).update(status="running", n_done=2)
    page = lead.get(f"/runs/{run.pk}/").content.decode()
    assert 'hx-trigger="every 1s"' in page
    assert "2 of 5 cases" in page
    assert "2.0 cases a second" in page
    assert "about 2 s left" in page
    part = lead.get(f"/runs/{run.pk}/", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert "2 of 5 cases" in part


def test_a_missing_worker_is_said_so(lead: Client) -> None:
    run = start_run(now=timezone.now() - timedelta(minutes=1))
    assert "No worker is running" in lead.get(f"/runs/{run.pk}/").content.decode()


def test_a_run_whose_lanes_all_ended_can_be_continued(lead: Client) -> None:
    run = start_run()
    Job.objects.update(status="parked", error="Stopped after 3 deliveries.", deliveries=3)
    page = lead.get(f"/runs/{run.pk}/").content.decode()
    assert "Nobody works on this run any more" in page
    assert "Stopped after 3 deliveries." in page
    lead.post(f"/runs/{run.pk}/steps/resume")
    assert Job.objects.live().filter(key=lane_key(run.pk, 0)).count() == 1


def test_a_run_that_ends_while_its_page_is_read_is_not_called_stuck(
    lead: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, read = start_run(), runs.get_run

    def read_and_end(run_id: UUID) -> BenchmarkRun:
        found = read(run_id)
        BenchmarkRun.objects.filter(pk=run_id).update(status="done", n_done=5, finished_at=timezone.now())
        Job.objects.update(status="done", finished_at=timezone.now())
        return found

    monkeypatch.setattr(runs, "get_run", read_and_end)
    page = lead.get(f"/runs/{run.pk}/").content.decode()
    assert "Nobody works on this run" not in page
    assert "5 of 5 cases" in page


@pytest.mark.parametrize("how", ["paused", "stuck"])
def test_the_page_does_not_renew_itself_while_it_asks_for_a_budget(lead: Client, how: str) -> None:
    run = start_run()
    if how == "paused":
        BenchmarkRun.objects.filter(pk=run.pk).update(status="paused")
    else:
        Job.objects.update(status="parked", finished_at=NOW)
    assert "hx-trigger" in lead.get(f"/runs/{run.pk}/").content.decode()
    BenchmarkRun.objects.filter(pk=run.pk).update(budget=5)
    page = lead.get(f"/runs/{run.pk}/").content.decode()
    assert 'name="budget"' in page
    assert "hx-trigger" not in page


def test_errors_are_counted_by_class_with_the_cases_behind_them(lead: Client) -> None:
    run = make_run(eval_set=make_numbered_set(n=4))
    make_items(run, errors={"2": "timeout", "3": "timeout", "4": "http_5xx"})
    page = lead.get(f"/runs/{run.pk}/").content.decode()
    assert f'<a href="/runs/{run.pk}/cases/?error=timeout">2</a>' in page
    assert "75.0%" in page
    listed = lead.get(f"/runs/{run.pk}/cases/?error=timeout").content.decode()
    assert "2 cases of 4" in listed
    assert "case=2 answer=2" in listed
    assert "case=4 answer=4" not in listed
    assert "1 case of 4" in lead.get(f"/runs/{run.pk}/cases/?search=case%3D4").content.decode()


def test_a_case_shows_what_was_sent_what_came_back_and_every_call(lead: Client) -> None:
    version = make_called_model(system_prompt="Be brief.", prompt_template="Q: {prompt}")
    run = make_run(eval_set=make_numbered_set(n=1), model_version=version)
    [item] = make_items(run, text="<b>Forty</b>")
    item = RunItem.objects.get(run=run)
    Attempt.objects.create(
        item=item,
        number=1,
        started_at=NOW,
        elapsed_ms=31,
        error_class="http_5xx",
        status_code=503,
        detail="It says: later",
        concurrency=3,
    )
    page = lead.get(f"/runs/{run.pk}/cases/{item.pk}/").content.decode()
    for text in ("Be brief.", "Q: case=1 answer=1", "&lt;b&gt;Forty&lt;/b&gt;", "503", "It says: later"):
        assert text in page
    other = make_run()
    assert lead.get(f"/runs/{other.pk}/cases/{item.pk}/").status_code == 404


def test_steps_that_cannot_be_taken_are_refused_in_words(lead: Client) -> None:
    run = make_run()
    for step in ("pause", "resume", "cancel", "end", "retry"):
        page = lead.post(f"/runs/{run.pk}/steps/{step}", follow=True).content.decode()
        assert "notice-error" in page
    assert lead.post(f"/runs/{run.pk}/steps/sell").status_code == 404


def test_pausing_and_continuing_by_the_buttons(lead: Client) -> None:
    run = start_run()
    lead.post(f"/runs/{run.pk}/steps/pause")
    run.refresh_from_db()
    assert run.status == "paused"
    page = lead.get(f"/runs/{run.pk}/").content.decode()
    assert "Paused by" in page
    lead.post(f"/runs/{run.pk}/steps/resume")
    run.refresh_from_db()
    assert run.status == "running"


def test_a_scoring_that_no_worker_takes_is_said_so_too(lead: Client) -> None:
    run = make_run(status="scoring", finished_at=None)
    make_job(kind="experiments.score_run", args={"run_id": str(run.pk)}, created_at=NOW)
    assert "No worker is running" in lead.get(f"/runs/{run.pk}/").content.decode()
