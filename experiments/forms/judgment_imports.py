"""What a person says about a file of judgments."""

from typing import ClassVar

from django import forms

from experiments.forms.imports import ImportOptionsForm, NewImportForm
from experiments.models import Experiment
from experiments.services.file_imports.judgment_options import JudgmentOptions


def experiment_field() -> "forms.ModelChoiceField[Experiment]":
    newest = Experiment.objects.order_by("-created_at", "-pk")
    return forms.ModelChoiceField(newest, label="Experiment whose pairs were judged", empty_label="choose one")


class NewJudgmentsForm(NewImportForm):
    experiment = experiment_field()

    field_order = ("experiment", "file")

    def options(self) -> JudgmentOptions:
        return JudgmentOptions(experiment=self.cleaned_data["experiment"].pk)


class JudgmentOptionsForm(ImportOptionsForm):
    COLUMNS: ClassVar = {
        "id": ("Id", "that of the pair in the experiment"),
        "reviewer": ("Reviewer", "whoever judged: a name or a number"),
        "choice": ("Choice", "baseline, candidate, tie or both_bad; or left and right with the arm on the left"),
        "left_arm": ("Arm on the left", "baseline or candidate, in all rows or in none"),
        "comment": ("Comment", ""),
        "time": ("Time", "with its zone, or seconds since 1970"),
        "active_ms": ("Milliseconds it took", ""),
        "seconds": ("Seconds it took", ""),
    }
    NEEDED = ("experiment",)
    NAMES = NEEDED

    experiment = experiment_field()

    def options(self) -> JudgmentOptions:
        chosen = self.cleaned_data["experiment"]
        return JudgmentOptions(mapping=self.mapping(), experiment=chosen.pk if chosen else None)
