"""Units of one arm in one phase of the split, as the sums that statistics need; cells merge without loss."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce

from numpy.typing import ArrayLike

from experiments.stats import checks


@dataclass(frozen=True)
class Cell:
    """n units; y: mean of the metric; x: mean of the covariate, or of a ratio's denominator; yy, xx, xy: sums of
    squares and products about those means, y3 to x3: of their third powers. raw_y: mean without the cap; capped:
    units above it."""

    n: int = 0
    y: float = 0.0
    x: float = 0.0
    yy: float = 0.0
    xx: float = 0.0
    xy: float = 0.0
    raw_y: float = 0.0
    capped: int = 0
    y3: float = 0.0
    y2x: float = 0.0
    yx2: float = 0.0
    x3: float = 0.0

    def thirds(self, tilt: float) -> float:
        """The sum of third powers of y - tilt x about its mean."""
        return self.y3 - 3 * tilt * self.y2x + 3 * tilt**2 * self.yx2 - tilt**3 * self.x3

    def with_zeros(self, units: int) -> "Cell":
        """So many more units that did nothing."""
        return merged(self, Cell(n=units)) if units > 0 else self


@dataclass(frozen=True)
class Stratum:
    """Both arms of one phase."""

    control: Cell = Cell()
    treatment: Cell = Cell()

    @property
    def n(self) -> int:
        return self.control.n + self.treatment.n


Strata = tuple[Stratum, ...]


def merged(first: Cell, second: Cell) -> Cell:
    """Both together.

    Source: Chan, Golub & LeVeque 1983, The American Statistician 37:242; third powers as Pébay 2008, SAND2008-6212.
    """
    n = first.n + second.n
    if not first.n or not second.n:
        return first if first.n else second
    share = second.n / n
    dy, dx = second.y - first.y, second.x - first.x
    between = first.n * share
    one = moved_thirds(first, -dy * share, -dx * share)
    other = moved_thirds(second, dy * (1 - share), dx * (1 - share))
    return Cell(
        n=n,
        y=first.y + dy * share,
        x=first.x + dx * share,
        yy=first.yy + second.yy + dy * dy * between,
        xx=first.xx + second.xx + dx * dx * between,
        xy=first.xy + second.xy + dx * dy * between,
        raw_y=first.raw_y + (second.raw_y - first.raw_y) * share,
        capped=first.capped + second.capped,
        y3=one[0] + other[0],
        y2x=one[1] + other[1],
        yx2=one[2] + other[2],
        x3=one[3] + other[3],
    )


def moved_thirds(cell: Cell, dy: float, dx: float) -> tuple[float, float, float, float]:
    """y3, y2x, yx2 and x3 about a point from which the means of the cell lie so far away."""
    n = cell.n
    return (
        cell.y3 + 3 * dy * cell.yy + n * dy**3,
        cell.y2x + 2 * dy * cell.xy + dx * cell.yy + n * dy**2 * dx,
        cell.yx2 + 2 * dx * cell.xy + dy * cell.xx + n * dy * dx**2,
        cell.x3 + 3 * dx * cell.xx + n * dx**3,
    )


def together(cells: Iterable[Cell]) -> Cell:
    return reduce(merged, cells, Cell())


def cell_of(y: ArrayLike, x: ArrayLike | None = None) -> Cell:
    """The cell of these units' values, where they are at hand."""
    values = checks.values("y", y)
    mean = float(values.mean())
    dy = values - mean
    squares = dy**2
    alone = Cell(n=values.size, y=mean, yy=float(dy @ dy), raw_y=mean, y3=float(squares @ dy))
    if x is None:
        return alone
    others = checks.values("x", x)
    dx = others - others.mean()
    return replace(
        alone,
        x=float(others.mean()),
        xx=float(dx @ dx),
        xy=float(dy @ dx),
        y2x=float(squares @ dx),
        yx2=float(dy @ dx**2),
        x3=float(dx**2 @ dx),
    )
