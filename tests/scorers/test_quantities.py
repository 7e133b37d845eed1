import math
from typing import Any

import pytest

from experiments.scorers import registry
from experiments.scorers.base import Case, Response
from tests.scorers.scoring import score


def test_quantities_are_measured_and_never_right_or_wrong() -> None:
    given: dict[str, Any] = {"output_tokens": 12, "latency_ms": 830.5}
    assert score("length", "häß😀").value == 4
    assert score("output_tokens", **given).value == 12
    assert score("latency", **given).value == 830.5
    assert score("latency", **given).passed is None


def test_what_an_output_does_not_tell_has_no_value() -> None:
    assert score("latency").reason == "the output does not tell its latency"
    assert score("output_tokens").value is None
    assert score("latency", latency_ms=math.nan).value is None
    assert score("latency", latency_ms=-1.0).value is None


def test_perplexity_is_that_of_a_fair_die() -> None:
    assert score("perplexity", logprobs_sum=-10 * math.log(6), logprobs_n=10).value == pytest.approx(6)
    assert score("perplexity", logprobs_sum=0.0, logprobs_n=3).value == 1


@pytest.mark.parametrize(
    ("total", "n"), [(None, 3), (-1.0, None), (-1.0, 0), (math.nan, 3), (-math.inf, 3), (1.0, 3), (-1e6, 1), (-1.0, -2)]
)
def test_perplexity_without_usable_log_probabilities_has_no_value(total: float | None, n: int | None) -> None:
    result = score("perplexity", logprobs_sum=total, logprobs_n=n)
    assert result.value is None
    assert result.reason


def test_the_perplexity_of_a_run_weighs_tokens_not_cases() -> None:
    scorer = registry.get("perplexity")
    judge = scorer.bind({})
    outputs = [
        Response(logprobs_sum=-30 * math.log(2), logprobs_n=30),
        Response(logprobs_sum=-10 * math.log(8), logprobs_n=10),
    ]
    results = [judge(Case(), output) for output in [*outputs, Response()]]
    assert scorer.aggregate is not None
    assert scorer.aggregate(results) == pytest.approx(2 ** ((30 * 1 + 10 * 3) / 40))
    assert scorer.aggregate(results[2:]) is None
