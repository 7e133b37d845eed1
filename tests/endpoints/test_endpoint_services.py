"""Endpoints: made once, changed on record, put away when nothing calls them."""

from decimal import Decimal
from uuid import uuid4

import pytest

from evalsite.platform.models import AuditEntry
from experiments.endpoints.errors import CallError
from experiments.models import BenchmarkRun, Endpoint, EndpointState
from experiments.services import endpoints, keys
from experiments.services.endpoints import EndpointDraft, NotPossible
from tests.endpoints.making import make_called_version, make_endpoint
from tests.factories.benchmarks_ import make_run
from tests.factories.platform_ import NOW

pytestmark = pytest.mark.django_db
DRAFT = EndpointDraft(name="house", base_url="https://api.example.com/v1", max_concurrency=4)


def test_one_token_makes_one_endpoint_with_its_state() -> None:
    token = uuid4()
    first = endpoints.create(token=token, draft=DRAFT, created_by=None, now=NOW)
    again = endpoints.create(token=token, draft=DRAFT, created_by=None, now=NOW)
    assert first == again
    assert Endpoint.objects.count() == 1
    assert EndpointState.objects.get().concurrency == 4
    assert AuditEntry.objects.filter(action="endpoint.made").count() == 1


def test_a_name_is_taken_once() -> None:
    endpoints.create(token=uuid4(), draft=DRAFT, created_by=None, now=NOW)
    with pytest.raises(NotPossible, match="called house already"):
        endpoints.create(token=uuid4(), draft=DRAFT, created_by=None, now=NOW)
    other = make_endpoint(name="other")
    with pytest.raises(NotPossible, match="called house already"):
        endpoints.change(endpoint=other, draft=DRAFT, changed_by=None, now=NOW)
    assert Endpoint.objects.get(pk=other.pk).name == "other"


@pytest.mark.parametrize(
    "base_url",
    [
        "http://10.0.0.1/v1",
        "http://169.254.169.254/",
        "https://user:word@api.example.com",
        "ftp://x",
        "https://a.b/?x=1",
    ],
)
def test_an_address_that_can_never_be_called_is_refused_at_once(base_url: str) -> None:
    with pytest.raises(CallError):
        endpoints.create(token=uuid4(), draft=EndpointDraft(name="x", base_url=base_url), created_by=None, now=NOW)
    assert not Endpoint.objects.exists()


def test_a_change_is_audited_field_by_field_and_no_change_is_not() -> None:
    endpoint = endpoints.create(token=uuid4(), draft=DRAFT, created_by=None, now=NOW)
    changed = EndpointDraft(
        name="house",
        base_url=DRAFT.base_url,
        max_concurrency=9,
        price_per_million_input=Decimal("2.50"),
        price_per_million_output=Decimal(10),
    )
    for _ in range(2):
        endpoints.change(endpoint=endpoint, draft=changed, changed_by=None, now=NOW)
    entry = AuditEntry.objects.get(action="endpoint.changed")
    assert entry.details == {
        "max_concurrency": [4, 9],
        "price_per_million_input": [None, "2.5"],
        "price_per_million_output": [None, "10"],
    }


def test_an_endpoint_is_put_away_with_its_key_and_can_come_back() -> None:
    endpoint = make_endpoint(key="sk-test")
    for _ in range(2):
        endpoints.archive(endpoint=endpoint, actor=None, now=NOW)
    endpoint.refresh_from_db()
    assert (endpoint.archived_at, endpoint.key_ciphertext) == (NOW, "")
    endpoints.restore(endpoint=endpoint, actor=None, now=NOW)
    endpoint.refresh_from_db()
    assert endpoint.archived_at is None
    assert keys.key_for(endpoint) == ""
    assert AuditEntry.objects.filter(action="endpoint.archived").count() == 1


@pytest.mark.parametrize("status", [BenchmarkRun.Status.RUNNING, BenchmarkRun.Status.PAUSED])
def test_an_endpoint_that_a_run_still_calls_stays(status: str) -> None:
    version = make_called_version()
    make_run(model_version=version, status=status, finished_at=None)
    assert version.endpoint is not None
    with pytest.raises(NotPossible, match="still calling"):
        endpoints.archive(endpoint=version.endpoint, actor=None, now=NOW)
