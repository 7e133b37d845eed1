"""Live tests: planned and registered in one call, listed, and their steps."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Field, Router, Schema
from ninja.errors import ValidationError
from ninja.params.functions import Query

from experiments.api import schemas, shaping
from experiments.api.assignment import Key
from experiments.api.bodies import Body
from experiments.api.eval_sets import KEY, PAGE, PER_PAGE
from experiments.api.repeating import once
from experiments.api.security import Needs, Scope, token_of
from experiments.models import Experiment, LiveAmendment, LivePlan, LiveTest, ModelVersion
from experiments.services.live_tests import drafting, registering, running, stepping

router = Router(tags=["Live tests"])
ROWS = LiveTest.objects.select_related("control__endpoint", "treatment__endpoint")


class Status(StrEnum):
    DRAFT = "draft"
    REGISTERED = "registered"
    RUNNING = "running"
    STOPPED = "stopped"


class Step(StrEnum):
    REGISTER = "register"
    START = "start"
    RAMP = "ramp"
    STOP = "stop"
    OPEN = "open"
    EXTEND = "extend"
    ADD_METRIC = "add_metric"
    NOTE = "note"


class LiveTestShort(Schema):
    key: str
    name: str
    status: str
    split: float = Field(description="share of treatment now")
    control: schemas.ModelVersion
    treatment: schemas.ModelVersion
    experiment_id: int | None
    created_at: datetime
    started_at: datetime | None
    stopped_at: datetime | None
    stop_reason: str
    url: str = Field(description="of its page")


class Amendment(Schema):
    kind: str
    change: dict[str, Any]
    reason: str
    made_by: str | None
    made_at: datetime


class LiveTestWhole(LiveTestShort):
    plan_sha256: str | None = Field(description="null while it is a draft")
    registered_at: datetime | None
    plan: dict[str, Any] = Field(description="as registered; what a draft says so far")
    amendments: list[Amendment]


class NewLiveTest(Body):
    name: str = Field(min_length=1, max_length=200)
    key: Key = Field(description="what applications name it by; part of the rule that routes")
    control: int = Field(gt=0, lt=2**63, description="id of a model version")
    treatment: int = Field(gt=0, lt=2**63, description="id of a model version")
    experiment: int | None = Field(None, gt=0, lt=2**63, description="control is its baseline, treatment its candidate")
    plan: dict[str, Any] = Field(description="all of a plan but its key and arms; n and formula are worked out")
    start: bool = Field(default=False, description="start it at once")


class StepSaid(Body):
    reason: str = Field("", max_length=2000, description="needed to ramp, stop, open, extend, add_metric and note")
    n_per_arm: int | None = Field(None, ge=1, le=1_000_000_000, description="with extend")
    days: int | None = Field(None, ge=1, le=730, description="with extend")
    split: float | None = Field(None, gt=0, lt=1, allow_inf_nan=False, description="with ramp: the new share")
    metric: dict[str, Any] | None = Field(None, description="with add_metric: as a metric stands in a plan")


def get_live_test(key: str) -> LiveTest:
    return get_object_or_404(ROWS, key=key)


def short(row: LiveTest, request: HttpRequest) -> dict[str, Any]:
    told = shaping.fields(
        row, "key", "name", "status", "split", "experiment_id", "created_at", "started_at", "stopped_at", "stop_reason"
    )
    return told | {
        "control": shaping.model_version(row.control),
        "treatment": shaping.model_version(row.treatment),
        "url": request.build_absolute_uri(f"/live-tests/{row.key}/"),
    }


def whole(row: LiveTest, request: HttpRequest) -> dict[str, Any]:
    plan = LivePlan.objects.filter(live_test=row).first()
    rows = LiveAmendment.objects.filter(live_test=row).select_related("made_by").order_by("made_at", "pk")
    return short(row, request) | {
        "plan_sha256": plan.sha256 if plan else None,
        "registered_at": plan.registered_at if plan else None,
        "plan": plan.body if plan else row.draft,
        "amendments": [
            shaping.fields(one, "kind", "change", "reason", "made_at")
            | {"made_by": one.made_by.username if one.made_by else None}
            for one in rows
        ],
    }


@router.get("/live-tests", auth=Needs(Scope.READ), response=schemas.PageOf[LiveTestShort], summary="List live tests")
def list_live_tests(
    request: HttpRequest,
    status: Status | None = None,
    experiment: int | None = Query(None, gt=0, lt=2**63),
    page: int = PAGE,
    per_page: int = PER_PAGE,
) -> dict[str, Any]:
    """Newest first."""
    asked = {"status": status.value if status else None, "experiment": experiment}
    rows = ROWS.filter(**{name: value for name, value in asked.items() if value is not None})
    ordered = rows.order_by("-created_at", "-pk")
    return shaping.page_of(ordered, lambda row: short(row, request), page=page, per_page=per_page)


@router.post("/live-tests", auth=Needs(Scope.LIVE), response={201: LiveTestWhole}, summary="Plan a live test")
def plan_live_test(request: HttpRequest, asked: NewLiveTest, idempotency_key: UUID = KEY) -> HttpResponse:
    """Registers the plan; what is wrong with it is told field by field. With `start` it routes from now on."""
    versions = ModelVersion.objects.select_related("endpoint")
    control, treatment = (get_object_or_404(versions, pk=one) for one in (asked.control, asked.treatment))
    experiment = get_object_or_404(Experiment, pk=asked.experiment) if asked.experiment else None

    def effect() -> tuple[int, dict[str, Any]]:
        person, now = token_of(request).created_by, timezone.now()
        made = drafting.create(
            name=asked.name,
            key=asked.key,
            control=control,
            treatment=treatment,
            draft=asked.plan,
            experiment=experiment,
            token=idempotency_key,
            created_by=person,
            now=now,
        )
        registering.register(live_test=made, registered_by=person, now=now)
        if asked.start:
            running.start(live_test=made, actor=person, now=now)
        return 201, whole(get_live_test(asked.key), request)

    return once(request, key=idempotency_key, effect=effect)


@router.get("/live-tests/{key}", auth=Needs(Scope.READ), response=LiveTestWhole, summary="One live test")
def one_live_test(request: HttpRequest, key: Key) -> dict[str, Any]:
    """With its plan as registered, and what was changed since."""
    return whole(get_live_test(key), request)


@router.post(
    "/live-tests/{key}/steps/{step}", auth=Needs(Scope.LIVE), response=LiveTestWhole, summary="Step a live test"
)
def step_live_test(
    request: HttpRequest, key: Key, step: Step, said: StepSaid | None = None, idempotency_key: UUID = KEY
) -> HttpResponse:
    """register, start, ramp, stop, open early (by a lead), extend, add_metric, note. Each counts once, by its key."""
    live_test, split = get_live_test(key), said.split if said else None
    if (split is not None) != (step == Step.RAMP):
        words = "Say which split." if step == Step.RAMP else "Only ramp takes a split."
        raise ValidationError([{"loc": ("body", "said", "split"), "msg": words}])

    def effect() -> tuple[int, dict[str, Any]]:
        stepping.take(
            live_test=live_test,
            step=step.value,
            token=idempotency_key,
            reason=said.reason if said else "",
            split=split,
            n_per_arm=said.n_per_arm if said else None,
            days=said.days if said else None,
            metric=said.metric if said else None,
            actor=token_of(request).created_by,
            now=timezone.now(),
        )
        return 200, whole(get_live_test(key), request)

    return once(request, key=idempotency_key, effect=effect)
