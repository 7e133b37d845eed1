"""`difflib.SequenceMatcher(None, a, b).ratio()` of two texts, to the last bit and faster.

Ratcliff & Metzener 1988 (Dr. Dobb's Journal 13:7): twice the characters in matching blocks over all characters, where
the blocks are the longest common substring, then the longest on either side of it, and so on. difflib adds a rule of
its own: in a second text of 200 characters and more, those that make up over 1% of it ("popular") start no block,
they only lengthen one. All of that is kept, and so is the choice among blocks of equal length: the earliest in a, then
in b. Only the search differs: difflib walks in Python over all pairs of equal characters; here each place of the first
text asks, with the speed of C, whether one more character would still be found in the second, and no search goes on
once a block is as long as the one that contains it.
"""

from bisect import bisect_left
from collections import Counter
from itertools import count

from rapidfuzz.distance import Postfix, Prefix

POPULAR_FROM = 200
SIZES = (2, 4)
LITTLE = 500  # characters that are looked through faster than cut into a set
MOST_WORK = 2_000_000_000  # characters looked at, about a second or two


class TooLong(ValueError):
    """Comparing the two texts would take too long."""


def ratio(a: str, b: str) -> float:
    """In [0, 1]; 1 for two empty texts. Not symmetric. Raises TooLong."""
    if not a and not b:
        return 1.0
    matched = len(a) if a == b else _Search(a, b).matched()
    return 2.0 * matched / (len(a) + len(b))


class _Search:
    """The blocks of one pair of texts."""

    def __init__(self, a: str, b: str) -> None:
        popular = _popular(b)
        starting = set(a) & set(b) - popular
        self.a, self.b = a, b
        self.blocks = _hidden(b, popular, set(a)) if popular else b
        self.starts = _starts(a, self.blocks, starting)
        self.has_popular = bool(popular)
        self.work = 0

    def matched(self) -> int:
        """Characters in all matching blocks."""
        total = 0
        waiting = [(0, len(self.a), 0, len(self.b), len(self.a))]
        while waiting:
            a_low, a_high, b_low, b_high, limit = waiting.pop()
            i, j, size = self.longest(a_low, a_high, b_low, b_high, limit)
            if size == 1 and not self.has_popular:
                total += self.single_characters(a_low, a_high, b_low, b_high)
                continue
            before, after = self.lengthened(i, j, size, a_low, a_high, b_low, b_high) if self.has_popular else (0, 0)
            total += before + size + after
            if size and a_low < i - before and b_low < j - before:
                waiting.append((a_low, i - before, b_low, j - before, size))
            if size and i + size + after < a_high and j + size + after < b_high:
                waiting.append((i + size + after, a_high, j + size + after, b_high, size))
        return total

    def single_characters(self, a_low: int, a_high: int, b_low: int, b_high: int) -> int:
        """The same where no block is longer than one character: what stands before the first one matches nothing."""
        self.spend((a_high - a_low) * (b_high - b_low))
        total, find = 0, self.b.find
        for letter in self.a[a_low:a_high]:
            at = find(letter, b_low, b_high)
            if at >= 0:
                total += 1
                b_low = at + 1
        return total

    def longest(self, a_low: int, a_high: int, b_low: int, b_high: int, limit: int) -> tuple[int, int, int]:
        """Start in a, start in b and size of the block, before popular characters lengthen it. Raises TooLong.

        limit: no block is longer than the one it lies beside. A size of 1 without popular characters is not looked at
        any closer, since `single_characters` does.
        """
        if limit == 1 and not self.has_popular:
            return a_low, b_low, 1
        within = self.blocks[b_low:b_high]
        for size, starts in self.starts:
            if size <= limit:
                first, last = bisect_left(starts, a_low), bisect_left(starts, a_high)
                if first < last:
                    i, found, best = self.best_of(starts[first:last], within, size - 1, a_high, limit)
                    if best >= size:
                        return i, b_low + found, best
                limit = size - 1
        return a_low, b_low, 0

    def best_of(self, starts: list[int], within: str, best: int, a_high: int, limit: int) -> tuple[int, int, int]:
        """The longest block of more than `best` characters that begins at one of these places, the earliest of such."""
        a, best_i, best_found = self.a, 0, 0
        affordable = (MOST_WORK - self.work) // len(within) + 1
        for i in starts[:affordable]:
            if i + best >= a_high:
                break
            found = within.find(a[i : i + best + 1])
            while found >= 0:
                best_i, best_found = i, found
                best = Prefix.similarity(a[i:a_high], within[found:])
                found = within.find(a[i : i + best + 1], found + 1) if i + best < a_high else -1
            if best >= limit:
                break
        self.spend((bisect_left(starts, i) + 1) * len(within))
        return best_i, best_found, best

    def spend(self, work: int) -> None:
        self.work += work
        if self.work > MOST_WORK:
            raise TooLong("the two texts are too long, and too varied, to be compared in blocks")

    def lengthened(
        self, i: int, j: int, size: int, a_low: int, a_high: int, b_low: int, b_high: int
    ) -> tuple[int, int]:
        """By how many equal characters, popular or not, the block grows before and after it."""
        a, b = self.a, self.b
        before = after = 0
        if i > a_low and j > b_low and a[i - 1] == b[j - 1]:
            before = Postfix.similarity(a[a_low:i], b[b_low:j])
        if i + size < a_high and j + size < b_high and a[i + size] == b[j + size]:
            after = Prefix.similarity(a[i + size : a_high], b[j + size : b_high])
        return before, after


def _starts(a: str, b: str, starting: set[str]) -> list[tuple[int, list[int]]]:
    """Where in a a block of at least so many characters may begin, for some sizes, the largest first.

    What b does not hold anywhere it does not hold in any of its parts, so that one look serves all searches.
    """
    places = [at for at, letter in enumerate(a) if letter in starting]
    starts = [(1, places)]
    for size in SIZES:
        # Few places, or little to look through: each looks through b. Else all runs of b are worth a set.
        many = len(b) > LITTLE and len(places) * 4 > len(b)
        runs = {b[at : at + size] for at in range(len(b) - size + 1)} if many else b
        places = [at for at in places if a[at : at + size] in runs]
        if not places:
            break
        starts.append((size, places))
    return starts[::-1]


def _popular(b: str) -> set[str]:
    if len(b) < POPULAR_FROM:
        return set()
    most = len(b) // 100 + 1
    return {letter for letter, times in Counter(b).items() if times > most}


def _hidden(b: str, popular: set[str], in_a: set[str]) -> str:
    """b with its popular characters replaced by one that a does not have, so that nothing is found across them."""
    mark = next(chr(code) for code in count() if chr(code) not in in_a)
    return b.translate(dict.fromkeys(map(ord, popular), mark))
