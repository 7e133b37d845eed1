"""What a lane learns from its calls; no row is read or written."""

from decimal import Decimal
from typing import Any

import pytest

from experiments.endpoints import errors
from experiments.endpoints.errors import CallError
from experiments.endpoints.exchange import ChatAnswer
from experiments.services.runs.calling import Result
from experiments.services.runs.leasing import Leased
from experiments.services.runs.messages import AskedCase
from experiments.services.runs.meter import REFUSALS_THAT_SUFFICE, UNPRICED_THAT_SUFFICE, Meter, Prices
from tests.factories.platform_ import NOW

ITEM = Leased(1, 1, 0, AskedCase("?"))


def meter(*, prices: Prices | None = None) -> Meter:
    return Meter(prices=prices or Prices(Decimal("0.01"), Decimal("0.03")), tokens_guessed=500)


def answered(input_tokens: int | None, output_tokens: int | None) -> Result:
    return Result(ITEM, NOW, 1.0, 1, answer=ChatAnswer("", None, "", input_tokens, output_tokens, None, None, 1.0))


def read(found: Meter, *results: Result) -> Meter:
    found.read(results, now=NOW)
    return found


def test_the_first_answer_says_what_a_call_costs_and_later_ones_move_it() -> None:
    found = meter()
    assert found.cost_per_call is None
    assert read(found, answered(100, 10)).cost_per_call == pytest.approx(1.3)
    assert read(found, answered(200, 20)).cost_per_call == pytest.approx(1.3 + 0.2 * 1.3)


def test_an_endpoint_whose_answers_tell_no_tokens_is_found_out() -> None:
    found = read(meter(), *[answered(None, None)] * (UNPRICED_THAT_SUFFICE - 1))
    assert not found.tells_no_usage
    assert read(found, answered(3, 4), answered(5, None)).unpriced_in_a_row == 1
    assert read(found, *[answered(None, 4)] * UNPRICED_THAT_SUFFICE).tells_no_usage


@pytest.mark.parametrize(
    "prices", [Prices(Decimal(0), Decimal("0.03")), Prices(Decimal(0), Decimal(0))], ids=["only the answer", "nothing"]
)
def test_counts_that_have_no_price_are_not_missed(prices: Prices) -> None:
    found = read(meter(prices=prices), *[answered(None, 4)] * UNPRICED_THAT_SUFFICE)
    assert not found.tells_no_usage


@pytest.mark.parametrize(("is_ours", "is_refused"), [(True, True), (False, False)])
def test_errors_of_ours_in_a_row_end_the_lane_and_malformed_answers_do_not(*, is_ours: bool, is_refused: bool) -> None:
    def failed(**fields: Any) -> Result:
        return Result(ITEM, NOW, 1.0, 1, error=CallError(errors.MALFORMED, "odd"), **fields)

    found = read(meter(), *[failed(is_ours=is_ours) for _ in range(REFUSALS_THAT_SUFFICE)])
    assert found.is_refused is is_refused
