import csv
from io import StringIO
from math import sqrt
from statistics import stdev
from typing import Any

import orjson
import pytest
from django.db import connection
from django.template.loader import render_to_string
from django.test import Client

from evalsite.platform.models import Job
from experiments.models import BenchmarkRun, RunScorer
from experiments.reports.run_scores import run_scores
from experiments.services.scoring import running
from tests.factories.platform_ import NOW, make_user
from tests.scoring.outputs import imported, jsonl, run_of
from tests.scoring.scored import answered, current, make_set, score

pytestmark = pytest.mark.django_db(transaction=True)

CASES = [
    {"expected": "4", "category": "sums", "prompt": "Two and two?"},
    {"expected": "6", "category": "sums", "prompt": "Three and three?"},
    {"expected": "x", "category": "letters", "prompt": "After w?"},
    {"expected": "y", "category": "letters", "prompt": "After <b>x</b>?"},
]
ANSWERS = ["4", "7", None, "=cmd|' /C calc'!A0 <script>alert(1)</script>"]


@pytest.fixture
def lead(client: Client) -> Client:
    client.force_login(make_user(roles=["lead"]))
    return client


@pytest.fixture
def run() -> BenchmarkRun:
    made = answered(make_set(CASES), ANSWERS)
    score(made)
    return made


def page(client: Client, run: BenchmarkRun, query: str = "") -> str:
    answer = client.get(f"/runs/{run.pk}/scores/{current(run).pk}/{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def cases_on(text: str) -> list[str]:
    return [part.split('"')[0] for part in text.split('aria-label="Case ')[1:]]


def test_the_page_shows_the_estimate_the_categories_and_every_case(lead: Client, run: BenchmarkRun) -> None:
    text = page(lead, run)
    assert "33.3%" in text
    assert "1 of 3 passed" in text
    assert "1 of 4 cases ended in an error" in text
    assert cases_on(text) == ["1", "2", "3", "4"]
    assert "no answer in time" in text


def test_the_run_page_has_each_scorer_with_interval_n_and_the_errors_beside(run: BenchmarkRun) -> None:
    text = render_to_string("experiments/runs/_scores.html", {"run": run, "scores": run_scores(run)})
    assert "33.3%" in text
    assert "95% interval 6.1 to 79.2%" in text
    assert "1 of 3" in text
    assert "1 of 4 cases ended in an error" in text
    assert "1 no answer in time" in text
    assert "letters" in text


def test_a_scoring_that_died_says_so_and_how_to_go_on(lead: Client, run: BenchmarkRun) -> None:
    job = running.start(run=run, created_by=None, now=NOW)
    BenchmarkRun.objects.filter(pk=run.pk).update(status=BenchmarkRun.Status.SCORING)
    run.refresh_from_db()
    assert not run_scores(run).is_stuck
    Job.objects.filter(pk=job.pk).update(status=Job.Status.FAILED)
    assert "The scoring stopped before its end" in lead.get(f"/runs/{run.pk}/").content.decode()
    assert lead.post(f"/runs/{run.pk}/score", {"use_exact_match": "on"}).status_code == 302
    assert not run_scores(run).is_stuck


def test_a_run_without_scores_says_what_to_do(run: BenchmarkRun) -> None:
    bare = answered(run.eval_set, ["4", "6", "x", "y"])
    text = render_to_string("experiments/runs/_scores.html", {"run": bare, "scores": run_scores(bare)})
    assert "Choose scorers" in text


def test_output_text_is_shown_harmless(lead: Client, run: BenchmarkRun) -> None:
    text = page(lead, run)
    assert "<script>alert" not in text
    assert "alert(1)" in text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?result=passed", ["1"]),
        ("?result=failed", ["2", "4"]),
        ("?result=error", ["3"]),
        ("?error=timeout", ["3"]),
        ("?result=unscored", []),
        ("?category=sums", ["1", "2"]),
        ("?search=three", ["2"]),
        ("?search=CALC", ["4"]),
        ("?search=%25", []),
        ("?search=a%00b", []),
        ("?order=low", ["2", "4", "1", "3"]),
        ("?order=high", ["1", "2", "4", "3"]),
        ("?order=sideways&result=nonsense&page=x", ["1", "2", "3", "4"]),
        ("?category=letters&result=failed", ["4"]),
    ],
)
def test_cases_are_filtered_searched_and_ordered(lead: Client, run: BenchmarkRun, query: str, found: list[str]) -> None:
    assert cases_on(page(lead, run, query)) == found


def test_another_runs_scorer_is_not_found(lead: Client, run: BenchmarkRun) -> None:
    other = answered(run.eval_set, ["4", "6", "x", "y"])
    assert lead.get(f"/runs/{other.pk}/scores/{current(run).pk}/").status_code == 404


def test_csv_is_harmless_in_a_spreadsheet_and_jsonl_is_lossless(lead: Client, run: BenchmarkRun) -> None:
    base = f"/runs/{run.pk}/scores/{current(run).pk}"
    sheet = list(csv.DictReader(StringIO(b"".join(lead.get(f"{base}/csv")).decode())))
    lines = [orjson.loads(line) for line in b"".join(lead.get(f"{base}/jsonl")).splitlines()]
    assert [row["id"] for row in sheet] == [line["id"] for line in lines] == ["1", "2", "3", "4"]
    assert sheet[3]["text"].startswith("'=cmd")
    assert lines[3]["text"] == ANSWERS[3]
    assert [line["value"] for line in lines] == [1.0, 0.0, None, 0.0]
    assert [line["error"] for line in lines] == ["", "", "timeout", ""]


