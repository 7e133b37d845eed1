"""Which arm a unit gets: a published rule that any client can compute offline."""

import hashlib
from typing import Literal

Arm = Literal["control", "treatment"]
VERSIONS = (1, 2)
SEPARATOR = "\0"
# 52 bits are whole numbers in every language, JavaScript's included.
HEX_DIGITS = 13


def assign(experiment: str, unit: str, *, split: float, buckets: int = 10_000, salt: str = "", version: int = 1) -> Arm:
    """ "treatment" for a share `split` of units, always the same for the same arguments.

    Version 1: int(md5("{experiment}:{unit}"), 16) % buckets / buckets < split. A salt, where one is set, stands before
    both: "{salt}:{experiment}:{unit}". So "a:b" with unit "c" and "a" with unit "b:c" are the same to it.
    Version 2: the first 13 hexadecimal digits of sha256("{salt}␀{experiment}␀{unit}") as a number, % buckets / buckets
    < split, where ␀ is the NUL character, which none of the three may hold: no two triples hash the same text.
    Text is hashed as UTF-8. Both 10,000 and 1,000 buckets are in use in the field and disagree on half the units, so
    the number is stored with the test. Whoever is treated at one split is treated at every larger one.
    """
    if not 0 <= split <= 1:
        raise ValueError(f"split must lie in [0, 1], not {split!r}")
    place = bucket(experiment, unit, buckets=buckets, salt=salt, version=version)
    return "treatment" if place / buckets < split else "control"


def bucket(experiment: str, unit: str, *, buckets: int = 10_000, salt: str = "", version: int = 1) -> int:
    """The unit's bucket, 0 .. buckets - 1."""
    if version not in VERSIONS:
        raise ValueError(f"version must be one of {VERSIONS}, not {version!r}")
    if buckets < 1:
        raise ValueError(f"buckets must be at least 1, not {buckets!r}")
    rule = first_bucket if version == 1 else second_bucket
    return rule(experiment, unit, buckets, salt)


def first_bucket(experiment: str, unit: str, buckets: int, salt: str) -> int:
    key = f"{salt}:{experiment}:{unit}" if salt else f"{experiment}:{unit}"
    return int(hashlib.md5(key.encode(), usedforsecurity=False).hexdigest(), 16) % buckets


def second_bucket(experiment: str, unit: str, buckets: int, salt: str) -> int:
    key = SEPARATOR.join((salt, experiment, unit))
    if key.count(SEPARATOR) != 2:
        raise ValueError("neither salt nor experiment nor unit may hold a NUL character")
    return int(hashlib.sha256(key.encode()).hexdigest()[:HEX_DIGITS], 16) % buckets
