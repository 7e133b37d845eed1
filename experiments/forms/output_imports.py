"""What a person says about a file of one model's outputs."""

from typing import Any, ClassVar

from django import forms

from experiments.forms.imports import ImportOptionsForm, NewImportForm
from experiments.models import EvalSet
from experiments.services.file_imports.output_options import OutputOptions


class EvalSetField(forms.ModelChoiceField):  # type: ignore[type-arg]  # it cannot be subscripted at run time
    def __init__(self, **options: Any) -> None:
        newest = EvalSet.objects.order_by("-created_at", "-pk")
        super().__init__(newest, label="Eval set that they answer", empty_label="choose a set", **options)

    def label_from_instance(self, obj: EvalSet) -> str:
        return f"{obj}, {obj.n_cases:,} cases"


class NewOutputsForm(NewImportForm):
    eval_set = EvalSetField()
    model = forms.CharField(
        label="Name of the model", max_length=200, help_text="Its results stand under this name, with a version."
    )

    field_order = ("eval_set", "model", "file")

    def options(self) -> OutputOptions:
        return OutputOptions(eval_set=self.cleaned_data["eval_set"].pk, model=self.cleaned_data["model"])


class OutputOptionsForm(ImportOptionsForm):
    COLUMNS: ClassVar = {
        "id": ("Id", "that of the case in the eval set"),
        "text": ("Answer", "text, or chat messages of which the last is the answer"),
        "tool_calls": ("Tool calls", "a list as the chat protocol gives it"),
        "latency_ms": ("Latency in milliseconds", ""),
        "input_tokens": ("Tokens in", ""),
        "output_tokens": ("Tokens out", ""),
        "finish_reason": ("Finish reason", "“length” and “content_filter” count as errors"),
        "error": ("Error", "why there is no answer, such as timeout"),
        "logprobs_sum": ("Sum of log-probabilities", "natural logarithm, over the answer’s tokens"),
        "logprobs_n": ("Number of log-probabilities", ""),
    }
    NEEDED = ("eval_set", "model")
    NAMES = (*NEEDED, "version", "score")

    eval_set = EvalSetField()
    model = forms.CharField(label="Name of the model", max_length=200)
    version = forms.CharField(
        label="Version", max_length=50, required=False, help_text="Empty: the next that has no outputs for this set."
    )
    score = forms.BooleanField(label="Score them at once", required=False)

    def options(self) -> OutputOptions:
        chosen = self.cleaned_data
        eval_set = chosen["eval_set"]
        return OutputOptions(
            mapping=self.mapping(),
            eval_set=eval_set.pk if eval_set else None,
            model=chosen["model"],
            version=chosen["version"],
            score=chosen["score"],
        )
