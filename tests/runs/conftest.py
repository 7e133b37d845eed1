"""A local model server, and what a run against it needs."""

import time
from collections.abc import Iterator

import pytest
from celery import current_app
from pytest_django import Settings

from experiments.services import endpoints
from tests.running.model_server import ModelServer


@pytest.fixture
def server(settings: Settings) -> Iterator[ModelServer]:
    """Handlers are registered, our own addresses may be called, and back-off is short."""
    current_app.loader.import_default_modules()
    settings.ENDPOINT_ALLOWED_HOSTS = ["127.0.0.1"]
    settings.RUN_BACKOFF_SECONDS = 0.02
    settings.RUN_BACKOFF_MOST_SECONDS = 0.1
    with ModelServer() as running:
        yield running
        # The server's side of a connection ends when ours does.
        endpoints.client().close()
        time.sleep(0.1)
