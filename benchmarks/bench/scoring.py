"""Scorers over 10,000 pairs of texts, beside the public packages that give the same values."""

import random
import time
from collections.abc import Callable, Iterable, Sequence
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from benchmarks.table import Row
from experiments.scorers import registry
from experiments.scorers.base import Case, Response, ScoreResult

PAIRS = 10_000
WORDS, SHORT = 80, 20  # of a reference, on average; below 200 characters difflib compares all of them
VOCABULARY = 4_000
SEED = 20260317

Values = list[Any]


class Pair(NamedTuple):
    reference: str
    answer: str
    case: Case
    response: Response


def rows() -> Iterable[Row]:
    pairs, short = made_pairs(WORDS), made_pairs(SHORT)
    yield exact(pairs)
    rouge, bleu, chrf = RougeScorer(["rougeL"]), BLEU(effective_order=True), CHRF()
    yield beside("rouge_l", pairs, "rouge-score", lambda p: rouge.score(p.reference, p.answer)["rougeL"].fmeasure, 50)
    yield beside("bleu", pairs, "sacrebleu", lambda p: bleu.sentence_score(p.answer, [p.reference]).score)
    yield beside("chrf", pairs, "sacrebleu", lambda p: chrf.sentence_score(p.answer, [p.reference]).score, 0)
    yield corpus(pairs)
    for some in (pairs, short):
        yield beside("similarity", some, "difflib", lambda p: SequenceMatcher(None, p.reference, p.answer).ratio())


def made_pairs(words: int) -> list[Pair]:
    """Sentences of words as frequent as in a language, and answers in which some are changed, left out or moved."""
    rng = random.Random(SEED)
    vocabulary = ["".join(rng.choices("etaoinshrdlucmfwypvbgk", k=rng.randint(1, 11))) for _ in range(VOCABULARY)]
    weights = [1 / (rank + 3) for rank in range(VOCABULARY)]
    made = []
    for _ in range(PAIRS):
        reference = rng.choices(vocabulary, weights, k=max(3, round(rng.gauss(words, words / 4))))
        answer = [rng.choice(vocabulary) if rng.random() < 0.2 else word for word in reference if rng.random() > 0.1]
        cut = rng.randrange(len(answer) + 1)
        answer = answer[cut:] + answer[:cut] if rng.random() < 0.3 else answer
        made.append(pair_of(sentence(reference, rng), sentence(answer, rng)))
    return made


def pair_of(reference: str, answer: str) -> Pair:
    return Pair(reference, answer, Case(expected=reference), Response(text=answer))


def sentence(words: Sequence[str], rng: random.Random) -> str:
    marked = [word + rng.choice([",", ".", ":"]) if rng.random() < 0.1 else word for word in words]
    return " ".join(marked).capitalize() + "."


def exact(pairs: Sequence[Pair]) -> Row:
    took, results = timed(scored("exact_match"), pairs)
    equal = [result.passed for result in results] == [pair.answer == pair.reference for pair in pairs]
    return Row(f"exact_match, {PAIRS:,} pairs", rate(took), ok=equal, note="values equal" if equal else "VALUES DIFFER")


def beside(name: str, pairs: Sequence[Pair], package: str, other: Callable[[Pair], Any], budget: int = 1) -> Row:
    """Both over all pairs, each value compared to the last bit."""
    took, results = timed(scored(name), pairs)
    theirs, values = timed(other, pairs)
    equal = [result.value for result in results] == values
    length = sum(len(pair.reference) for pair in pairs) // len(pairs)
    return Row(
        f"{name}, {PAIRS:,} pairs of {length} characters",
        rate(took),
        f"{rate(theirs)} {package}",
        f"{theirs / took:.1f} x",
        bound=f">= {budget} x, values equal" if budget else "values equal",
        ok=equal and theirs / took >= budget,
        note="values equal" if equal else "VALUES DIFFER",
    )


def corpus(pairs: Sequence[Pair]) -> Row:
    """Once the cases are scored, the figure of the whole run is a sum."""
    results = timed(scored("bleu"), pairs)[1]
    aggregate = registry.get("bleu").aggregate
    assert aggregate is not None
    started = time.process_time()
    value = aggregate(results)
    took = time.process_time() - started
    references, answers = [pair.reference for pair in pairs], [pair.answer for pair in pairs]
    started = time.process_time()
    other = BLEU().corpus_score(answers, [references]).score
    theirs = time.process_time() - started
    return Row(
        f"corpus BLEU of {PAIRS:,} scored cases",
        f"{took * 1000:.0f} ms",
        f"{theirs * 1000:.0f} ms sacrebleu",
        f"{theirs / took:.0f} x",
        bound="values equal",
        ok=value == other,
        note=f"{value:.4f}",
    )


def scored(name: str) -> Callable[[Pair], ScoreResult]:
    judge = registry.get(name).bind({})
    return lambda pair: judge(pair.case, pair.response)


def timed(score: Callable[[Pair], Any], pairs: Sequence[Pair]) -> tuple[float, Values]:
    """Processor seconds, which other work on the machine leaves alone, and the values."""
    score(pairs[0])
    started = time.process_time()
    values = [score(pair) for pair in pairs]
    return time.process_time() - started, values


def rate(seconds: float) -> str:
    return f"{PAIRS / seconds:,.0f}/s"
