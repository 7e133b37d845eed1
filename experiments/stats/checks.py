"""Bad input is refused here, by the name of the argument."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def count(name: str, value: float) -> int:
    if not math.isfinite(value) or value != int(value) or value < 0:
        raise ValueError(f"{name} must be a whole number of at least 0, not {value!r}")
    return int(value)


def positive_count(name: str, value: float) -> int:
    number = count(name, value)
    if number == 0:
        raise ValueError(f"{name} must be at least 1")
    return number


def part_of(name: str, part: float, whole_name: str, whole: float) -> tuple[int, int]:
    of, out_of = count(name, part), count(whole_name, whole)
    if of > out_of:
        raise ValueError(f"{name} ({of}) must not exceed {whole_name} ({out_of})")
    return of, out_of


def open_unit(name: str, value: float) -> float:
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie between 0 and 1, not {value!r}")
    return float(value)


def closed_unit(name: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must lie in [0, 1], not {value!r}")
    return float(value)


def positive(name: str, value: float) -> float:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be greater than 0, not {value!r}")
    return float(value)


def not_negative(name: str, value: float) -> float:
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{name} must not be negative, not {value!r}")
    return float(value)


def finite(name: str, value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, not {value!r}")
    return float(value)


def values(name: str, array: ArrayLike) -> Floats:
    """A non-empty, one-dimensional array of finite numbers."""
    numbers = np.asarray(array, dtype=np.float64)
    if numbers.ndim != 1:
        raise ValueError(f"{name} must have one dimension, not {numbers.ndim}")
    if numbers.size == 0:
        raise ValueError(f"{name} must not be empty")
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name} must not hold NaN or infinity")
    return numbers


def codes(name: str, array: ArrayLike, *, length: int | None = None) -> Ints:
    """Integer codes renumbered 0..G-1, so that bincount stays as small as the number of groups."""
    raw = np.asarray(array)
    if raw.ndim != 1:
        raise ValueError(f"{name} must have one dimension, not {raw.ndim}")
    if length is not None and raw.size != length:
        raise ValueError(f"{name} has {raw.size} entries, expected {length}")
    if raw.size == 0:
        raise ValueError(f"{name} must not be empty")
    if np.issubdtype(raw.dtype, np.integer):
        return _dense(raw.astype(np.int64, copy=False))
    return np.unique(raw, return_inverse=True)[1].astype(np.int64, copy=False)


def _dense(raw: Ints) -> Ints:
    low, high = int(raw.min()), int(raw.max())
    if high - low > 4 * raw.size + 1000:
        return np.unique(raw, return_inverse=True)[1].astype(np.int64, copy=False)
    used = np.bincount(raw - low) > 0
    renumbered = np.cumsum(used) - 1
    return renumbered.astype(np.int64, copy=False)[raw - low]


def matrix(name: str, array: ArrayLike, *, square: bool = False) -> Floats:
    """A non-empty matrix of finite, non-negative numbers."""
    numbers = np.asarray(array, dtype=np.float64)
    if numbers.ndim != 2 or numbers.size == 0:
        raise ValueError(f"{name} must be a non-empty matrix, not of shape {numbers.shape}")
    if square and numbers.shape[0] != numbers.shape[1]:
        raise ValueError(f"{name} must be square, not {numbers.shape[0]} x {numbers.shape[1]}")
    if not np.isfinite(numbers).all() or (numbers < 0).any():
        raise ValueError(f"{name} must hold finite numbers of at least 0")
    return numbers
