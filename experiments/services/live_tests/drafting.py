"""A live test before it is registered: its plan can still be changed, and nobody was routed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from evalsite.platform import audit
from evalsite.platform.models import User
from experiments.live_plan import Plan, PlanRefused, Problem
from experiments.models import Experiment, LiveTest, ModelVersion

# Said by the test itself; a draft cannot say them otherwise.
OWN_FIELDS = ("key", "control_id", "control_name", "treatment_id", "treatment_name")
LONGEST_NAME = 200
# Pages beside those of single tests.
RESERVED_KEYS = ("new", "refused")
# Worked out anew whenever a draft is read.
COMPUTED_FIELDS = ("n_computed", "formula")


class TestRefused(Exception):
    """This cannot be done with the live test now, for a reason a user can read."""

    __test__ = False


class OtherTest(TestRefused):
    """The key, or the id of the form, was used before for something else."""


def create(
    *,
    name: str,
    key: str,
    control: ModelVersion,
    treatment: ModelVersion,
    draft: Mapping[str, Any],
    experiment: Experiment | None = None,
    token: UUID,
    created_by: User | None,
    now: datetime,
) -> LiveTest:
    """A draft whose plan can be registered as it stands. The same token again gives the test it made.

    Raises PlanRefused with every problem by field, OtherTest for a key or token in use.
    """
    wanted = LiveTest(
        key=key,
        name=name,
        control=control,
        treatment=treatment,
        experiment=experiment,
        draft=dict(draft),
        token=token,
        created_by=created_by,
        created_at=now,
    )
    plan = plan_of_draft(wanted)
    wanted.draft, wanted.split = draft_of(plan), plan.routing.split
    if earlier := made_before(wanted):
        return earlier
    try:
        with transaction.atomic():
            wanted.save(force_insert=True)
            details = {"name": name, "control": control.name, "treatment": treatment.name}
            audit.record(actor=created_by, action="live_test.drafted", subject=key, details=details, now=now)
    except IntegrityError:
        # The other copy of this form was a moment faster, or the key is taken.
        if earlier := made_before(wanted):
            return earlier
        raise
    return wanted


def made_before(wanted: LiveTest) -> LiveTest | None:
    earlier = LiveTest.objects.filter(token=wanted.token).first()
    if earlier is None:
        if LiveTest.objects.filter(key=wanted.key).exists():
            raise OtherTest(f"There is a live test with the key {wanted.key} already. Choose another key.")
        return None
    fields = ("key", "name", "control_id", "treatment_id", "experiment_id", "draft")
    if any(getattr(earlier, field) != getattr(wanted, field) for field in fields):
        raise OtherTest("Another live test was made under this id. Load the form again.")
    return earlier


@transaction.atomic
def change(
    *,
    live_test: LiveTest,
    name: str,
    key: str,
    control: ModelVersion,
    treatment: ModelVersion,
    draft: Mapping[str, Any],
    experiment: Experiment | None = None,
    changed_by: User | None,
    now: datetime,
) -> LiveTest:
    held = drafted(live_test)
    if LiveTest.objects.filter(key=key).exclude(pk=held.pk).exists():
        raise OtherTest(f"There is a live test with the key {key} already. Choose another key.")
    held.name, held.key, held.control, held.treatment = name, key, control, treatment
    held.experiment, held.draft = experiment, dict(draft)
    plan = plan_of_draft(held)
    held.draft, held.split = draft_of(plan), plan.routing.split
    try:
        with transaction.atomic():
            held.save(update_fields=["name", "key", "control", "treatment", "experiment", "draft", "split"])
    except IntegrityError:
        raise OtherTest(f"There is a live test with the key {key} already. Choose another key.") from None
    audit.record(actor=changed_by, action="live_test.changed", subject=key, details={"name": name}, now=now)
    return held


@transaction.atomic
def discard(*, live_test: LiveTest, discarded_by: User | None, now: datetime) -> None:
    held = drafted(live_test)
    details = {"name": held.name}
    audit.record(actor=discarded_by, action="live_test.discarded", subject=held.key, details=details, now=now)
    held.delete()


def drafted(live_test: LiveTest) -> LiveTest:
    held = LiveTest.objects.select_for_update(of=("self",)).get(pk=live_test.pk)
    if held.status != LiveTest.Status.DRAFT:
        raise TestRefused("This live test is registered: its plan stays as it is, on record.")
    return held


def plan_of_draft(live_test: LiveTest) -> Plan:
    """The plan that registering would keep. Raises PlanRefused, also where the arms do not fit the experiment."""
    said = {name: value for name, value in live_test.draft.items() if name not in (*OWN_FIELDS, *COMPUTED_FIELDS)}
    control, treatment = live_test.control, live_test.treatment
    problems: list[Problem] = []
    if experiment := live_test.experiment:
        problems += misfits(experiment, control, treatment)
    if not 0 < len(live_test.name.strip()) <= LONGEST_NAME or "\0" in live_test.name:
        problems.append(Problem(field="name", reason=f"must be 1 to {LONGEST_NAME} characters"))
    if live_test.key in RESERVED_KEYS:
        problems.append(Problem(field="key", reason=f"“{live_test.key}” is the name of a page: choose another"))
    raw = said | {
        "key": live_test.key,
        "control_id": control.pk,
        "control_name": str(control)[:200],
        "treatment_id": treatment.pk,
        "treatment_name": str(treatment)[:200],
    }
    try:
        plan = Plan.from_dict(raw)
    except PlanRefused as refusal:
        raise PlanRefused((*problems, *refusal.problems)) from None
    if problems:
        raise PlanRefused(tuple(problems))
    return plan


def misfits(experiment: Experiment, control: ModelVersion, treatment: ModelVersion) -> list[Problem]:
    problems = []
    if experiment.baseline_id != control.pk:
        problems.append(Problem(field="control_id", reason=f"the baseline of {experiment} is {experiment.baseline}"))
    if experiment.candidate_id != treatment.pk:
        problems.append(
            Problem(field="treatment_id", reason=f"the candidate of {experiment} is {experiment.candidate}")
        )
    return problems


def draft_of(plan: Plan) -> dict[str, Any]:
    """What a draft keeps: all but what the test says itself and what is worked out."""
    return {name: value for name, value in plan.to_dict().items() if name not in (*OWN_FIELDS, *COMPUTED_FIELDS)}
