"""Inputs that stand in a set twice, word for word or nearly: found in linear time and flat memory.

The same words and signs in the same order, whatever their case and punctuation, are duplicates. Nearly the same are
inputs that share at least NEAR of all their pairs of neighbouring words (Jaccard), leaving out word pairs that stand in
so many inputs that they are a template, not content. Candidates come from MinHash in bands (locality-sensitive hashing,
Broder 1997; Indyk and Motwani 1998): 12 bands of 4 rows find a pair at the threshold with probability 0.998. Each
candidate is then compared exactly, on its word pairs, which wait in a temporary file.
"""

from array import array
from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from experiments.importers.eval_sets.words import Hashes, key, normalised_key, runs, words

NEAR = 0.8
BANDS, ROWS = 12, 4
LOOK_BACK = 3
FEWEST_PAIRS = 4
MOST_CASES = 250_000
"""Signatures take some hundred bytes a case; beyond this many cases only exact duplicates are looked for."""
TABLE_BITS = 20
TEMPLATE_SHARE, TEMPLATE_LEAST = 0.05, 20
BLOCK = 2000

Ints = NDArray[np.int64]


class Twin(NamedTuple):
    """Places of the cases in the file, counted from 0; `how` is "exact", "normalised" or "near"."""

    place: int
    earlier: int
    shared: float
    how: str


class DuplicateInputs:
    def __init__(self) -> None:
        self.texts, self.keys, self.sizes = array("Q"), array("Q"), array("q")
        self.spool = TemporaryFile(buffering=1 << 20)  # noqa: SIM115 - lives as long as this search, closed in `twins`
        self.seen = np.zeros(1 << TABLE_BITS, dtype=np.uint32)
        multipliers = np.random.default_rng(0).integers(1, 2**63, size=BANDS * ROWS, dtype=np.uint64)
        self.multipliers = (multipliers << np.uint64(1)) | np.uint64(1)

    def add(self, text: str) -> None:
        found = words(text)
        self.texts.append(key(" ".join(text.split())))
        self.keys.append(normalised_key(found) if found else len(self.keys))
        if len(self.keys) > MOST_CASES:
            return
        pairs = runs(found, 2)
        self.sizes.append(pairs.size)
        self.spool.write(pairs.tobytes())
        self.seen[place_in_table(pairs)] += 1

    @property
    def looked_for_near(self) -> bool:
        return len(self.keys) <= MOST_CASES

    def twins(self) -> list[Twin]:
        """Each input with the earlier one it repeats, in the order of the file."""
        same = self.exact()
        found = [Twin(place, earlier, 1.0, self.how(place, earlier)) for place, earlier in same.items()]
        if self.looked_for_near and self.keys:
            self.spool.flush()
            found += [twin for twin in self.near() if twin.place not in same]
        self.spool.close()
        return sorted(found)

    def how(self, place: int, earlier: int) -> str:
        return "exact" if self.texts[place] == self.texts[earlier] else "normalised"

    def exact(self) -> dict[int, int]:
        keys = np.frombuffer(self.keys, dtype=np.uint64)
        order = np.argsort(keys, kind="stable")
        first: dict[int, int] = {}
        for index in np.flatnonzero(keys[order][1:] == keys[order][:-1]) + 1:
            before = int(order[index - 1])
            first[int(order[index])] = first.get(before, before)
        return first

    def near(self) -> Iterator[Twin]:
        self.ends = np.cumsum(np.frombuffer(self.sizes, dtype=np.int64))
        best: dict[int, Twin] = {}
        for one, two in self.candidates():
            shared = self.shared(one, two)
            if shared >= NEAR and (two not in best or shared > best[two].shared):
                best[two] = Twin(two, one, shared, "near")
        yield from best.values()

    def candidates(self) -> set[tuple[int, int]]:
        """Each with the LOOK_BACK before it in each band's buckets: a bucket of m gives about 3 m, not m² of them."""
        bands, kept = self.signatures()
        found: set[tuple[int, int]] = set()
        for band in bands.T:
            order = np.argsort(band, kind="stable")
            for back in range(1, LOOK_BACK + 1):
                alike = np.flatnonzero(band[order][back:] == band[order][:-back])
                found.update(zip(kept[order[alike]].tolist(), kept[order[alike + back]].tolist(), strict=True))
        return found

    def signatures(self) -> tuple[Hashes, Ints]:
        """(a hash for each band, by input; the places of these inputs): inputs with too little content have none."""
        bands, places = [], []
        for start in range(0, len(self.sizes), BLOCK):
            content = [self.content(place) for place in range(start, min(start + BLOCK, len(self.sizes)))]
            enough = [number for number, each in enumerate(content) if each.size >= FEWEST_PAIRS]
            if not enough:
                continue
            together = np.concatenate([content[number] for number in enough])
            starts = np.cumsum([0, *(content[number].size for number in enough[:-1])])
            bands.append(self.banded(together, starts))
            places.append(np.array(enough, dtype=np.int64) + start)
        if not bands:
            return np.empty((0, BANDS), dtype=np.uint64), np.empty(0, dtype=np.int64)
        return np.concatenate(bands), np.concatenate(places)

    def banded(self, together: Hashes, starts: Ints) -> Hashes:
        bands = np.zeros((starts.size, BANDS), dtype=np.uint64)
        for number, multiplier in enumerate(self.multipliers):
            mixed = together * multiplier
            mixed ^= mixed >> np.uint64(29)
            least = np.minimum.reduceat(mixed, starts)
            bands[:, number // ROWS] = bands[:, number // ROWS] * np.uint64(0x9E3779B97F4A7C15) + least
        return bands

    def pairs(self, place: int) -> Hashes:
        size = self.sizes[place]
        self.spool.seek((self.ends[place] - size) * 8)
        return np.frombuffer(self.spool.read(size * 8), dtype=np.uint64)

    def content(self, place: int) -> Hashes:
        pairs = self.pairs(place)
        often = max(TEMPLATE_LEAST, TEMPLATE_SHARE * len(self.sizes))
        return pairs[self.seen[place_in_table(pairs)] <= often]

    def shared(self, one: int, two: int) -> float:
        first, second = self.content(one), self.content(two)
        both = np.intersect1d(first, second, assume_unique=True).size
        return float(both / (first.size + second.size - both))


def place_in_table(pairs: Hashes) -> Hashes:
    return pairs >> np.uint64(64 - TABLE_BITS)
