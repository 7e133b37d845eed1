"""The vectors that every client is held to: `python -m tests.clients.vectors` writes clients/vectors.json."""

import hashlib
import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

from experiments import routing

CLIENTS = Path(__file__).resolve().parents[2] / "clients"
FILE = CLIENTS / "vectors.json"
UNITS = [
    "", "0", "user-1", "user-2", "a:b", "c", " leading", "1e3", "Ångström", "用户", "🦊", "x" * 55, "x" * 56, "x" * 64,
    "ü" * 100, "0b9f2c9e-5f0e-4f2e-9f5b-0d6f6f3c2b1a", "line\nbreak", "ﬁ", "e\u0301", "\u00e9",
]  # fmt: skip
TESTS = ["support-bot", "a", "b:c"]
SALTS = ["", "a1b2"]
SPLITS = [0.0, 0.1, 0.2, 0.5, 0.999, 1.0]
MANY = 100_000
RULES = [{"version": version, "buckets": buckets} for version, buckets in product((1, 2), (10_000, 1_000))]


def units() -> list[str]:
    return [f"user-{number}" for number in range(MANY)]


def cases() -> Iterator[dict[str, Any]]:
    for rule, experiment, salt, unit in product(RULES, TESTS, SALTS, UNITS):
        place = routing.bucket(experiment, unit, salt=salt, **rule)
        yield {
            "experiment": experiment,
            "unit": unit,
            "salt": salt,
            **rule,
            "bucket": place,
            "treatment_at": [split for split in SPLITS if place / rule["buckets"] < split],
        }


def many() -> Iterator[dict[str, Any]]:
    """Of user-0 … user-99999: the SHA-256 of their buckets, joined by commas."""
    for rule in RULES:
        found = [routing.bucket("support-bot", unit, salt="a1b2", **rule) for unit in units()]
        yield {
            "experiment": "support-bot",
            "units": "user-{0..99999}",
            "salt": "a1b2",
            **rule,
            "sha256": hashlib.sha256(",".join(map(str, found)).encode()).hexdigest(),
            "treatment_at_half": sum(place / rule["buckets"] < 0.5 for place in found),
        }


def as_text() -> str:
    """One case a line."""
    lines = [json.dumps(one, ensure_ascii=False) for one in cases()]
    others = [json.dumps(one) for one in many()]
    body = ",\n".join(lines), ",\n".join(others)
    return f'{{"splits": {json.dumps(SPLITS)},\n"cases": [\n{body[0]}\n],\n"many": [\n{body[1]}\n]}}\n'


if __name__ == "__main__":
    FILE.write_text(as_text())
