"""How many samples: the least that could show it at all, and about how many more would settle it."""

import math

import pytest
from scipy import stats

from experiments.deciding.enough import about
from experiments.go_no_go import Observation, Part
from experiments.policy import EvidenceRef
from experiments.stats.proportions import wilson_interval
from tests.deciding.deciding import GAIN, criterion, judged, observed

VALID = {"key": "schema", "evidence": EvidenceRef(layer="benchmark", metric="schema_compliance")}
LATENCY = {"evidence": EvidenceRef(layer="benchmark", metric="latency_p99"), "comparison": "ratio", "unit": "ms"}


def exact_lower(successes: int, n: int, level: float = 0.95) -> float:
    return float(stats.binomtest(successes, n).proportion_ci(level, method="exact").low)


def all_valid(n: int) -> Observation:
    return Observation(
        estimate=1.0, ci_low=exact_lower(n, n), ci_high=1.0, n=n, successes=n, method="exact binomial interval"
    )


def test_a_hundred_of_a_hundred_does_not_show_a_hundred_percent_and_the_page_says_what_it_shows() -> None:
    found = judged(criterion(**VALID, threshold=1.0), all_valid(100))
    assert found.status == "undecided"
    assert (found.n_min, found.n_more) == (None, None)
    assert "No number of cases can show exactly 100%" in found.sentence
    assert "100 of 100 shows at least 96.4%" in found.n_min_sentence
    assert exact_lower(100, 100) == pytest.approx(0.9638, abs=5e-5)


def test_every_one_valid_and_enough_of_them_meets_a_hundred_percent_shown_beyond_less() -> None:
    asked = criterion(**VALID, threshold=1.0, shown_beyond=0.95)
    short = judged(asked, all_valid(60))
    assert (short.status, short.n_min) == ("undecided", 72)
    assert short.n_more == 12
    assert judged(asked, all_valid(72)).status == "met"
    assert judged(asked, observed(0.99, 0.9455, 0.9997, n=100, successes=99)).status == "not_met"


