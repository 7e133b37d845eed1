"""ROUGE: how much of a reference an answer recalls, and how much of the answer is in the reference.

Lin 2004 (Text Summarization Branches Out), as ROUGE-1.5.5 and the package rouge-score compute it: with the same
tokenizer the values are theirs to the last bit. Of several references the one with the highest F1 counts.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from rapidfuzz.distance import LCSseq

from experiments.scorers.base import Case, Judge, Param, Response, Scorer, ScoreResult, measured, unscored
from experiments.scorers.expected import NONE_GIVEN, answers, has_answers
from experiments.scorers.ngram_stats import matches, ngrams
from experiments.scorers.tokens import LONGEST, TOKENIZERS


class Rouge(NamedTuple):
    """All three are shares."""

    precision: float
    recall: float
    f: float


Overlap = Callable[[Sequence[str], Sequence[str]], Rouge]

COUNT = Param(
    "count",
    "choice",
    default="each",
    choices=("each", "once"),
    help="each: an n-gram counts as often as it stands in both, as in ROUGE-1.5.5; once: as in the package rouge",
)
PARAMS = (
    Param("tokenizer", "choice", default="rouge_score", choices=tuple(TOKENIZERS), help="how texts are cut into words"),
    Param("measure", "choice", default="f", choices=Rouge._fields, help="which of the three is the value"),
)


def rouge_n(reference: Sequence[str], answer: Sequence[str], n: int, count: str = "each") -> Rouge:
    """Overlap of n-grams; inputs are tokens, n is at least 1. count: see `COUNT`."""
    if count == "once":
        wanted, found = set(ngrams(reference, n)), set(ngrams(answer, n))
        return _rouge(len(wanted & found), len(wanted), len(found))
    common = matches(ngrams(answer, n), ngrams(reference, n))
    return _rouge(common, max(len(reference) - n + 1, 0), max(len(answer) - n + 1, 0))


def rouge_l(reference: Sequence[str], answer: Sequence[str]) -> Rouge:
    """Longest common subsequence of tokens, by bit-parallel LCS (Hyyrö 2004) instead of a table.

    rapidfuzz compares tokens by their 64-bit hashes; that two different ones share one is left out of account.
    """
    return _rouge(LCSseq.similarity(reference, answer), len(reference), len(answer))


def _rouge(common: int, n_reference: int, n_answer: int) -> Rouge:
    precision, recall = common / max(n_answer, 1), common / max(n_reference, 1)
    f = 2 * precision * recall / (precision + recall) if common else 0.0
    return Rouge(precision, recall, f)


def maker(compare: Callable[..., Rouge]) -> Callable[[Mapping[str, Any]], Judge]:
    def make(params: Mapping[str, Any]) -> Judge:
        overlap: Overlap = partial(compare, count=params["count"]) if "count" in params else compare
        tokenize, measure = TOKENIZERS[params["tokenizer"]], params["measure"]

        def judge(case: Case, response: Response) -> ScoreResult:
            references = answers(case)
            if not references:
                return unscored(NONE_GIVEN)
            if max(map(len, [response.text, *references])) > LONGEST:
                return unscored(f"a text of more than {LONGEST:,} characters is not compared")
            answer = tokenize(response.text)
            best = max((overlap(tokenize(text), answer) for text in references), key=lambda rouge: rouge.f)
            return measured(getattr(best, measure), precision=round(best.precision, 5), recall=round(best.recall, 5))

        return judge

    return make


def label(name: str, params: Mapping[str, Any]) -> str:
    measure = {"f": "F1", "precision": "precision", "recall": "recall"}[params["measure"]]
    once = ", each n-gram once" if params.get("count") == "once" else ""
    return f"{name} {measure}, tokens of {params['tokenizer']}{once}"


def _scorer(
    name: str, title: str, summary: str, compare: Callable[..., Rouge], params: tuple[Param, ...] = PARAMS
) -> Scorer:
    return Scorer(
        name=name,
        version=1,
        title=title,
        summary=summary,
        make=maker(compare),
        applies=has_answers,
        has_pass_mark=False,
        params=params,
        label_of=partial(label, title),
    )


WITH_COUNT = (*PARAMS, COUNT)
ROUGE_1 = _scorer("rouge_1", "ROUGE-1", "Overlap of words with the expected answer.", partial(rouge_n, n=1), WITH_COUNT)
ROUGE_2 = _scorer("rouge_2", "ROUGE-2", "Overlap of pairs of neighbouring words.", partial(rouge_n, n=2), WITH_COUNT)
ROUGE_L = _scorer("rouge_l", "ROUGE-L", "Longest common subsequence of words with the expected answer.", rouge_l)
