"""Celery entry points of the platform: deliver one job, sweep."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from evalsite.platform import jobs


@shared_task(name=jobs.RUN_JOB)
def run_job(job_id: str) -> None:
    jobs.run(UUID(job_id))


@shared_task(name="evalsite.platform.sweep")
def sweep() -> None:
    jobs.sweep(now=timezone.now())
