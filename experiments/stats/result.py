"""What every statistic returns: an estimate with its uncertainty, its n, its method and its warnings."""

import math
from dataclasses import asdict, dataclass

import numpy as np

# What most fields hold: looked at first, since a page makes results by the hundred and a simulation by the million.
PLAIN = frozenset({int, str, bool, type(None)})


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with what is needed to read it. What is undefined is None and has a sentence in `warnings`."""

    estimate: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p_value: float | None = None
    alpha: float
    n: int
    method: str
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        undefined = []
        for name, value in list(vars(self).items()):
            if type(value) in PLAIN or (type(value) is float and math.isfinite(value)):
                continue
            if _is_undefined(value):
                undefined.append(name)
            object.__setattr__(self, name, plain(value))
        if undefined and not self.warnings:
            object.__setattr__(self, "warnings", (f"Undefined for these data: {', '.join(undefined)}.",))

    def to_dict(self) -> dict[str, object]:
        return {name: _jsonable(value) for name, value in asdict(self).items()}


@dataclass(frozen=True, kw_only=True)
class TestResult(Estimate):
    """An estimate whose p-value comes from a test statistic."""

    __test__ = False  # not a test class, whatever pytest thinks of the name

    statistic: float | None = None
    df: float | None = None
    se: float | None = None


@dataclass(frozen=True, kw_only=True)
class ComparisonResult(TestResult):
    """Treatment minus control, absolute and relative."""

    control: float | None
    treatment: float | None
    relative_lift: float | None = None
    lift_low: float | None = None
    lift_high: float | None = None


def plain(value: object) -> object:
    """Numpy scalars as Python numbers, and anything not finite as None, so that no NaN leaves this package."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, tuple):
        return tuple(plain(item) for item in value)
    return value


def _is_undefined(value: object) -> bool:
    return isinstance(value, float | np.floating) and not math.isfinite(value)


def _jsonable(value: object) -> object:
    if isinstance(value, tuple | list):
        return [_jsonable(item) for item in value]
    return value
