"""A pipeline asked for, of an experiment or of the next one."""

from typing import Any
from uuid import uuid4

from django import forms

from experiments.models import Experiment, ModelVersion


class StartForm(forms.Form):
    token = forms.UUIDField(initial=uuid4, widget=forms.HiddenInput)


class FollowForm(StartForm):
    candidate = forms.ModelChoiceField(
        ModelVersion.objects.none(), label="New candidate", empty_label="choose a model version"
    )

    def __init__(self, *args: Any, experiment: Experiment, **rest: Any) -> None:
        # The page has another form with such a token.
        super().__init__(*args, **{"auto_id": "follow_%s", **rest})
        others = ModelVersion.objects.exclude(pk__in=[experiment.baseline_id, experiment.candidate_id])
        self.fields["candidate"].queryset = others.order_by("-created_at", "-pk")  # type: ignore[attr-defined]
