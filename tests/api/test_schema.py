"""Calls made up from the API's own description: none breaks the server, and each answer is one that was described."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error, response_schema_conformance, status_code_conformance

from evalsite.platform.models import ApiToken
from evalsite.wsgi import application
from experiments.models import LiveTest
from tests.api.calling import Program
from tests.clients.receiving import Receiver
from tests.factories.benchmarks_ import make_called_model, make_endpoint
from tests.factories.live_tests_ import make_live_test

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]


def closing(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """A server closes each response, and with it the uploaded files; the caller of these tests does not."""
    response = application(environ, start_response)
    try:
        return list(response)
    finally:
        response.close()


described = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", closing)


@pytest.fixture
def program() -> Program:
    return Program(*ApiToken.Scope.values)


@pytest.fixture(scope="module")
def models() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def aim(case: Any, key: str) -> None:
    """At a live test that runs: a name made up would meet none, and go no further than that."""
    if "key" in (case.path_parameters or {}):
        case.path_parameters["key"] = key
    if "X-Evalsite-Experiment" in (case.headers or {}):
        case.headers["X-Evalsite-Experiment"] = key
    for part in case.body if isinstance(case.body, list) else [case.body]:
        if isinstance(part, dict) and "experiment" in part and case.path in ("/assign", "/events"):
            part["experiment"] = key


@described.parametrize()
@settings(max_examples=5, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
def test_no_call_that_fits_the_description_breaks_it(case: Any, program: Program, models: Receiver) -> None:
    if "Live tests" in case.operation.tags:
        aim(case, live_test_key(models))
    case.call_and_validate(checks=CHECKS, headers={"Authorization": f"Bearer {program.secret}"})


def live_test_key(models: Receiver) -> str:
    key = "described"
    if not LiveTest.objects.filter(key=key).exists():
        endpoint = make_endpoint(base_url=models.url)
        make_live_test(
            key=key, control=make_called_model(endpoint=endpoint), treatment=make_called_model(endpoint=endpoint)
        )
    return key
