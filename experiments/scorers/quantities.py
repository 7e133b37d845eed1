"""What an answer costs its reader: length, tokens and time, none of them right or wrong."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from experiments.scorers.base import Case, Judge, Response, Scorer, ScoreResult, Unit, measured, unscored


def _quantity(
    name: str, title: str, summary: str, unit: Unit, read: Callable[[Response], float | None], *, lower: bool
) -> Scorer:
    def make(params: Mapping[str, Any]) -> Judge:
        def judge(case: Case, response: Response) -> ScoreResult:
            value = read(response)
            if value is None:
                return unscored(f"the output does not tell its {title.lower()}")
            if not math.isfinite(value) or value < 0:
                return unscored(f"the {title.lower()} of the output is not a number from 0")
            return measured(float(value))

        return judge

    return Scorer(
        name=name,
        version=1,
        title=title,
        summary=summary,
        make=make,
        applies=lambda case: True,
        unit=unit,
        has_pass_mark=False,
        higher_is_better=False if lower else None,
    )


LENGTH = _quantity(
    "length",
    "Length",
    "Characters of the answer (Unicode code points). Neither more nor less is better by itself.",
    "characters",
    lambda response: len(response.text),
    lower=False,
)
OUTPUT_TOKENS = _quantity(
    "output_tokens",
    "Output tokens",
    "Tokens the model wrote, as its endpoint counted them.",
    "tokens",
    lambda response: response.output_tokens,
    lower=True,
)
LATENCY = _quantity(
    "latency",
    "Latency",
    "Time of the successful call alone, in milliseconds, without queueing and retries.",
    "ms",
    lambda response: response.latency_ms,
    lower=True,
)
