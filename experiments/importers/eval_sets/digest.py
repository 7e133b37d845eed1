"""The content hash of an eval set: everything that decides what a model is asked and how its answer is scored.

Without checks and scorers it is the hash that a file of pairs gives the same cases, so that both find one set.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import orjson

from experiments.importers.eval_sets.cases import Case


class CaseDigest:
    def __init__(self) -> None:
        self.hash = sha256()

    def add(self, case: Case) -> None:
        fields = (case.id, case.system, case.prompt, case.expected, case.category, case.cluster, "")
        self.hash.update("\0".join(fields).encode())
        if case.turns or case.tags or case.metadata:
            self.hash.update(canonical([case.turns, case.tags, case.metadata]))
        if case.checks:
            self.hash.update(b"\0checks" + canonical(case.checks))
        self.hash.update(b"\0")

    def hexdigest(self) -> str:
        return self.hash.hexdigest()


def with_scorers(cases_hash: str, scorers: Sequence[dict[str, Any]]) -> str:
    if not scorers:
        return cases_hash
    return sha256(cases_hash.encode() + b"\0scorers" + canonical(list(scorers))).hexdigest()


def canonical(content: object) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
