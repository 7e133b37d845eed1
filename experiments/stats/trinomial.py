"""Score test and interval for the mean of win, tie and loss (Tango 1998, Stat. Med. 17:891, for a tie of one half)."""

import math

from scipy import optimize, special


def score_z(wins: int, ties: int, losses: int, value: float, mean: float) -> float | None:
    """Score statistic of the trinomial mean; the tie rate solves a quadratic under the constraint."""
    n = wins + ties + losses
    u = 1 - value
    a = n * u * value
    b = ties * (mean * u + (1 - mean) * value) + wins * value * (1 - mean) + losses * u * mean
    c = ties * mean * (1 - mean)
    root = b + math.sqrt(max(0.0, b * b - 4 * a * c))
    tie_rate = 0.0 if root == 0 else 2 * c / root
    variance = (mean - value * tie_rate) + value * value * tie_rate - mean * mean
    observed = (wins + value * ties) / n
    return (observed - mean) / math.sqrt(variance / n) if variance > 1e-15 else None


def score_interval(wins: int, ties: int, losses: int, value: float, alpha: float) -> tuple[float, float]:
    n = wins + ties + losses
    observed = (wins + value * ties) / n
    critical = float(special.ndtri(1 - alpha / 2))

    def excess(mean: float) -> float:
        z = score_z(wins, ties, losses, value, mean)
        return (0.0 if z is None else abs(z)) - critical

    edge = 1e-12
    low = 0.0 if observed <= edge or excess(edge) <= 0 else optimize.brentq(excess, edge, observed, xtol=1e-14)
    high = 1.0 if observed >= 1 - edge or excess(1 - edge) <= 0 else optimize.brentq(excess, observed, 1 - edge)
    return min(float(low), observed), max(float(high), observed)
