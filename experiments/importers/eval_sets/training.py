"""Which cases of a set stand in a training file too: a model that was trained on them has seen the exam.

Three looks at each case, the surest first: the same text; the same words and signs whatever case and punctuation; and
at least PART of the case's runs of 8 words within one training example (Brown et al. 2020 looked at 13 words; cases are
shorter than documents). Runs that many cases share are a template and left out.
"""

from array import array
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from experiments.importers.eval_sets.words import Hashes, key, normalised_key, runs, words

RUN = 8
SAMPLED = 32
FEWEST_RUNS = 4
PART = 0.5
TEMPLATE_SHARE, TEMPLATE_LEAST = 0.05, 20


class Overlap(NamedTuple):
    """`how` is "exact", "normalised" or "in part"; `place` counts the cases from 0."""

    place: int
    training_row: int
    how: str
    shared: float


class TrainingOverlap:
    def __init__(self) -> None:
        self.exact, self.normalised = array("Q"), array("Q")
        self.sampled, self.sizes = array("Q"), array("q")
        self.found: dict[int, Overlap] = {}

    def add_case(self, prompt: str) -> None:
        found = words(prompt)
        self.exact.append(key(prompt.strip()))
        self.normalised.append(normalised_key(found) if found else self.exact[-1])
        sample = runs(found if len(found) >= RUN + FEWEST_RUNS - 1 else [], RUN)[:SAMPLED]
        self.sampled.frombytes(sample.tobytes())
        self.sizes.append(sample.size)

    def ready(self) -> None:
        """After the last case, before the first training example."""
        self.keys = np.frombuffer(self.normalised, dtype=np.uint64)
        self.by_key = np.argsort(self.keys, kind="stable")
        self.keys = self.keys[self.by_key]
        sizes = np.frombuffer(self.sizes, dtype=np.int64)
        order = np.argsort(np.frombuffer(self.sampled, dtype=np.uint64))
        sampled = np.frombuffer(self.sampled, dtype=np.uint64)[order]
        owners = np.repeat(np.arange(sizes.size, dtype=np.int32), sizes)[order]
        content = times_of(sampled) <= max(TEMPLATE_LEAST, TEMPLATE_SHARE * sizes.size)
        self.runs, self.owners = sampled[content], owners[content]
        self.n_runs = np.bincount(self.owners, minlength=sizes.size)

    def look_at(self, row: int, text: str) -> None:
        found = words(text)
        if not found and not text.strip():
            return
        exact = key(text.strip())
        for place in self.same(normalised_key(found) if found else exact):
            how = "exact" if self.exact[place] == exact else "normalised"
            self.keep(Overlap(place, row, how, 1.0))
        if len(found) >= RUN and self.runs.size:
            self.look_for_parts(row, runs(found, RUN))

    def same(self, normalised: int) -> list[int]:
        wanted = np.uint64(normalised)
        start, end = np.searchsorted(self.keys, wanted), np.searchsorted(self.keys, wanted, side="right")
        places: list[int] = self.by_key[start:end].tolist()
        return places

    def look_for_parts(self, row: int, of_text: Hashes) -> None:
        start = np.searchsorted(self.runs, of_text)
        end = np.searchsorted(self.runs, of_text, side="right")
        hit = np.flatnonzero(end > start)
        hits = [self.owners[one:two] for one, two in zip(start[hit], end[hit], strict=True)]
        if not hits:
            return
        owners, times = np.unique(np.concatenate(hits), return_counts=True)
        for place, count in zip(owners.tolist(), times.tolist(), strict=True):
            n_runs = int(self.n_runs[place])
            if n_runs >= FEWEST_RUNS and count / n_runs >= PART:
                self.keep(Overlap(place, row, "in part", count / n_runs))

    def keep(self, overlap: Overlap) -> None:
        known = self.found.get(overlap.place)
        if known is None or rank(overlap) > rank(known):
            self.found[overlap.place] = overlap


def times_of(ordered: Hashes) -> NDArray[np.int64]:
    """How often each value stands there, beside it. The values are in order."""
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])[: ordered.size])
    counts = np.diff(starts, append=ordered.size)
    return np.repeat(counts, counts)


def rank(overlap: Overlap) -> tuple[int, float]:
    return ("in part", "normalised", "exact").index(overlap.how), overlap.shared


def texts(value: Any) -> list[str]:
    """What a training example lets a model read: its text, or what the user says in its messages."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        return []
    said = [each.get("content") for each in value if isinstance(each, dict) and each.get("role", "user") == "user"]
    found: list[str] = []
    for content in said:
        if isinstance(content, list):
            found += [part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)]
        elif isinstance(content, str):
            found.append(content)
    return found
