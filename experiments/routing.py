"""Which arm a unit gets: a published rule that any client can compute offline."""

import hashlib
from typing import Literal

Arm = Literal["control", "treatment"]
VERSIONS = (1,)


def assign(experiment: str, unit: str, *, split: float, buckets: int = 10_000, salt: str = "", version: int = 1) -> Arm:
    """ "treatment" for a share `split` of units, always the same for the same arguments.

    Version 1: int(md5("{experiment}:{unit}"), 16) % buckets / buckets < split. A salt, where one is set, stands before
    both: "{salt}:{experiment}:{unit}". Text is hashed as UTF-8. Both 10,000 and 1,000 buckets are in use in the field
    and disagree on half the units, so the number is stored with the test.
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
    key = f"{salt}:{experiment}:{unit}" if salt else f"{experiment}:{unit}"
    digest = hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()
    return int(digest, 16) % buckets
