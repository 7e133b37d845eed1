"""Two models right or wrong on the same cases: the difference of their rates."""

from experiments.stats import checks, trinomial
from experiments.stats.paired import mcnemar
from experiments.stats.result import ComparisonResult

HALF = 0.5  # a case on which the models agree is a tie


def paired_rate_difference(
    both: float, only_baseline: float, only_candidate: float, neither: float, *, alpha: float = 0.05
) -> ComparisonResult:
    """Candidate rate minus baseline rate with Tango's score interval; p is McNemar's exact one.

    The four counts of the 2 x 2 table of right and wrong. The interval neither leaves [-1, 1] nor collapses where no
    case is discordant, as the Wald interval does (Tango 1998, Stat. Med. 17:891; recommended by Fagerland, Lydersen
    & Laake 2014, Stat. Med. 33:2850). With n = 0 everything is None.
    """
    a, b, c, d = table_of(both, only_baseline, only_candidate, neither)
    checks.open_unit("alpha", alpha)
    n = a + b + c + d
    method = "difference of paired rates, Tango's score interval, McNemar's exact test"
    if n == 0:
        return ComparisonResult(
            alpha=alpha, n=0, method=method, warnings=("There is no pair.",), control=None, treatment=None
        )
    before, after = (a + b) / n, (a + c) / n
    low, high = trinomial.score_interval(c, a + d, b, HALF, alpha)
    notes = () if b + c else ("Both models got exactly the same cases right: there is nothing to test.",)
    return ComparisonResult(
        estimate=after - before,
        ci_low=2 * low - 1,
        ci_high=2 * high - 1,
        p_value=mcnemar(b, c, method="exact").p_value,
        alpha=alpha,
        n=n,
        method=method,
        warnings=notes,
        control=before,
        treatment=after,
        relative_lift=after / before - 1 if before else None,
    )


def shift_z(both: float, only_baseline: float, only_candidate: float, neither: float, shift: float) -> float | None:
    """Tango's score statistic against a true difference of `shift`, whose test the interval inverts.

    None where nothing varies under that hypothesis.
    """
    a, b, c, d = table_of(both, only_baseline, only_candidate, neither)
    return trinomial.score_z(c, a + d, b, HALF, (1 + shift) / 2) if a + b + c + d else None


def table_of(both: float, only_baseline: float, only_candidate: float, neither: float) -> tuple[int, int, int, int]:
    return (
        checks.count("both", both),
        checks.count("only_baseline", only_baseline),
        checks.count("only_candidate", only_candidate),
        checks.count("neither", neither),
    )
