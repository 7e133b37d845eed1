"""What a lead says with a step of a live test: a token, so that sending it twice is sending it once, and why."""

from typing import Any
from uuid import UUID, uuid4

from django import forms

from experiments.forms.live_metrics import ROLES, MetricForm
from experiments.forms.numbers import ShareField
from experiments.models import LiveTest

REASON: dict[str, Any] = {"max_length": 2_000, "widget": forms.Textarea(attrs={"rows": 2})}


class StepForm(forms.Form):
    """Register and start say nothing more."""

    token = forms.UUIDField(required=False, initial=uuid4, widget=forms.HiddenInput)

    def clean_token(self) -> UUID:
        """What is done once anyway, as starting, may be sent without one."""
        return self.cleaned_data["token"] or uuid4()


class RampForm(StepForm):
    split = ShareField(label="New share of treatment", help_text="As 30 %. It can only be raised.")
    reason = forms.CharField(label="Why raise it?", max_length=2_000)

    def __init__(self, *args: Any, live_test: LiveTest, **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.fields["split"].help_text = f"Now {100 * live_test.split:g} %. It can only be raised."


class StopForm(StepForm):
    reason = forms.CharField(
        label="Why stop?",
        help_text="Kept for ever, and shown beside the result.",
        **REASON,
    )


class OpenEarlyForm(StepForm):
    reason = forms.CharField(
        label="Why look now?",
        help_text="Kept for ever, and shown wherever the result is shown.",
        **REASON,
    )


class ExtendForm(StepForm):
    n_per_arm = forms.IntegerField(
        required=False, min_value=1, max_value=1_000_000_000, label="Units per arm", help_text="Empty: as planned."
    )
    days = forms.IntegerField(required=False, min_value=1, max_value=730, label="Days", help_text="Empty: as planned.")
    reason = forms.CharField(label="Why more?", help_text="Kept for ever, and shown beside the result.", **REASON)


class NoteForm(StepForm):
    reason = forms.CharField(
        label="What must a reader know?",
        help_text="An outage, a release, a holiday: kept for ever beside the result.",
        **REASON,
    )


class AddMetricForm(MetricForm, StepForm):
    """As in a plan, but neither primary nor with a covariate, of which nothing was kept."""

    role = forms.ChoiceField(choices=[one for one in ROLES if one[0] != "primary"], label="Role")
    covariate_event = covariate_field = covariate_days = None  # type: ignore[assignment]
    reason = forms.CharField(
        label="Why add it now?", help_text="Kept for ever, and shown beside the metric with this day.", **REASON
    )

    @property
    def has_more(self) -> bool:
        return any(self[name].errors or self[name].value() for name in ("field", "unit", "key"))

    def clean(self) -> dict[str, Any]:
        self.cleaned_data["covariate_event"] = ""
        if not self.errors:
            self.cleaned_data["metric"] = self.raw()
        return self.cleaned_data


def step_form(step: str, live_test: LiveTest, data: Any = None) -> StepForm:
    if step == "ramp":
        return RampForm(data, live_test=live_test, prefix=step)
    kinds: dict[str, type[StepForm]] = {
        "stop": StopForm,
        "open": OpenEarlyForm,
        "extend": ExtendForm,
        "note": NoteForm,
        "add_metric": AddMetricForm,
    }
    return kinds.get(step, StepForm)(data, prefix=step)
