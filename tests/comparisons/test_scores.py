"""Scores come back as arrays in the order of the cases, whatever order they were written in."""

import time

import numpy as np
import pytest
from django.db import connection

from experiments.models import EvalCase, Score
from experiments.reports import scores
from experiments.reports.scores import read_cases, read_scores
from tests.factories.benchmarks_ import make_items, make_run, make_run_scorer, make_scores
from tests.factories.experiments_ import make_case, make_eval_set

pytestmark = pytest.mark.django_db


def test_values_and_passes_stand_in_the_order_of_the_cases() -> None:
    eval_set = make_eval_set(n_cases=0)
    for position, category in [(2, "b"), (0, "a"), (1, "")]:
        make_case(eval_set=eval_set, position=position, category=category)
    run = make_run(eval_set=eval_set)
    found = read_scores(make_scores(make_run_scorer(run), [0.25, None, 1.0]))
    assert found.positions.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(found.values, [0.25, np.nan, 1.0])
    assert found.passed.tolist() == [0, -1, 1]
    assert [found.categories[code] for code in found.category] == ["a", "(none)", "b"]
    assert found.cluster is None


def test_a_case_that_was_not_scored_is_not_there() -> None:
    run = make_run(eval_set=make_eval_set(n_cases=3))
    make_items(run, errors={"2": "timeout"})
    found = read_scores(make_scores(make_run_scorer(run), [1.0, 1.0, 0.0]))
    assert found.positions.tolist() == [0, 2]
    assert found.passed.tolist() == [1, 0]


def test_no_score_is_empty_arrays() -> None:
    found = read_scores(make_run_scorer(make_run(eval_set=make_eval_set(n_cases=0))))
    assert found.n == 0
    assert found.values.size == found.category.size == 0


def test_cases_of_one_cluster_share_a_number_and_others_stand_alone() -> None:
    eval_set = make_eval_set(n_cases=0)
    for position, cluster in enumerate(["x", "", "y", "x", ""]):
        make_case(eval_set=eval_set, position=position, cluster=cluster)
    codes = read_cases(eval_set.pk).cluster
    assert codes is not None
    assert codes[0] == codes[3]
    assert len(set(codes.tolist())) == 4


def test_beyond_a_number_the_smallest_categories_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "MOST_CATEGORIES", 2)
    eval_set = make_eval_set(n_cases=0)
    for position, category in enumerate(["rare", "b", "b", "a", "a"]):
        make_case(eval_set=eval_set, position=position, category=category)
    cases = read_cases(eval_set.pk)
    assert cases.categories == ("a", "b", "(others)")
    assert [cases.categories[code] for code in cases.category] == ["(others)", "b", "b", "a", "a"]


def test_a_hundred_thousand_are_read_in_a_moment() -> None:
    eval_set = make_eval_set(n_cases=0)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO experiments_evalcase (eval_set_id, external_id, position, system, turns, prompt, expected,"
            " category, tags, cluster, metadata) SELECT %s, n, n, '', '[]', repeat('word ', 40), '', n %% 7, '[]',"
            " n / 5, '{}' FROM generate_series(1, 100000) AS n",
            [eval_set.pk],
        )
        run_scorer = make_run_scorer(make_run(eval_set=eval_set))
        cursor.execute(
            "INSERT INTO experiments_score (run_scorer_id, case_id, value, passed, detail)"
            " SELECT %s, id, position %% 2, position %% 2 = 1, '{}' FROM experiments_evalcase WHERE eval_set_id = %s",
            [run_scorer.pk, eval_set.pk],
        )
    assert EvalCase.objects.filter(eval_set=eval_set).count() == Score.objects.count() == 100_000
    started = time.perf_counter()
    found = read_scores(run_scorer)
    took = time.perf_counter() - started
    assert found.values.sum() == 50_000
    assert found.cluster is not None
    assert found.cluster.max() == 20_000
    assert took < 5  # 0.4 s on an idle machine; other work may run beside
