"""Endpoints: made, changed, put away, and called with their own key and limits."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from evalsite.platform import audit
from evalsite.platform.models import User
from experiments.endpoints import chat as chats
from experiments.endpoints import errors, relaying, targets
from experiments.endpoints.addresses import AllowList
from experiments.endpoints.client import Answer, GuardedClient
from experiments.endpoints.errors import CallError
from experiments.endpoints.exchange import ChatAnswer, ChatRequest
from experiments.endpoints.relaying import Relayed
from experiments.models import BenchmarkRun, Endpoint, EndpointState
from experiments.services import keys

PRICES = ("price_per_million_input", "price_per_million_output")
CANNOT_BE_A_BASE = "It must have no ? in it; the calls add their own path to it."


class NotPossible(Exception):
    """Why the endpoint stays as it is, for a reader, and the field it is about."""

    def __init__(self, reason: str, field_name: str = "name") -> None:
        super().__init__(reason)
        self.field_name = field_name


@dataclass(frozen=True)
class EndpointDraft:
    name: str
    base_url: str
    max_concurrency: int = 8
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    timeout_seconds: int = 60
    max_response_bytes: int = 2 * 1024 * 1024
    max_attempts: int = 5
    price_per_million_input: Decimal | None = None
    price_per_million_output: Decimal | None = None
    currency: str = "USD"


@dataclass(frozen=True)
class Caller:
    """One endpoint ready to be called, from any thread, without the database. Its key shows in no repr."""

    client: GuardedClient = field(repr=False)
    base_url: str
    key: str = field(repr=False)
    deadline_seconds: float
    max_bytes: int

    def chat(self, request: ChatRequest) -> ChatAnswer:
        return chats.chat(
            self.client,
            self.base_url,
            self.key,
            request,
            deadline_seconds=self.deadline_seconds,
            max_bytes=self.max_bytes,
        )

    def relay(self, request: Mapping[str, Any]) -> Relayed:
        return relaying.relay(
            self.client,
            self.base_url,
            self.key,
            request,
            deadline_seconds=self.deadline_seconds,
            max_bytes=self.max_bytes,
        )

    def get(self, path: str) -> Answer:
        return self.client.request(
            "GET",
            f"{self.base_url.rstrip('/')}/{path}",
            headers=chats.request_headers(self.key),
            deadline_seconds=self.deadline_seconds,
            max_bytes=self.max_bytes,
        )


def client() -> GuardedClient:
    """The one client of this process, under the operator's allow-list."""
    return client_for(tuple(settings.ENDPOINT_ALLOWED_HOSTS))


@lru_cache(maxsize=4)
def client_for(allowed: tuple[str, ...]) -> GuardedClient:
    return GuardedClient(AllowList.parse(allowed))


def caller(endpoint: Endpoint) -> Caller:
    """Raises KeyNotReadable, NoFieldKeys."""
    return Caller(
        client=client(),
        base_url=endpoint.base_url,
        key=keys.key_for(endpoint),
        deadline_seconds=float(endpoint.timeout_seconds),
        max_bytes=endpoint.max_response_bytes,
    )


def refuse_bad_base(base_url: str) -> None:
    """Raises CallError."""
    targets.parse(base_url)
    if "?" in base_url:
        raise CallError(errors.BLOCKED, f"This address cannot be called: {CANNOT_BE_A_BASE}")
    refuse_bad_address(base_url)


def refuse_bad_address(url: str) -> None:
    """Raises CallError. A name is looked up when it is called; an address can be judged at once."""
    target = targets.parse(url)
    if target.literal is not None:
        client().judged(target, seconds=0)


def refuse_half_a_price(draft: EndpointDraft) -> None:
    for missing, other in (PRICES, PRICES[::-1]):
        if getattr(draft, missing) is None and getattr(draft, other) is not None:
            raise NotPossible("Give both prices or neither; 0 is a price.", missing)


def refuse_other_models(found: Endpoint, draft: EndpointDraft) -> None:
    """What was measured of a model version must not change its meaning."""
    if draft.base_url != found.base_url and found.model_versions.exists():
        raise NotPossible("Model versions call this endpoint. Say that the same models answer there.", "same_models")


def create(*, token: UUID, draft: EndpointDraft, created_by: User | None, now: datetime) -> Endpoint:
    """The same token makes one endpoint, however often it is sent."""
    refuse_bad_base(draft.base_url)
    refuse_half_a_price(draft)
    if (made := Endpoint.objects.filter(token=token).first()) is not None:
        return made
    try:
        with transaction.atomic():
            endpoint = Endpoint.objects.create(token=token, created_by=created_by, created_at=now, **asdict(draft))
            EndpointState.objects.create(endpoint=endpoint, concurrency=draft.max_concurrency)
            details = {"base_url": draft.base_url}
            audit.record(actor=created_by, action="endpoint.made", subject=draft.name, details=details, now=now)
    except IntegrityError:
        if (made := Endpoint.objects.filter(token=token).first()) is not None:
            return made
        raise NotPossible(f"There is an endpoint called {draft.name} already. Choose another name.") from None
    return endpoint


def change(
    *, endpoint: Endpoint, draft: EndpointDraft, same_models: bool = False, changed_by: User | None, now: datetime
) -> bool:
    """Whether the key was erased, which it is as soon as it would go to another origin.

    same_models: somebody said that at a new address the same models answer. Raises CallError, NotPossible.
    """
    refuse_bad_base(draft.base_url)
    refuse_half_a_price(draft)
    try:
        with transaction.atomic():
            found = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
            if not same_models:
                refuse_other_models(found, draft)
            return change_row(found, draft, changed_by, now=now)
    except IntegrityError:
        raise NotPossible(f"There is an endpoint called {draft.name} already. Choose another name.") from None


def change_row(found: Endpoint, draft: EndpointDraft, changed_by: User | None, *, now: datetime) -> bool:
    wished = asdict(draft)
    changes = {name: [told(getattr(found, name)), told(value)] for name, value in wished.items()}
    changes = {name: pair for name, pair in changes.items() if pair[0] != pair[1]}
    if not changes:
        return False
    for name, value in wished.items():
        setattr(found, name, value)
    erased = bool(found.key_ciphertext) and found.key_origin != keys.origin_of(draft.base_url)
    if erased:
        changes["key"] = ["set", "erased, since the origin changed"]
        keys.erase(found)
    found.save()
    audit.record(actor=changed_by, action="endpoint.changed", subject=found.name, details=changes, now=now)
    return erased


def told(value: Any) -> Any:
    """As the audit log keeps it."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value


@transaction.atomic
def archive(*, endpoint: Endpoint, actor: User | None, now: datetime) -> None:
    """No new run may start on it; what was measured stays. Its key is erased, since nothing needs it."""
    found = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
    if found.archived_at:
        return
    live = [*BenchmarkRun.LIVE, BenchmarkRun.Status.PAUSED]
    if BenchmarkRun.objects.filter(model_version__endpoint=found, status__in=live).exists():
        raise NotPossible("A run is still calling this endpoint. Let it end or cancel it first.")
    keys.erase(found)
    found.archived_at = now
    found.save()
    audit.record(actor=actor, action="endpoint.archived", subject=found.name, details={}, now=now)


@transaction.atomic
def restore(*, endpoint: Endpoint, actor: User | None, now: datetime) -> None:
    found = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
    if found.archived_at is None:
        return
    found.archived_at = None
    found.save()
    audit.record(actor=actor, action="endpoint.restored", subject=found.name, details={}, now=now)
