"""Calls made up from the API's own description: none breaks the server, and each answer is one that was described."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error, response_schema_conformance, status_code_conformance

from evalsite.wsgi import application
from tests.api.calling import Program

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
    return Program("read", "benchmarks")


@described.parametrize()
@settings(max_examples=5, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
def test_no_call_that_fits_the_description_breaks_it(case: Any, program: Program) -> None:
    case.call_and_validate(checks=CHECKS, headers={"Authorization": f"Bearer {program.secret}"})
