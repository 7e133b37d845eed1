"""Celery entry points: give back the pairs of reviewers who went away."""

from celery import shared_task
from django.utils import timezone

from annotations.services import assignments


@shared_task(name="annotations.release_expired")
def release_expired() -> None:
    assignments.release_expired(now=timezone.now())
