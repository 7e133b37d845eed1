"""What is allowed but worth knowing before a campaign: warnings, never errors."""

import re
from collections.abc import Iterator

from experiments.importers.mapping import SECOND, Mapping
from experiments.importers.pairs import Pair
from experiments.importers.problems import Kind, Problem, Severity

# Looked for in lower case as plain text, which costs a tenth of a pattern; a pattern then decides.
TELLTALES = ("an ai", "language model", "openai", "chatgpt", "gpt-", "anthropic", "claude", "llama", "vicuna", "gemini")
TELLTALE = re.compile(
    r"\b(?:an ai\b(?! (?:system|model that|tool|that))|ai (?:language model|assistant)|large language model|"
    r"language model(?:,| trained| developed|\.)|openai|chatgpt|gpt-[234]|anthropic|claude (?:ai|\d)|"
    r"i(?:'m| am) (?:claude|gemini|llama)|vicuna|llama[- ]?[234])"
)
SHORTEST_NAME = 4
PLAIN_NAMES = {"baseline", "candidate", "model", "base", "finetuned", "fine-tuned", "test", "prod", "production"}
SKEW = 1.5
FEWEST_FOR_SKEW = 20


class Hints:
    def __init__(self, mapping: Mapping, names: tuple[str, ...]) -> None:
        self.columns = tuple(name.removeprefix(SECOND) for name in (mapping.baseline, mapping.candidate))
        self.files = tuple(2 if name.startswith(SECOND) else 1 for name in (mapping.baseline, mapping.candidate))
        self.names = tuple(
            name.lower() for name in names if len(name) >= SHORTEST_NAME and name.lower() not in PLAIN_NAMES
        )
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
            elif told := self.telltale(response.lower()):
                reason = f"says {told!r}: reviewers may tell which model this is"
                found.append(self.warning(pair, arm, Kind.NAMES_MODEL, reason))
        return found

    def telltale(self, lower: str) -> str:
        for name in self.names:
            if name in lower:
                return name
        for word in TELLTALES:
            if word in lower:
                match = TELLTALE.search(lower)
                return match.group() if match else ""
        return ""

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
