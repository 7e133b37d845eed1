"""Which two runs are compared."""

from itertools import groupby
from typing import Any

from django import forms

from experiments.models import BenchmarkRun

MOST_RUNS = 200
Choices = list[tuple[str, str | list[tuple[str, str]]]]


def finished_runs() -> list[BenchmarkRun]:
    """The latest, by set and then the newest first."""
    newest = BenchmarkRun.objects.finished().select_related("model_version", "eval_set")
    latest = newest.order_by("-finished_at", "-created_at")[:MOST_RUNS]
    return sorted(latest, key=lambda run: (run.eval_set.name, -run.eval_set.version))


def words(run: BenchmarkRun) -> str:
    ended = f"{run.finished_at:%d %b %Y %H:%M}" if run.finished_at else "not ended"
    return f"{run.model_version} · {ended}"


def choices(runs: list[BenchmarkRun]) -> Choices:
    """Runs of one set version stand together, since only those can be compared."""
    groups = groupby(runs, key=lambda run: str(run.eval_set))
    grouped: Choices = [(name, [(str(run.pk), words(run)) for run in group]) for name, group in groups]
    return [("", "choose a finished run"), *grouped]


class CompareForm(forms.Form):
    """Any two finished runs; whether they can be compared is the service's to say."""

    baseline = forms.ChoiceField(label="Baseline run")
    candidate = forms.ChoiceField(label="Candidate run", help_text="Of the same version of the same eval set.")

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        runs = finished_runs()
        self.runs = {str(run.pk): run for run in runs}
        self.fields["baseline"].choices = self.fields["candidate"].choices = choices(runs)  # type: ignore[attr-defined]

    def clean_baseline(self) -> BenchmarkRun:
        return self.runs[self.cleaned_data["baseline"]]

    def clean_candidate(self) -> BenchmarkRun:
        return self.runs[self.cleaned_data["candidate"]]
