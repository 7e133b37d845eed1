"""BLEU, as sacrebleu computes it.

Papineni et al. 2002; Post 2018 for what makes two figures comparable: tokenizer, case, smoothing. A case's value is
sentence BLEU with effective order; that of a run is corpus BLEU from the cases' counts, not a mean.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from experiments.scorers.base import Case, Judge, Param, Response, Scorer, ScoreResult, measured, unscored
from experiments.scorers.expected import NONE_GIVEN, answers, has_answers
from experiments.scorers.ngram_stats import corpus_level, matches, ngrams
from experiments.scorers.tokens import LONGEST

ORDERS = 4
SMOOTHINGS = ("exp", "none", "floor", "add-k")
TOKENIZERS = ("13a", "intl", "char", "zh", "none")  # those that need no download

Tokenize = Callable[[str], list[str]]


def make(params: Mapping[str, Any]) -> Judge:
    tokenize = tokenizer(params)
    smoothing = {"smooth_method": params["smooth_method"], "smooth_value": params["smooth_value"]}

    def judge(case: Case, response: Response) -> ScoreResult:
        references = answers(case)
        if not references:
            return unscored(NONE_GIVEN)
        if max(map(len, [response.text, *references])) > LONGEST:
            return unscored(f"a text of more than {LONGEST:,} characters is not compared")
        stats = statistics(tokenize(response.text), [tokenize(text) for text in references])
        return measured(value(stats, smoothing, effective_order=True), stats=stats, **smoothing)

    return judge


def statistics(answer: Sequence[str], references: Sequence[Sequence[str]]) -> list[int]:
    """Length of answer and of the closest reference, then matches of 1- to 4-grams, then how many there are."""
    reference_length = min((abs(len(answer) - len(text)), len(text)) for text in references)[1]
    matched, totals = [], []
    for n in range(1, ORDERS + 1):
        wanted = ngrams(references[0], n)
        for other in references[1:]:
            wanted |= ngrams(other, n)
        matched.append(matches(ngrams(answer, n), wanted))
        totals.append(max(len(answer) - n + 1, 0))
    return [len(answer), reference_length, *matched, *totals]


def value(stats: Sequence[int], smoothing: Mapping[str, Any], *, effective_order: bool = False) -> float:
    """BLEU in points, 0 to 100, from the counts of one case or the sums of many."""
    from sacrebleu.metrics.bleu import BLEU as SACREBLEU

    return SACREBLEU.compute_bleu(
        correct=list(stats[2 : 2 + ORDERS]),
        total=list(stats[2 + ORDERS :]),
        sys_len=stats[0],
        ref_len=stats[1],
        smooth_method=smoothing["smooth_method"],
        smooth_value=smoothing["smooth_value"],
        effective_order=effective_order,
    ).score


def tokenizer(params: Mapping[str, Any]) -> Tokenize:
    """sacrebleu's own tokenizer of that name, without the cache in which it would keep every text."""
    from sacrebleu.metrics.bleu import _get_tokenizer

    cut = uncached(_get_tokenizer(params["tokenize"])())
    lower = params["lowercase"]

    def tokenize(text: str) -> list[str]:
        return cut((text.lower() if lower else text).rstrip()).split()

    return tokenize


def uncached(one: Any) -> Callable[[str], str]:
    inner = getattr(one, "_post_tokenizer", None)
    if inner is not None:
        one._post_tokenizer = uncached(inner)
    call = type(one).__call__
    return partial(getattr(call, "__wrapped__", call), one)


def label(params: Mapping[str, Any]) -> str:
    case = "lower case" if params["lowercase"] else "mixed case"
    return f"BLEU, tokenizer {params['tokenize']}, {case}, smoothing {params['smooth_method']}"


BLEU = Scorer(
    name="bleu",
    version=1,
    title="BLEU",
    summary="Precision of 1- to 4-grams with a penalty for brevity; of a run: corpus BLEU.",
    make=make,
    applies=has_answers,
    unit="points",
    has_pass_mark=False,
    params=(
        Param("tokenize", "choice", default="13a", choices=TOKENIZERS, help="sacrebleu's tokenizer"),
        Param("lowercase", "flag", default=False, help="upper and lower case are the same"),
        Param("smooth_method", "choice", default="exp", choices=SMOOTHINGS, help="what a missing n-gram order counts"),
        Param("smooth_value", "number", help="for floor (0.1 if left out) and add-k (1)"),
    ),
    label_of=label,
    aggregate=corpus_level(value),
)
