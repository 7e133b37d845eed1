"""Which arm a unit gets: asked for here, or computed by the client from the routing that is told here."""

from datetime import datetime
from typing import Annotated, Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Field, Router, Schema
from pydantic import ConfigDict, model_validator

from experiments.api.bodies import Body
from experiments.api.security import Needs, Scope, spend_events, token_of
from experiments.services.live_traffic import assigning
from experiments.services.live_traffic.assigning import MOST_UNITS
from experiments.services.live_traffic.running_tests import RunningTest

router = Router(tags=["Live tests"])
KEY_PATTERN = r"^[-a-zA-Z0-9_]+$"
Key = Annotated[str, Field(min_length=1, max_length=100, pattern=KEY_PATTERN)]
Unit = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Whole = Annotated[int, Field(ge=-(2**53), le=2**53)]
Attribute = Annotated[str, Field(max_length=100)] | bool | Whole | Annotated[float, Field(allow_inf_nan=False)] | None
ONE_OR_MANY = "Send unit_id, or unit_ids for several."


class Asked(Body):
    model_config = ConfigDict(extra="forbid")

    experiment: Key = Field(description="key of the live test")
    unit_id: Unit | None = None
    unit_ids: list[Unit] | None = Field(None, min_length=1, max_length=MOST_UNITS)
    attributes: dict[Annotated[str, Field(max_length=40)], Attribute] = Field(
        {}, max_length=50, description="of the units; kept are those that the plan names as segments"
    )

    @model_validator(mode="after")
    def one_or_many(self) -> "Asked":
        if (self.unit_id is None) == (self.unit_ids is None):
            raise ValueError(ONE_OR_MANY)
        return self

    @property
    def units(self) -> list[str]:
        return [self.unit_id] if self.unit_id is not None else self.unit_ids or []


class Assignment(Schema):
    unit_id: str
    arm: str = Field(description="control or treatment")
    bucket: int
    exposed_at: datetime | None = Field(description="since when the unit is in this arm; null where it is not stored")


class Assignments(Schema):
    experiment: str
    running: bool = Field(description="false: everybody gets control, and nothing is stored")
    plan_sha256: str
    assignments: list[Assignment] = Field(description="in the order asked")


class Rule(Schema):
    version: int
    salt: str
    buckets: int
    split: float = Field(description="share of treatment now; it is only ever raised")


class RoutingPlan(Schema):
    experiment: str
    running: bool
    status: str
    unit: str = Field(description="what a unit is, such as user")
    routing: Rule
    segments: list[str] = Field(description="attributes worth sending with an exposure")
    plan_sha256: str
    started_at: datetime | None


@router.post("/assign", auth=Needs(Scope.EVENTS), response=Assignments, summary="Ask for arms")
def assign(request: HttpRequest, asked: Asked) -> HttpResponse:
    """The first answer for a unit is stored as its exposure and stays, also when the split is raised later."""
    test, now = assigning.known_test(asked.experiment), timezone.now()
    spend_events(token_of(request), n=len(asked.units) - 1, now=now)
    found = assigning.assign(test=test, unit_ids=asked.units, attributes=asked.attributes, now=now)
    said = {"experiment": test.key, "running": test.runs, "plan_sha256": test.plan_sha256, "assignments": found}
    # As it is: reading a thousand answers again to see whether they fit costs more than finding them.
    return HttpResponse(orjson.dumps(said), content_type="application/json")


@router.get(
    "/live-tests/{key}/plan", auth=Needs(Scope.EVENTS), response=RoutingPlan, summary="What an offline client needs"
)
def routing_plan(request: HttpRequest, key: Key) -> dict[str, Any]:
    """Enough to compute arms, and no more: neither models nor metrics are told to a client."""
    return shown_plan(assigning.known_test(key))


def shown_plan(test: RunningTest) -> dict[str, Any]:
    rule = test.plan.routing
    return {
        "experiment": test.key,
        "running": test.runs,
        "status": test.status,
        "unit": test.plan.unit,
        "routing": {"version": rule.version, "salt": rule.salt, "buckets": rule.buckets, "split": test.split},
        "segments": list(test.plan.segments),
        "plan_sha256": test.plan_sha256,
        "started_at": test.started_at,
    }
