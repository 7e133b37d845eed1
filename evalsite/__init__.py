"""Wiring, and the ground both apps stand on."""

from evalsite.celery import app as celery_app

__all__ = ["celery_app"]
