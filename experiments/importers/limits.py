"""How much one row may hold."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Lengths in characters, but `row_bytes`."""

    row_bytes: int = 16 * 1024 * 1024
    text: int = 1_000_000
    label: int = 200
    columns: int = 500
    depth: int = 30


DEFAULT = Limits()
