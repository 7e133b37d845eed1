"""A result is of one moment, whatever is committed while it is read."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from experiments.models import LiveAmendment, LiveLook, LiveTest
from experiments.reports.live import results
from experiments.reports.live.known import Known
from experiments.reports.live.measuring import measured
from experiments.reports.live.results import Computed, compute
from experiments.services import live_results
from experiments.services.live_tests import amending
from experiments.services.live_tests.drafting import TestRefused
from tests.factories.live_results_ import fill, result_of
from tests.factories.live_tests_ import make_live_test
from tests.factories.platform_ import NOW
from tests.live_results.test_results import FIXED, SMALL, both

pytestmark = pytest.mark.django_db(transaction=True)


def elsewhere(act: Callable[[], object]) -> None:
    """Over a connection of its own, committed on return."""

    def alone() -> None:
        try:
            act()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(alone).result()


def extend(live_test: LiveTest) -> LiveAmendment:
    return amending.extend(
        live_test=live_test, n_per_arm=900, reason="less traffic", token=uuid4(), actor=None, now=NOW
    )


def test_units_that_come_while_a_result_is_read_are_for_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    live_test = make_live_test(**SMALL)
    both(live_test, 200, 50, 60)

    def later(*arguments: Any, **more: Any) -> Any:
        elsewhere(lambda: fill(live_test, "control", 30, {}, prefix="meanwhile"))
        monkeypatch.setattr(results, "measured", measured)
        return measured(*arguments, **more)

    monkeypatch.setattr(results, "measured", later)
    payload = result_of(live_test)
    assert payload.primary is not None
    assert (payload.exposed.control, payload.primary.control_n) == (200, 200)
    assert result_of(live_test, now=NOW + timedelta(minutes=1)).exposed.control == 230


def test_a_size_that_is_extended_while_its_look_is_computed_takes_that_look_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    live_test = make_live_test(**FIXED)
    both(live_test, 500, 150, 200)
    # The last units were not committed yet when their number was read.
    monkeypatch.setattr(amending, "exposed", lambda held: {"control": 499, "treatment": 499})

    def meanwhile(known: Known) -> Computed:
        found = compute(known)
        monkeypatch.setattr(live_results, "compute", compute)
        elsewhere(lambda: extend(live_test))
        return found

    monkeypatch.setattr(live_results, "compute", meanwhile)
    payload = result_of(live_test)
    assert (payload.hidden, payload.planned_n) == (True, 900)
    assert not LiveLook.objects.exists()


def test_a_size_is_not_extended_once_its_look_was_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    live_test = make_live_test(**FIXED)
    both(live_test, 500, 150, 200)
    result_of(live_test)
    monkeypatch.setattr(amending, "exposed", lambda held: {"control": 499, "treatment": 499})
    with pytest.raises(TestRefused, match="seen already"):
        extend(live_test)
