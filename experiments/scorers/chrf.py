"""chrF, as sacrebleu computes it.

Popović 2015 and, with word n-grams, 2017 (chrF++). A case's value is that of its best reference; that of a run comes
from the cases' counts, not from a mean.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.scorers.base import Case, Judge, Param, Response, Scorer, ScoreResult, measured, unscored
from experiments.scorers.expected import NONE_GIVEN, answers, has_answers
from experiments.scorers.ngram_stats import corpus_level, matches, ngrams

CHARACTER_ORDERS = 6
BETA = 2
LONGEST = 200_000  # characters: six n-grams stand in memory for each
PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")

Grams = list[tuple[Counter[Any], int]]


def make(params: Mapping[str, Any]) -> Judge:
    word_orders, lowercase = {"0": 0, "1": 1, "2": 2}[params["word_order"]], params["lowercase"]

    def grams(text: str) -> Grams:
        return all_grams(text.lower() if lowercase else text, word_orders)

    def judge(case: Case, response: Response) -> ScoreResult:
        references = answers(case)
        if not references:
            return unscored(NONE_GIVEN)
        if max(map(len, [response.text, *references])) > LONGEST:
            return unscored(f"a text of more than {LONGEST:,} characters is not compared")
        answer = grams(response.text)
        stats = max((statistics(answer, grams(text)) for text in references), key=value)
        return measured(value(stats), stats=stats)

    return judge


def all_grams(text: str, word_orders: int) -> Grams:
    """Counts of 1- to 6-grams of characters without white space, then of words; each with how many there are."""
    line = "".join(text.split())
    pieces = [[line[at : at + n] for at in range(len(line) - n + 1)] for n in range(1, CHARACTER_ORDERS + 1)]
    grams: Grams = [(Counter(piece), len(piece)) for piece in pieces]
    if word_orders:
        words = [part for word in text.split() for part in _without_punctuation(word)]
        grams += [(ngrams(words, n), max(len(words) - n + 1, 0)) for n in range(1, word_orders + 1)]
    return grams


def _without_punctuation(word: str) -> list[str]:
    """A mark at the end of a word is a word of its own; or else one at its beginning."""
    if len(word) == 1:
        return [word]
    if word[-1] in PUNCTUATION:
        return [word[:-1], word[-1]]
    return [word[0], word[1:]] if word[0] in PUNCTUATION else [word]


def statistics(answer: Grams, reference: Grams) -> list[int]:
    """For each order how many n-grams the answer has, the reference has, and both."""
    stats: list[int] = []
    for (found, n_found), (wanted, n_wanted) in zip(answer, reference, strict=True):
        stats += [n_found if n_wanted else 0, n_wanted, matches(found, wanted)]
    return stats


def value(stats: Sequence[int], _: Mapping[str, Any] | None = None) -> float:
    """chrF in points, 0 to 100, over the orders that both sides have; precision weighs 1, recall beta squared."""
    orders = [stats[at : at + 3] for at in range(0, len(stats), 3)]
    used = [(n_found, n_wanted, both) for n_found, n_wanted, both in orders if n_found and n_wanted]
    if not used:
        return 0.0
    precision = recall = 0.0
    for n_found, n_wanted, both in used:
        precision += both / n_found
        recall += both / n_wanted
    precision, recall = precision / len(used), recall / len(used)
    if not precision + recall:
        return 0.0
    weight = BETA**2
    return 100 * ((1 + weight) * precision * recall / (weight * precision + recall))


def label(params: Mapping[str, Any]) -> str:
    case = "lower case" if params["lowercase"] else "mixed case"
    return f"chrF{BETA}{'+' * int(params['word_order'])}, {case}"


CHRF = Scorer(
    name="chrf",
    version=1,
    title="chrF",
    summary="F-score of character n-grams, recall weighing double: kind to inflected languages and small slips.",
    make=make,
    applies=has_answers,
    unit="points",
    has_pass_mark=False,
    params=(
        Param("word_order", "choice", default="0", choices=("0", "1", "2"), help="2 makes it chrF++"),
        Param("lowercase", "flag", default=False, help="upper and lower case are the same"),
    ),
    label_of=label,
    aggregate=corpus_level(value),
)