def test_the_same_outputs_are_scored_again_otherwise(lead: Client, run: BenchmarkRun) -> None:
    before = current(run)
    shown = lead.get(f"/runs/{run.pk}/score").content.decode()
    assert 'name="use_exact_match" id="id_use_exact_match" checked' in shown
    form = {"use_contains": "on", "params_contains": "", "further": ""}
    answer = lead.post(f"/runs/{run.pk}/score", form)
    assert answer.status_code == 302, answer.content.decode()
    run.refresh_from_db()
    assert run.status == BenchmarkRun.Status.SCORING
    before.refresh_from_db()
    assert not before.is_current
    assert before.summary["overall"]["n"] == 3
    assert RunScorer.objects.filter(run=run, is_current=True).values_list("scorer", flat=True)[0] == "contains"


def test_going_back_to_an_earlier_scorer_uses_its_scores(lead: Client, run: BenchmarkRun) -> None:
    first = current(run).pk
    score(run, ["contains"])
    score(run, ["exact_match"])
    assert current(run).pk == first
    assert RunScorer.objects.filter(run=run).count() == 2


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({}, "Name at least one scorer"),
        ({"use_contains": "on", "params_contains": "{"}, "This is no JSON"),
        ({"use_contains": "on", "params_contains": '{"nonsense": 1}'}, "nonsense"),
        ({"further": '[{"scorer": "astrology"}]'}, "astrology"),
        ({"further": '{"scorer": "contains"}'}, "JSON list"),
        ({"further": "[7]"}, "Each scorer is a name"),
    ],
)
def test_a_choice_that_cannot_be_applied_is_refused_with_its_reason(
    lead: Client, run: BenchmarkRun, form: dict[str, str], words: str
) -> None:
    answer = lead.post(f"/runs/{run.pk}/score", form)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    run.refresh_from_db()
    assert run.status == BenchmarkRun.Status.DONE


def test_a_run_that_still_asks_cannot_be_scored(lead: Client, run: BenchmarkRun) -> None:
    BenchmarkRun.objects.filter(pk=run.pk).update(status=BenchmarkRun.Status.RUNNING)
    answer = lead.post(f"/runs/{run.pk}/score", {"use_exact_match": "on"})
    assert "once every case was answered" in answer.content.decode()


def test_lm_evals_files_hold_the_figures_and_every_sample_and_come_back_in(lead: Client, run: BenchmarkRun) -> None:
    base = f"/runs/{run.pk}/lm-eval"
    results = orjson.loads(b"".join(lead.get(f"{base}/results")))
    [figures] = results["results"].values()
    assert figures["exact_match,none"] == pytest.approx(1 / 3)
    assert figures["exact_match_stderr,none"] > 0
    answer = lead.get(f"{base}/samples")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="samples_')
    lines = [orjson.loads(line) for line in b"".join(answer).splitlines()]
    assert [line["doc"]["id"] for line in lines] == ["1", "2", "3", "4"]
    assert [line["exact_match"] for line in lines] == [1.0, 0.0, None, 0.0]
    again = run_of(imported(jsonl(lines), run.eval_set, "samples_again.jsonl"))
    assert (again.n_done, again.n_errors) == (3, 1)
    told = dict(again.items.values_list("case__external_id", "error_class"))
    assert told == {"1": "", "2": "", "3": "timeout", "4": ""}
    assert current(again).summary["overall"] == current(run).summary["overall"]


def error_in(lead: Client, run: BenchmarkRun, key: str) -> float:
    [figures] = orjson.loads(b"".join(lead.get(f"/runs/{run.pk}/lm-eval/results")))["results"].values()
    return float(figures[f"{key}_stderr,none"])


def test_the_standard_error_for_lm_eval_is_that_of_a_mean(lead: Client, run: BenchmarkRun) -> None:
    assert error_in(lead, run, "exact_match") == pytest.approx(stdev([1, 0, 0]) / sqrt(3))
    score(run, ["length"])
    lengths = [len(text) for text in ANSWERS if text is not None]
    assert error_in(lead, run, "length") == pytest.approx(stdev(lengths) / sqrt(3))


def test_the_standard_error_for_lm_eval_is_clustered_where_cases_are(lead: Client) -> None:
    rows = [{"expected": "4", "cluster": name} for name in "aabbcc"]
    run = answered(make_set(rows), ["4", "4", "5", "5", "4", "5"])
    score(run)
    # Sums of residuals by cluster: 1, -1 and 0.
    assert error_in(lead, run, "exact_match") == pytest.approx(sqrt(3 / 2 * 2) / 6)


def test_the_standard_error_of_a_corpus_figure_is_read_from_its_interval(lead: Client) -> None:
    rows = [{"expected": f"a sentence of some words, number {number}"} for number in range(8)]
    run = answered(make_set(rows), [f"a sentence of many words, number {number % 3}" for number in range(8)])
    score(run, ["bleu"])
    overall = current(run, "bleu").summary["overall"]
    half = (overall["ci_high"] - overall["ci_low"]) / 2
    assert error_in(lead, run, "bleu") == pytest.approx(half / 1.959964, rel=1e-6)


def test_the_pages_cost_few_queries_whatever_the_number_of_cases(lead: Client, run: BenchmarkRun) -> None:
    asked: list[str] = []

    def watch(execute: Any, sql: str, *rest: Any) -> Any:
        asked.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(watch):
        page(lead, run)
    assert len(asked) <= 14
