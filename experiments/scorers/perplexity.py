"""How surprised a model was by its own answer."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.scorers.base import Case, Judge, Response, Scorer, ScoreResult, measured, unscored

LARGEST = math.log(1e308)


def make(params: Mapping[str, Any]) -> Judge:
    return judge


def judge(case: Case, response: Response) -> ScoreResult:
    """exp(-sum / n) over the tokens of the answer; at least 1. Source: Jelinek et al. 1977, J. Acoust. Soc. Am. 62."""
    total, n = response.logprobs_sum, response.logprobs_n
    if total is None or not n:
        return unscored("the output carries no log-probabilities: switch them on at the endpoint, if it has them")
    if not math.isfinite(total) or total > 0 or n < 0:
        return unscored("its log-probabilities are none: the sum must be finite and at most 0")
    if -total / n > LARGEST:
        return unscored("its perplexity is too large to be written")
    return measured(math.exp(-total / n), logprobs_sum=total, logprobs_n=n)


def aggregate(results: Sequence[ScoreResult]) -> float | None:
    """Of all tokens together: exp of the mean over tokens, not the mean of the perplexities. None without any."""
    told = [result.detail for result in results if result.value is not None]
    n = sum(detail["logprobs_n"] for detail in told)
    return math.exp(-math.fsum(detail["logprobs_sum"] for detail in told) / n) if n else None


PERPLEXITY = Scorer(
    name="perplexity",
    version=1,
    title="Perplexity",
    summary="exp of the mean negative log-probability per token of the model's own answer.",
    make=make,
    applies=lambda case: True,
    unit="perplexity",
    has_pass_mark=False,
    higher_is_better=False,
    aggregate=aggregate,
)
