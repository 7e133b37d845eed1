"""What is allowed but worth knowing before a campaign: warnings, never errors."""

import re
from collections.abc import Iterator

from experiments.importers.mapping import SECOND, Mapping
from experiments.importers.pairs import Pair
from experiments.importers.problems import Kind, Problem, Severity

# Looked for as plain lower-case bytes, which costs a tenth of a pattern; where one is found, the pattern decides.
TELLTALES = (b"an ai", b"language model", b"openai", b"gpt", b"anthropic", b"claude", b"llama")
TELLTALE = re.compile(
    rb"\b(?:an ai\b(?! (?:system|model that|tool|that))|ai (?:language model|assistant)|large language model|"
    rb"language model(?:,| trained| developed|\.)|openai|chatgpt|gpt-[234]|anthropic|claude (?:ai|\d)|"
    rb"i(?:'m| am) (?:claude|llama)|llama[- ]?[234])"
)
SHORTEST_NAME = 4
PLAIN_NAMES = {"baseline", "candidate", "model", "base", "finetuned", "fine-tuned", "test", "prod", "production"}
SKEW = 1.5
FEWEST_FOR_SKEW = 20


class Hints:
    def __init__(self, mapping: Mapping, names: tuple[str, ...]) -> None:
        self.columns = tuple(name.removeprefix(SECOND) for name in (mapping.baseline, mapping.candidate))
        self.files = tuple(2 if name.startswith(SECOND) else 1 for name in (mapping.baseline, mapping.candidate))
        told = {name.lower() for name in names if len(name) >= SHORTEST_NAME} - PLAIN_NAMES
        self.names = tuple(name.encode().lower() for name in sorted(told))
        self.words = (*self.names, *TELLTALES)
        self.characters = [0, 0]
        self.pairs = 0

    def about(self, pair: Pair) -> list[Problem]:
        baseline, candidate = pair.baseline, pair.candidate
        self.pairs += 1
        self.characters[0] += len(baseline)
        self.characters[1] += len(candidate)
        found = []
        if baseline == candidate:
            found.append(self.warning(pair, 1, Kind.IDENTICAL, "both responses are the same: counted as a tie"))
        for arm, response in enumerate((baseline, candidate)):
            if not response or response.isspace():
                found.append(self.warning(pair, arm, Kind.EMPTY_RESPONSE, "the response is empty; that is allowed"))
        # Both at once: nearly always nothing is found, and one search costs half of two.
        both = f"{baseline}\n{candidate}".encode().lower()
        if any(map(both.__contains__, self.words)):
            found += self.telltales(pair)
        return found

    def telltales(self, pair: Pair) -> Iterator[Problem]:
        for arm, response in enumerate((pair.baseline, pair.candidate)):
            if told := self.telltale(response.encode().lower()):
                reason = f"says {told!r}: reviewers may tell which model this is"
                yield self.warning(pair, arm, Kind.NAMES_MODEL, reason)

    def telltale(self, lower: bytes) -> str:
        for name in self.names:
            if name in lower:
                return name.decode()
        match = TELLTALE.search(lower)
        return match.group().decode() if match else ""

    def warning(self, pair: Pair, arm: int, kind: Kind, reason: str) -> Problem:
        row = pair.second_row if self.files[arm] == 2 else pair.row
        return Problem(row, self.columns[arm], kind, reason, self.files[arm], Severity.WARNING)

    def about_all(self) -> Iterator[Problem]:
        """Length alone sways judges, so a skew between the arms is said before anybody judges."""
        if self.pairs < FEWEST_FOR_SKEW or not all(self.characters):
            return
        baseline, candidate = (total / self.pairs for total in self.characters)
        longer, ratio = (
            ("candidate", candidate / baseline) if candidate > baseline else ("baseline", baseline / candidate)
        )
        if ratio >= SKEW:
            reason = (
                f"the {longer}'s responses are {ratio:.1f} times as long on average "
                f"({baseline:,.0f} and {candidate:,.0f} characters): longer answers tend to win by length alone"
            )
            yield Problem(0, "", Kind.LENGTH_SKEW, reason, 1, Severity.WARNING)
