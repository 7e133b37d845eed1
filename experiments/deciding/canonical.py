"""One way to write a value as bytes, so that a hash of it means something."""

import hashlib
import json
from typing import Any


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces, as UTF-8. Raises ValueError on NaN and infinity."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def sha256(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()


def steady(value: float) -> float:
    """To ten significant digits: the last ones of a logarithm or a root may differ between machines."""
    return float(f"{value:.10g}") + 0.0
