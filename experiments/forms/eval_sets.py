"""What a set is used for in an experiment."""

from typing import Any

from django import forms

from experiments.models import Experiment, SuiteRole


class UseSetForm(forms.Form):
    experiment = forms.ModelChoiceField(Experiment.objects.none(), label="Experiment", empty_label="choose one")
    role = forms.ChoiceField(label="What it is for", choices=SuiteRole.choices, initial=SuiteRole.GENERAL)
    margin = forms.FloatField(
        label="Margin in percent",
        min_value=0.1,
        max_value=99,
        initial=5,
        help_text="The largest regression that is still accepted.",
    )
    margin_is_relative = forms.ChoiceField(
        label="Margin counts",
        choices=[("", "percentage points"), ("yes", "as a share of the baseline’s rate")],
        required=False,
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        chosen = self.fields["experiment"]
        if isinstance(chosen, forms.ModelChoiceField):
            chosen.queryset = Experiment.objects.order_by("-created_at")
