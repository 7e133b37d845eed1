"""Which cases of a set stand in a training file too: a model that was trained on them has seen the exam.

Three looks at each case, the surest first: the same text; the same words whatever case and punctuation; and at least
PART of the case's runs of 8 words within one training example (Brown et al. 2020 looked at 13 words; cases are shorter
than documents). Runs that many cases share are a template and left out.
"""

from array import array
from typing import Any, NamedTuple

import numpy as np

from experiments.importers.eval_sets.words import Hashes, key, normalised_key, runs, words

RUN = 8
SAMPLED = 64
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
        self.sampled: list[Hashes] = []
        self.found: dict[int, Overlap] = {}

    def add_case(self, prompt: str) -> None:
        found = words(prompt)
        self.exact.append(key(prompt.strip()))
        self.normalised.append(normalised_key(found) if found else self.exact[-1])
        self.sampled.append(runs(found, RUN)[:SAMPLED] if len(found) >= RUN + FEWEST_RUNS - 1 else runs([], RUN))

    def ready(self) -> None:
        """After the last case, before the first training example."""
        self.keys = np.frombuffer(self.normalised, dtype=np.uint64)
        self.by_key = np.argsort(self.keys, kind="stable")
        self.keys = self.keys[self.by_key]
        owners = np.repeat(np.arange(len(self.sampled)), [each.size for each in self.sampled])
        together = np.concatenate([*self.sampled, runs([], RUN)])
        order = np.argsort(together, kind="stable")
        together, owners = together[order], owners[order]
        _, number, times = np.unique(together, return_inverse=True, return_counts=True)
        content = times[number] <= max(TEMPLATE_LEAST, TEMPLATE_SHARE * len(self.sampled))
        self.runs, self.owners = together[content], owners[content]
        self.n_runs = np.bincount(self.owners, minlength=len(self.sampled))
        self.sampled.clear()

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
        hits = [self.owners[one:two] for one, two in zip(start, end, strict=True) if two > one]
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
