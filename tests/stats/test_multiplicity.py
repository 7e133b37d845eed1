from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control
from statsmodels.stats.multitest import multipletests

from experiments.stats.multiplicity import adjust_p_values
from tests.stats.vectors import vector

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def test_adjusted_p_values_match_vector_padjust_4() -> None:
    v = vector("padjust_4")
    assert adjust_p_values(v.inputs["p"], method="holm") == v.near(tuple(v.expected["holm"]))
    assert adjust_p_values(v.inputs["p"], method="bh") == v.near(tuple(v.expected["bh"]))


def test_the_printed_p_values_match_vector_support_bot_case_study() -> None:
    v = vector("support_bot_case_study")
    printed = list(v.inputs["printed_p"].values())
    assert adjust_p_values(printed, method="holm") == v.near(tuple(v.expected["holm_printed"]))
    assert adjust_p_values(printed, method="bh") == v.near(tuple(v.expected["bh_printed"]))


@given(p_values, st.sampled_from(["bh", "by"]))
def test_false_discovery_agrees_with_scipy(p: list[float], method: Literal["bh", "by"]) -> None:
    ours = adjust_p_values(p, method=method)
    assert ours == pytest.approx(tuple(false_discovery_control(p, method=method)))


@pytest.mark.parametrize("p", [[0.01, 0.04, 0.03, 0.005], [0.2] * 7, [0, 1, 0.5, 1e-12]])
@pytest.mark.parametrize(("method", "theirs"), [("holm", "holm"), ("bh", "fdr_bh"), ("by", "fdr_by")])
def test_adjusting_agrees_with_statsmodels(p: list[float], method: Literal["holm", "bh", "by"], theirs: str) -> None:
    assert adjust_p_values(p, method=method) == pytest.approx(tuple(multipletests(p, method=theirs)[1]))


@given(p_values)
def test_adjusting_keeps_the_order_and_never_lowers_a_p_value(p: list[float]) -> None:
    adjusted = adjust_p_values(p)
    assert all(new >= old - 1e-12 for new, old in zip(adjusted, p, strict=True) if new is not None)
    order = np.argsort(p)
    assert list(np.array(adjusted)[order]) == sorted(np.array(adjusted)[order])
    assert adjust_p_values(p[::-1]) == pytest.approx(adjusted[::-1])


def test_a_missing_p_value_stays_missing_and_does_not_count() -> None:
    first, missing, last = adjust_p_values([0.01, None, 0.04])
    assert missing is None
    assert (first, last) == pytest.approx((0.02, 0.04))
    assert adjust_p_values([None, None]) == (None, None)
