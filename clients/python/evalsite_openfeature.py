"""Evalsite as a provider for OpenFeature (openfeature-sdk): a flag is a live test, its variants are the arms.

    from openfeature import api
    from evalsite_client import Evalsite
    from evalsite_openfeature import EvalsiteProvider

    evalsite = Evalsite("https://evalsite.example.org", token="evs_...")
    api.set_provider(EvalsiteProvider(evalsite, variants={"support-bot": {"control": "v1", "treatment": "v2"}}))
    model = api.get_client().get_string_value("support-bot", "v1", EvaluationContext(targeting_key=user.id))

A boolean flag is true in treatment. Any other type takes its value from `variants`; a string without variants is the
name of the arm. Evaluating a flag tells the exposure of its unit, the targeting key. `track` sends an event to the
test named in its attribute "experiment", or else to every test that this unit's flags were evaluated for.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Mapping, TypeVar

from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import FlagNotFoundError, ProviderNotReadyError, TargetingKeyMissingError, TypeMismatchError
from openfeature.flag_evaluation import FlagResolutionDetails, Reason
from openfeature.provider import AbstractProvider, Metadata
from openfeature.track import TrackingEventDetails

from evalsite_client import CONTROL, TREATMENT, Evalsite, EvalsiteError

NOT_FOUND = 404
MOST_REMEMBERED = 10_000
T = TypeVar("T")


class EvalsiteProvider(AbstractProvider):
    """variants: per live test the value of each arm. The client is closed with the provider."""

    def __init__(self, client: Evalsite, *, variants: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        super().__init__()
        self.client = client
        self.variants = {key: dict(values) for key, values in (variants or {}).items()}
        self.evaluated: OrderedDict[str, set[str]] = OrderedDict()

    def get_metadata(self) -> Metadata:
        return Metadata(name="Evalsite")

    def shutdown(self) -> None:
        self.client.close()

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        return self.resolve(flag_key, bool, evaluation_context)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        return self.resolve(flag_key, str, evaluation_context)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        return self.resolve(flag_key, int, evaluation_context)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        return self.resolve(flag_key, float, evaluation_context)

    def resolve_object_details(
        self, flag_key: str, default_value: Any, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[Any]:
        return self.resolve(flag_key, object, evaluation_context)

    def resolve(self, flag_key: str, kind: type[T], context: EvaluationContext | None) -> FlagResolutionDetails[T]:
        """The SDK gives the default for the errors raised here."""
        unit = context.targeting_key if context else None
        if not unit:
            raise TargetingKeyMissingError("the targeting key is the unit: set it in the evaluation context")
        try:
            plan = self.client.plan(flag_key)
        except EvalsiteError as error:
            if error.status == NOT_FOUND:
                raise FlagNotFoundError(str(error)) from None
            raise ProviderNotReadyError(str(error)) from None
        # Of both arms first: a unit that is shown the default after all was not exposed, whichever arm it is in.
        values = {arm: self.value(flag_key, arm, kind) for arm in (CONTROL, TREATMENT)}
        arm = self.client.arm(flag_key, unit, context.attributes if context else None)
        if plan.running:
            self.remember(unit, flag_key)
        return FlagResolutionDetails(
            value=values[arm],
            variant=arm,
            reason=Reason.SPLIT if plan.running else Reason.DISABLED,
            flag_metadata={"plan_sha256": plan.sha256},
        )

    def value(self, flag_key: str, arm: str, kind: type[T]) -> T:
        values = self.variants.get(flag_key)
        found: Any
        if values is not None and arm in values:
            found = values[arm]
        elif kind is bool:
            found = arm == TREATMENT
        elif kind is str:
            found = arm
        else:
            raise TypeMismatchError(f"no value is given for {arm} of {flag_key}: name it in `variants`")
        if kind is float and type(found) is int:
            found = float(found)
        fits = isinstance(found, (dict, list)) if kind is object else type(found) is kind
        if not fits:
            raise TypeMismatchError(f"the value of {arm} of {flag_key} is a {type(found).__name__}")
        return found  # type: ignore[no-any-return]

    def remember(self, unit: str, flag_key: str) -> None:
        self.evaluated.setdefault(unit, set()).add(flag_key)
        if len(self.evaluated) > MOST_REMEMBERED:
            self.evaluated.popitem(last=False)

    def track(
        self,
        tracking_event_name: str,
        evaluation_context: EvaluationContext | None = None,
        tracking_event_details: TrackingEventDetails | None = None,
    ) -> None:
        unit = evaluation_context.targeting_key if evaluation_context else None
        if not unit:
            return
        value = tracking_event_details.value if tracking_event_details else None
        attributes = dict(tracking_event_details.attributes) if tracking_event_details else {}
        named = attributes.pop("experiment", None)
        for key in [str(named)] if named else sorted(self.evaluated.get(unit, ())):
            self.client.track(key, unit, tracking_event_name, value=value, properties=attributes or None)
