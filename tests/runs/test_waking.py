"""Runs that go on although no lane is left are taken up again; those a person must look at are not."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from celery import current_app
from django.conf import settings

from evalsite.platform.models import Job
from experiments.models import BenchmarkRun
from experiments.services.runs import starting
from experiments.services.runs.starting import GENERATE
from tests.factories.benchmarks_ import make_called_model, make_numbered_set
from tests.factories.platform_ import NOW

pytestmark = pytest.mark.django_db


def left_run(*, status: str = "running", job: str = "done", **fields: Any) -> BenchmarkRun:
    """Its only lane is over, and its cases wait."""
    run = starting.start(
        run_id=uuid4(), model_version=make_called_model(), eval_set=make_numbered_set(n=3), created_by=None, now=NOW
    )
    Job.objects.update(status=job, finished_at=None if job == "queued" else NOW)
    BenchmarkRun.objects.update(status=status, **fields)
    return run


def beat() -> None:
    current_app.loader.import_default_modules()
    current_app.tasks[str(settings.CELERY_BEAT_SCHEDULE["wake idle runs"]["task"])]()


def n_queued() -> int:
    return Job.objects.filter(kind=GENERATE, status="queued").count()


@pytest.mark.parametrize("status", ["queued", "running"])
def test_the_beat_wakes_a_run_that_nobody_works_on(status: str) -> None:
    run = left_run(status=status)
    run.items.update(lease_token=uuid4(), lease_until=NOW + timedelta(days=9999))
    beat()
    beat()
    assert n_queued() == 1
    assert not run.items.exclude(lease_token=None).exists()


@pytest.mark.parametrize("status", ["paused", "scoring", "done", "cancelled", "failed"])
def test_a_run_that_does_not_go_on_is_left_alone(status: str) -> None:
    left_run(status=status)
    beat()
    assert n_queued() == 0


def test_a_run_whose_cases_are_through_is_left_alone() -> None:
    left_run(n_done=2, n_errors=1)
    beat()
    assert n_queued() == 0


@pytest.mark.parametrize("job", ["failed", "parked", "cancelled"])
def test_a_lane_that_a_person_must_look_at_is_not_begun_again(job: str) -> None:
    left_run(job=job)
    beat()
    assert n_queued() == 0


def test_a_living_lane_is_left_alone() -> None:
    left_run(job="queued")
    beat()
    assert Job.objects.filter(kind=GENERATE).count() == 1
