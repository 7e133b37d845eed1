"""A new experiment: two model versions, and the first suite they are compared on."""

from django import forms

from experiments.models import EvalSet, ModelVersion, SuiteRole


class NewExperimentForm(forms.Form):
    name = forms.CharField(max_length=200, help_text="What is decided here, as your team calls it.")
    baseline = forms.ModelChoiceField(
        ModelVersion.objects.order_by("name", "-created_at"), label="Baseline", empty_label="choose a model version"
    )
    candidate = forms.ModelChoiceField(
        ModelVersion.objects.order_by("name", "-created_at"),
        label="Candidate",
        empty_label="choose a model version",
        help_text="Also the same model with another prompt.",
    )
    eval_set = forms.ModelChoiceField(
        EvalSet.objects.order_by("name", "-version"),
        label="First suite",
        required=False,
        empty_label="none yet",
        help_text="Both are run and compared on its cases. More can be added from an eval set’s page.",
    )
    role = forms.ChoiceField(
        label="What the suite is for", choices=SuiteRole.choices, initial=SuiteRole.TARGET, required=False
    )
