import json
import math

import numpy as np
import pytest

from experiments.stats.means import welch_t_test
from experiments.stats.proportions import srm_test, two_proportion_test, wilson_interval
from experiments.stats.result import Estimate


def an_estimate(*, value: float | None, warnings: tuple[str, ...] = ()) -> Estimate:
    return Estimate(
        estimate=value, ci_low=0.1, ci_high=0.9, p_value=None, alpha=0.05, n=3, method="test", warnings=warnings
    )


def test_nan_becomes_none_with_a_sentence() -> None:
    result = an_estimate(value=math.nan)
    assert result.estimate is None
    assert "estimate" in result.warnings[0]


def test_a_given_reason_is_kept_when_nan_becomes_none() -> None:
    assert an_estimate(value=math.inf, warnings=("Because.",)).warnings == ("Because.",)


def test_numpy_numbers_become_python_numbers() -> None:
    result = an_estimate(value=np.float64(0.5))
    assert type(result.estimate) is float


def test_results_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        an_estimate(value=0.5).estimate = 0.6  # type: ignore[misc]


def test_every_result_is_json() -> None:
    results = [
        wilson_interval(3, 10),
        two_proportion_test(0, 10, 0, 20),
        srm_test([10, 0, 40], [1, 1, 1]),
        welch_t_test(1, 0, 5, 1, 0, 5),
    ]
    for result in results:
        text = json.dumps(result.to_dict(), allow_nan=False)
        assert {"estimate", "ci_low", "ci_high", "p_value", "alpha", "n", "method", "warnings"} <= set(json.loads(text))
