import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.stem.porter import PorterStemmer
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.scoring import Score

from experiments.scorers import registry
from experiments.scorers.porter import stem
from experiments.scorers.rouge import Rouge, rouge_l, rouge_n
from experiments.scorers.tokens import TOKENIZERS
from tests.real_data import real_data
from tests.scorers.scoring import json_lines, score

KEYS = {"rouge1": "rouge_1", "rouge2": "rouge_2", "rougeL": "rouge_l"}
STEMMING = {"no_stem": "rouge_score", "porter_stem": "rouge_score_stemmed"}


def ours(reference: str, answer: str, tokenizer: str) -> dict[str, Rouge]:
    cut = TOKENIZERS[tokenizer]
    wanted, found = cut(reference), cut(answer)
    return {"rouge1": rouge_n(wanted, found, 1), "rouge2": rouge_n(wanted, found, 2), "rougeL": rouge_l(wanted, found)}


def theirs(reference: str, answer: str, *, stemmed: bool) -> dict[str, Score]:
    scored: dict[str, Score] = RougeScorer(list(KEYS), use_stemmer=stemmed).score(reference, answer)
    return scored


@pytest.mark.real_data
@pytest.mark.parametrize("stemming", STEMMING)
def test_the_values_of_rouge_1_5_5_come_out(stemming: str) -> None:
    published = json.loads((real_data("text_metric_fixtures") / "rouge155.json").read_text())
    compared = 0
    for pair, expected in zip(published["pairs"], published["expected"][stemming], strict=True):
        found = ours(pair["target"], pair["prediction"], STEMMING[stemming])
        for kind, values in expected.items():
            assert found[kind] == pytest.approx(values, abs=6e-6), (kind, stemming)
            compared += 1
    assert compared >= 4


@pytest.mark.real_data
def test_the_values_of_the_package_rouge_come_out_where_each_n_gram_counts_once() -> None:
    """Its F1 adds 1e-8 below the line, and that of ROUGE-L weighs recall by a beta of its own."""
    published = json.loads((real_data("text_metric_fixtures") / "pltrdy_rouge_data.json").read_text())
    for row in published:
        for kind, name in (("rouge-1", "rouge_1"), ("rouge-2", "rouge_2"), ("rouge-l", "rouge_l")):
            for measure in ("precision", "recall", *(["f"] if kind != "rouge-l" else [])):
                params = {"tokenizer": "white_space", "measure": measure}
                params |= {"count": "once"} if kind != "rouge-l" else {}
                value = score(name, row["hyp"], row["ref"], params=params).value
                assert value == pytest.approx(row["scores"][kind][measure[0]], abs=1e-7), (kind, measure)
    assert len(published) == 4


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("model", "published"),
    {
        "text-davinci-003": (39.49, 18.88, 33.64),
        "text-davinci-001": (34.37, 15.31, 29.00),
        "davinci-self-instruct": (31.72, 14.38, 28.13),
    }.items(),
)
def test_the_means_of_self_instruct_come_out(model: str, published: tuple[float, ...]) -> None:
    rows = json_lines(real_data("self_instruct") / f"{model}_predictions.jsonl")
    for name, mean in zip(KEYS.values(), published, strict=True):
        params = {"tokenizer": "rouge_score_stemmed"}
        values = [score(name, row["response"], row["target"], params=params).value for row in rows]
        known = [value for value in values if value is not None]
        assert 100 * sum(known) / len(rows) == pytest.approx(mean, abs=0.005)


TEXTS = st.text(alphabet="ab cd.Z1é\n", max_size=40) | st.text(max_size=30)


@given(TEXTS, TEXTS, st.booleans())
def test_values_are_those_of_rouge_score_to_the_last_bit(reference: str, answer: str, stemmed: bool) -> None:
    mine = ours(reference, answer, "rouge_score_stemmed" if stemmed else "rouge_score")
    other = theirs(reference, answer, stemmed=stemmed)
    assert {kind: tuple(mine[kind]) for kind in KEYS} == {kind: tuple(map(float, other[kind])) for kind in KEYS}


@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=3))
def test_of_several_references_the_best_counts(answer: str, references: list[str]) -> None:
    best = RougeScorer(["rougeL"]).score_multi([text for text in references if text] or [""], answer)["rougeL"].fmeasure
    result = score("rouge_l", answer, references[0], accepted=references[1:])
    assert result.value == (float(best) if any(references) else None)


@given(st.text(alphabet="abcdefghilmnostuyz", max_size=14))
def test_stems_are_those_of_nltk(word: str) -> None:
    assert stem(word) == PorterStemmer().stem(word)


SUFFIXES = [
    "s",
    "es",
    "ies",
    "ied",
    "eed",
    "ed",
    "ing",
    "ational",
    "tional",
    "enci",
    "anci",
    "izer",
    "bli",
    "alli",
    "entli",
    "eli",
    "ousli",
    "ization",
    "ation",
    "ator",
    "alism",
    "iveness",
    "fulness",
    "ousness",
    "aliti",
    "iviti",
    "biliti",
    "fulli",
    "logi",
    "icate",
    "ative",
    "alize",
    "iciti",
    "ical",
    "ful",
    "ness",
    "al",
    "ance",
    "ence",
    "er",
    "ic",
    "able",
    "ible",
    "ant",
    "ement",
    "ment",
    "ent",
    "ion",
    "sion",
    "tion",
    "ou",
    "ism",
    "ate",
    "iti",
    "ous",
    "ive",
    "ize",
    "e",
    "ll",
    "y",
    "ly",
    "ally",
]


@given(st.text(alphabet="abelnorsty", max_size=6), st.lists(st.sampled_from(SUFFIXES), min_size=1, max_size=3))
def test_stems_of_words_with_every_ending_are_those_of_nltk(root: str, endings: list[str]) -> None:
    word = root + "".join(endings)
    assert stem(word) == PorterStemmer().stem(word)


@pytest.mark.parametrize(
    "word", ["skies", "dying", "news", "innings", "proceed", "sky", "howe", "is", "a", "", "y" * 50_000]
)
def test_irregular_and_odd_words_are_stemmed_as_by_nltk(word: str) -> None:
    assert stem(word) == PorterStemmer().stem(word)


def test_texts_in_other_scripts_need_another_tokenizer() -> None:
    text = "Zürich liegt am See"
    assert score("rouge_1", "東京は首都です", "東京は首都です").value == 0
    assert score("rouge_1", "東京は首都です", "東京は首都です", params={"tokenizer": "characters"}).value == 1
    assert score("rouge_1", text, text.upper(), params={"tokenizer": "words"}).value == 1


def test_the_value_may_be_precision_or_recall() -> None:
    values: dict[str, Any] = {
        measure: score("rouge_1", "a b", "a b c d", params={"measure": measure}).value
        for measure in ("precision", "recall", "f")
    }
    assert values == {"precision": 1.0, "recall": 0.5, "f": pytest.approx(2 / 3)}


def test_the_metric_names_its_tokenizer() -> None:
    assert registry.get("rouge_l").label({}) == "ROUGE-L F1, tokens of rouge_score"
    assert "characters" in registry.get("rouge_2").label({"tokenizer": "characters", "measure": "recall"})
