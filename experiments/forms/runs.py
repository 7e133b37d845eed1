"""What a run needs: a set, a model version, its scorers, how many calls at once, and how much it may cost."""

from typing import Any
from uuid import uuid4

from django import forms
from django.db.models import Q, QuerySet

from experiments.forms.scorers import ScorersForm
from experiments.models import BenchmarkRun, EvalSet, Experiment, ModelVersion
from experiments.services.runs.starting import MOST_THREADS

MOST_CHOICES = 500


def runnable_models() -> "QuerySet[ModelVersion]":
    """Those that can be called, and those whose outputs were imported."""
    callable_or_imported = Q(endpoint=None) | Q(endpoint__archived_at=None)
    return ModelVersion.objects.filter(callable_or_imported).select_related("endpoint").order_by("name", "-created_at")


class ChooseRunForm(forms.Form):
    """What is run over what; the rest of the form depends on it."""

    eval_set = forms.ModelChoiceField(
        EvalSet.objects.order_by("name", "-version"), label="Eval set", empty_label="choose a set"
    )
    model = forms.ModelChoiceField(runnable_models(), label="Model version", empty_label="choose a model")
    experiment = forms.ModelChoiceField(Experiment.objects.all(), required=False, widget=forms.HiddenInput)


class NewRunForm(ScorersForm):
    """Scorers of the set are chosen beforehand."""

    token = forms.UUIDField(widget=forms.HiddenInput)
    threads = forms.IntegerField(
        label="Calls at once",
        min_value=1,
        max_value=MOST_THREADS,
        initial=8,
        help_text="By each of the workers on this run. The endpoint’s own limit holds for all of them together.",
    )
    budget = forms.DecimalField(
        label="Budget",
        required=False,
        min_value=0,
        max_digits=12,
        decimal_places=4,
        help_text="The run pauses when so much is spent, and goes on when you say so. Empty: no limit.",
    )

    def __init__(self, *args: Any, model_version: ModelVersion, **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.fields["token"].initial = uuid4
        endpoint = model_version.endpoint
        if endpoint is None:
            for name in ("threads", "budget"):
                self.fields[name].widget = forms.HiddenInput()
        else:
            self.fields["budget"].label = f"Budget in {endpoint.currency}"
            self.fields["threads"].initial = min(8, endpoint.max_concurrency)


class ResumeForm(forms.Form):
    """A budget is asked for only where the run has one."""

    budget = forms.DecimalField(label="New budget", required=False, min_value=0, max_digits=12, decimal_places=4)

    def __init__(self, *args: Any, run: BenchmarkRun, **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.fields["budget"].initial = run.budget
