import json
from typing import Any

import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from experiments.scorers import registry
from experiments.scorers.base import Case, Response, ScoreResult
from tests.real_data import real_data
from tests.scorers.scoring import json_lines, score


def corpus(name: str, answers: list[str], references: list[list[str]], **params: Any) -> float | None:
    """references: for each answer all of its own."""
    scorer = registry.get(name)
    judge = scorer.bind(params)
    results = [
        judge(Case(expected=texts[0], checks={"accepted": texts[1:]}), Response(text=text))
        for text, texts in zip(answers, references, strict=True)
    ]
    stored = [ScoreResult(one.value, one.passed, json.loads(json.dumps(one.detail)), one.reason) for one in results]
    assert scorer.aggregate is not None
    return scorer.aggregate(stored)


@pytest.mark.real_data
def test_the_values_of_sacrebleus_own_tests_come_out() -> None:
    published = json.loads((real_data("text_metric_fixtures") / "sacrebleu.json").read_text())
    whole, sentence = published["corpus"], published["sentence"]
    references = [list(texts) for texts in zip(*whole["refs"], strict=True)]
    for case in whole["cases"]:
        found = corpus("bleu", whole["hyps"], references, **case["kwargs"])
        assert found == pytest.approx(case["score"], abs=5e-7), case
    for smooth_method, smooth_value, lowercase, tokenize, value in sentence["cases"]:
        params = {
            "smooth_method": smooth_method,
            "smooth_value": smooth_value,
            "lowercase": lowercase,
            "tokenize": tokenize,
        }
        found = score("bleu", sentence["hyp"], sentence["ref"], params=params).value
        assert found == pytest.approx(value, abs=6e-4), params


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("model", "published"), [("text-davinci-003", 12.38), ("text-davinci-001", 9.49), ("davinci-self-instruct", 7.06)]
)
def test_the_corpus_bleu_of_self_instruct_comes_out(model: str, published: float) -> None:
    rows = [row for row in json_lines(real_data("self_instruct") / f"{model}_predictions.jsonl") if row["target"]]
    answers, targets = [row["response"] for row in rows], [row["target"] for row in rows]
    assert corpus("bleu", answers, [[text] for text in targets]) == pytest.approx(published, abs=0.005)
    assert corpus("bleu", answers, [[text] for text in targets]) == sacrebleu.corpus_bleu(answers, [targets]).score
    assert corpus("chrf", answers, [[text] for text in targets]) == sacrebleu.corpus_chrf(answers, [targets]).score


TEXTS = st.text(alphabet="ab c.,-1&é\n", min_size=1, max_size=40)
REFERENCES = st.lists(TEXTS, min_size=1, max_size=3, unique=True)
SMOOTHING = st.sampled_from([("exp", None), ("none", None), ("floor", 0.3), ("add-k", 2.0), ("add-k", None)])
TOKENIZE = st.sampled_from(["13a", "intl", "char", "zh", "none"])


@given(TEXTS, REFERENCES, TOKENIZE, st.booleans(), SMOOTHING)
def test_a_sentences_bleu_is_sacrebleus_to_the_last_bit(
    answer: str, references: list[str], tokenize: str, lowercase: bool, smoothing: tuple[str, float | None]
) -> None:
    method, value = smoothing
    theirs = BLEU(
        tokenize=tokenize, lowercase=lowercase, smooth_method=method, smooth_value=value, effective_order=True
    )
    params = {"tokenize": tokenize, "lowercase": lowercase, "smooth_method": method, "smooth_value": value}
    found = score("bleu", answer, references[0], accepted=references[1:], params=params)
    assert found.value == theirs.sentence_score(answer, references).score


@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS.filter(bool)), min_size=1, max_size=5), SMOOTHING)
def test_corpus_values_are_sacrebleus_to_the_last_bit(
    rows: list[tuple[str, str, str]], smoothing: tuple[str, float | None]
) -> None:
    answers, first, second = (list(column) for column in zip(*rows, strict=True))
    own = [[one, other] if one != other else [one, one + "x"] for one, other in zip(first, second, strict=True)]
    streams = [[texts[0] for texts in own], [texts[1] for texts in own]]
    method, value = smoothing
    bleu = BLEU(smooth_method=method, smooth_value=value).corpus_score(answers, streams).score
    assert corpus("bleu", answers, own, smooth_method=method, smooth_value=value) == bleu
    for order in (0, 1, 2):
        chrf = CHRF(word_order=order).corpus_score(answers, streams).score
        assert corpus("chrf", answers, own, word_order=str(order)) == chrf


@given(TEXTS, REFERENCES, st.sampled_from(["0", "1", "2"]), st.booleans())
def test_a_sentences_chrf_is_sacrebleus_to_the_last_bit(
    answer: str, references: list[str], order: str, lowercase: bool
) -> None:
    theirs = CHRF(word_order=int(order), lowercase=lowercase).sentence_score(answer, references).score
    params = {"word_order": order, "lowercase": lowercase}
    assert score("chrf", answer, references[0], accepted=references[1:], params=params).value == theirs


def test_texts_are_not_kept_in_the_tokenizers_cache() -> None:
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
    from sacrebleu.tokenizers.tokenizer_re import TokenizerRegexp

    before = [call.cache_info().currsize for call in (Tokenizer13a.__call__, TokenizerRegexp.__call__)]
    score("bleu", "a text that nobody else scores", "another such text")
    assert before == [call.cache_info().currsize for call in (Tokenizer13a.__call__, TokenizerRegexp.__call__)]


def test_a_corpus_without_scores_has_no_value() -> None:
    for name in ("bleu", "chrf"):
        aggregate = registry.get(name).aggregate
        assert aggregate is not None
        assert aggregate([]) is None
        assert aggregate([ScoreResult(None, reason="none")]) is None


def test_the_metrics_name_how_they_were_set() -> None:
    assert registry.get("bleu").label({"lowercase": True}) == "BLEU, tokenizer 13a, lower case, smoothing exp"
    assert registry.get("chrf").label({"word_order": "2"}) == "chrF2++, mixed case"