@pytest.mark.parametrize("bound", [0.5, 0.8, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_the_least_n_is_the_first_whose_interval_can_lie_beyond_the_threshold(bound: float, level: float) -> None:
    asked = criterion(threshold=bound, level=level)
    exact = judged(asked, observed(method="exact binomial interval", level=level)).n_min
    wilson = judged(asked, observed(method="Wilson interval", level=level)).n_min
    assert exact is not None
    assert wilson is not None
    assert exact_lower(exact, exact, level) >= bound > exact_lower(exact - 1, exact - 1, level)
    lows = [wilson_interval(n, n, confidence=level).ci_low or 0.0 for n in (wilson, max(1, wilson - 1))]
    assert lows[0] >= bound
    assert lows[1] < bound


def test_the_least_n_of_at_most_is_that_of_none_at_all() -> None:
    asked = criterion(direction="at_most", threshold=0.05)
    assert judged(asked, observed(0.0, 0.0, 0.04, method="exact")).n_min == 72
    none = criterion(direction="at_most", threshold=0.0)
    assert "exactly 0%" in judged(none, observed(0.0, 0.0, 0.04, method="exact")).n_min_sentence


def test_nothing_is_shown_below_the_least_n_whatever_its_interval_says() -> None:
    assert judged(criterion(), observed(n=35, method="exact")).status == "undecided"
    assert judged(criterion(), observed(n=36, method="exact")).status == "met"


def test_a_p99_cannot_be_bounded_by_fewer_values_than_could_exceed_it() -> None:
    asked = criterion(**LATENCY, direction="at_most", threshold=2.0)
    found = judged(asked, observed(1.1, 1.02, 1.31, n=200))
    assert (found.status, found.n_min) == ("undecided", 368)
    assert 1 - 0.99**368 >= 0.975 > 1 - 0.99**367
    assert found.n_more == 170
    assert judged(asked, observed(1.1, 1.02, 1.31, n=368)).status == "met"


@pytest.mark.parametrize(("metric", "n"), [("latency_p50", 6), ("latency_p95", 72), ("latency_p99", 368)])
def test_the_documented_least_n_of_latencies(metric: str, n: int) -> None:
    about_it = EvidenceRef(layer="benchmark", metric=metric)
    asked = criterion(evidence=about_it, comparison="ratio", direction="at_most", threshold=2.0, unit="ms")
    assert judged(asked, observed(1.1, 1.0, 1.2)).n_min == n


def test_a_gain_cannot_be_shown_by_fewer_cases_than_a_sign_test_needs() -> None:
    asked = criterion(evidence=GAIN, comparison="points", threshold=0.0)
    found = judged(asked, observed(1.0, 1.0, 1.0, n=5))
    assert (found.status, found.n_min) == ("undecided", 6)
    assert stats.binomtest(6, 6).pvalue < 0.05 < stats.binomtest(5, 5).pvalue


def test_what_the_point_rule_decides_needs_no_least_n() -> None:
    assert judged(criterion(rule="observed"), observed()).n_min is None


@pytest.mark.parametrize(("successes", "n"), [(60, 100), (350, 600), (70, 110)])
def test_so_many_more_at_the_same_rate_would_show_it(successes: int, n: int) -> None:
    asked = criterion(threshold=0.55, shown_beyond=0.5)
    rate = successes / n
    interval = stats.binomtest(successes, n).proportion_ci(method="exact")
    found = judged(asked, observed(rate, interval.low, interval.high, n=n, successes=successes, method="exact"))
    if found.status == "met":
        assert interval.low >= 0.5
        return
    assert found.n_more is not None
    total = n + found.n_more
    assert exact_lower(math.ceil(rate * total), total) >= 0.5
    assert exact_lower(math.floor(rate * (total - 20)), total - 20) < 0.5


def test_a_bootstrap_interval_shrinks_with_the_root_of_n() -> None:
    asked = criterion(evidence=GAIN, comparison="points", threshold=0.05)
    found = judged(asked, observed(0.08, 0.04, 0.12, n=400))
    # Its lower half, .04, must become .03.
    assert found.n_more == about(math.ceil(400 * (4 / 3) ** 2) - 400) == 320
    falling = judged(asked, observed(0.03, -0.01, 0.07, n=400))
    assert falling.n_more == about(1600 - 400)


def test_without_an_interval_the_spread_of_one_sample_tells_how_many() -> None:
    asked = criterion(evidence=GAIN, comparison="points", threshold=0.05)
    found = judged(asked, observed(0.10, None, None, n=10, spread=0.5))
    assert found.n_more == about(math.ceil((1.959964 * 0.5 / 0.05) ** 2) - 10)


def test_an_estimate_at_the_threshold_itself_is_settled_by_no_number() -> None:
    found = judged(criterion(threshold=0.6), observed(0.6, 0.53, 0.67, n=200, successes=120))
    assert (found.status, found.n_more) == ("undecided", None)
    assert "at the threshold itself" in found.sentence


def test_more_than_ten_million_is_not_told_as_a_number() -> None:
    found = judged(criterion(threshold=0.6), observed(0.600001, 0.53, 0.67, n=200))
    assert found.n_more is None
    assert "cannot be told" in found.sentence


def test_the_part_that_needs_most_tells_how_many() -> None:
    asked = criterion(comparison="points", threshold=-0.05)
    quick = Part(name="tau", estimate=0.0, ci_low=-0.06, ci_high=0.06, n=100)
    slow = Part(name="mu", estimate=-0.04, ci_low=-0.1, ci_high=0.02, n=100)
    found = judged(asked, Observation(parts=(quick, slow)))
    assert found.n_more == about(3600 - 100)


@pytest.mark.parametrize(("n", "told"), [(1, 1), (99, 99), (100, 100), (101, 110), (407, 410), (4_061, 4_100)])
def test_about_is_two_digits_rounded_up(n: int, told: int) -> None:
    assert about(n) == told


def test_what_is_added_because_of_a_number_is_called_a_second_look_unless_every_look_was_allowed_for() -> None:
    fixed = judged(criterion(threshold=0.6, shown_beyond=0.5), observed(0.6, 0.497, 0.697, n=100))
    assert fixed.n_more
    assert (
        "would settle it, if the estimate stays. Added because of this number they are a second look" in fixed.sentence
    )
    sequence = observed(0.6, 0.47, 0.71, n=100, anytime=True)
    watched = judged(criterion(threshold=0.6, shown_beyond=0.5), sequence)
    assert watched.n_more
    assert "second look" not in watched.sentence
