"""Content hashes of the cases and of each model's outputs, over the whole file in its order."""

from hashlib import sha256

import orjson

from experiments.importers.pairs import Pair


class Digest:
    """Fields end with NUL, which no field can hold, so that no two contents run together to the same bytes."""

    def __init__(self) -> None:
        self.cases, self.baseline, self.candidate = sha256(), sha256(), sha256()

    def add(self, pair: Pair) -> None:
        fields = (pair.id, pair.system, pair.prompt, pair.expected, pair.category, pair.cluster, "")
        self.cases.update("\0".join(fields).encode())
        if pair.turns or pair.tags or pair.metadata:
            rest = [pair.turns, pair.tags, pair.metadata]
            self.cases.update(orjson.dumps(rest, option=orjson.OPT_SORT_KEYS))
        self.cases.update(b"\0")
        self.baseline.update(pair.baseline.encode() + b"\0")
        self.candidate.update(pair.candidate.encode() + b"\0")

    def hexdigests(self) -> tuple[str, str, str]:
        """Of the cases, and of the baseline's and the candidate's outputs to exactly these cases."""
        cases = self.cases.hexdigest()
        return cases, self.of_outputs(self.baseline.hexdigest()), self.of_outputs(self.candidate.hexdigest())

    def of_outputs(self, texts: str) -> str:
        return sha256(f"{self.cases.hexdigest()} {texts}".encode()).hexdigest()
