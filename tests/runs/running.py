"""Runs started against a model server and worked off in the process of the test."""

from typing import Any
from uuid import uuid4

from django.utils import timezone

from evalsite.platform import jobs
from evalsite.platform.models import Job
from experiments.models import BenchmarkRun, EvalSet
from experiments.services.runs import starting
from experiments.services.runs.starting import GENERATE
from tests.factories.benchmarks_ import make_called_model, make_endpoint
from tests.running.model_server import ModelServer


def start_run(server: ModelServer, eval_set: EvalSet, *, model: str = "instant", **fields: Any) -> BenchmarkRun:
    endpoint = make_endpoint(base_url=server.base_url, **fields.pop("endpoint", {}))
    version = make_called_model(endpoint=endpoint, model=model)
    values = {"run_id": uuid4(), "created_by": None, "now": timezone.now(), "threads": 4}
    return starting.start(model_version=version, eval_set=eval_set, **{**values, **fields})


def work_off(run: BenchmarkRun) -> BenchmarkRun:
    """Deliver what is queued for the run until its cases are through."""
    for _ in range(10):
        queued = list(Job.objects.filter(kind=GENERATE, status=Job.Status.QUEUED).order_by("created_at"))
        if not queued:
            break
        for job in queued:
            jobs.run(job.pk)
    run.refresh_from_db()
    return run
