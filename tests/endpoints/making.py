"""Endpoints with a key, and versions on them made by the service, so that a hash is that of the content."""

from itertools import count
from typing import Any

from experiments.models import Endpoint, ModelVersion
from experiments.services import keys, model_versions
from experiments.services.model_versions import VersionDraft
from tests.factories import benchmarks_
from tests.factories.platform_ import NOW

numbers = count(1)


def make_endpoint(*, base_url: str = "https://api.example.com/v1", key: str = "", **fields: Any) -> Endpoint:
    endpoint = benchmarks_.make_endpoint(base_url=base_url, **fields)
    if key:
        keys.set_key(endpoint=endpoint, key=key, actor=None, now=NOW)
        endpoint.refresh_from_db()
    return endpoint


def make_called_version(
    *, endpoint: Endpoint | None = None, name: str = "", model: str = "instant", **fields: Any
) -> ModelVersion:
    draft = VersionDraft(
        name=name or f"called model {next(numbers)}", endpoint=endpoint or make_endpoint(), model=model, **fields
    )
    return model_versions.make(draft=draft, created_by=None, now=NOW)[0]
