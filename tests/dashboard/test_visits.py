"""The last visit is remembered, and a page loaded again is still the same visit."""

from datetime import timedelta
from typing import Any

import pytest

from experiments.models import DashboardVisit
from experiments.services import visits
from tests.factories.experiments_ import make_experiment
from tests.factories.platform_ import NOW
from tests.factories.results_ import make_lead

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def test_the_visit_before_is_recalled_until_the_next_sitting() -> None:
    here: dict[str, Any] = {"user": make_lead(), "experiment": make_experiment()}
    first = visits.remember(**here, state={"verdict": "INVALID"}, now=NOW)
    assert (first.before, first.at) == ({}, None)
    second = visits.remember(**here, state={"verdict": "GO"}, now=NOW + DAY)
    again = visits.remember(**here, state={"verdict": "NO-GO"}, now=NOW + DAY + timedelta(minutes=5))
    assert second.before == again.before == {"verdict": "INVALID"}
    assert second.at == again.at == NOW
    third = visits.remember(**here, state={"verdict": "GO"}, now=NOW + 2 * DAY)
    assert third.before == {"verdict": "NO-GO"}
    assert DashboardVisit.objects.count() == 1


def test_recalling_leaves_no_trace() -> None:
    here: dict[str, Any] = {"user": make_lead(), "experiment": make_experiment()}
    assert visits.recall(**here).before == {}
    assert not DashboardVisit.objects.exists()
    visits.remember(**here, state={"verdict": "GO"}, now=NOW)
    visits.remember(**here, state={"verdict": "NO-GO"}, now=NOW + DAY)
    assert visits.recall(**here).before == {"verdict": "GO"}


def test_each_person_and_experiment_has_a_visit_of_its_own() -> None:
    experiment = make_experiment()
    visits.remember(user=make_lead(), experiment=experiment, state={"verdict": "GO"}, now=NOW)
    other = visits.remember(user=make_lead(), experiment=experiment, state={}, now=NOW + DAY)
    assert other.before == {}


def test_what_was_marked_as_seen_is_no_news_any_more() -> None:
    here: dict[str, Any] = {"user": make_lead(), "experiment": make_experiment()}
    visits.mark_as_seen(**here, now=NOW)
    visits.remember(**here, state={"verdict": "INVALID"}, now=NOW)
    visits.remember(**here, state={"verdict": "GO"}, now=NOW + DAY)
    visits.mark_as_seen(**here, now=NOW + DAY)
    assert visits.recall(**here).before == {}
    later = visits.remember(**here, state={"verdict": "GO"}, now=NOW + 3 * DAY)
    assert later.before == {"verdict": "GO"}
