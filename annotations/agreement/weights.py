"""Credit for two answers that differ: all or nothing, by rank, or by a metric."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from annotations.agreement.result import Floats

Weights = NDArray[np.float64]
Level = Literal["nominal", "ordinal", "interval", "ratio"]


def agreement_weights(kind: Literal["linear", "quadratic"] | None, categories: int) -> Weights:
    """1 on the diagonal, falling with the distance of the categories' positions; None gives no credit off it."""
    if kind not in (None, "linear", "quadratic"):
        raise ValueError(f"weights must be None, 'linear' or 'quadratic', not {kind!r}")
    if kind is None or categories == 1:
        return np.eye(categories)
    position = np.arange(categories, dtype=np.float64)
    distance = np.abs(position[:, None] - position[None, :]) / (categories - 1)
    return np.asarray(1 - (distance if kind == "linear" else distance**2))


def squared_distance(level: Level, values: Floats, frequencies: Floats) -> Floats:
    """Krippendorff's squared difference between values, which for ordinal data counts the ratings in between.

    values: the distinct values, ascending; frequencies: pairable ratings of each (Krippendorff 2011, section C).
    """
    rows, columns = values[:, None], values[None, :]
    if level == "nominal":
        return np.asarray(rows != columns, dtype=np.float64)
    if level == "interval":
        return np.asarray((rows - columns) ** 2)
    if level == "ratio":
        total = np.abs(rows) + np.abs(columns)
        return np.asarray(np.divide(rows - columns, total, out=np.zeros_like(total), where=total > 0) ** 2)
    if level == "ordinal":
        middle = np.cumsum(frequencies) - frequencies / 2
        return np.asarray((middle[:, None] - middle[None, :]) ** 2)
    raise ValueError(f"level must be 'nominal', 'ordinal', 'interval' or 'ratio', not {level!r}")
