"""What is chosen for a file of judgments: columns and the experiment they are about; and why it may be refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from experiments.importers import judgments
from experiments.models import Experiment, FileImport, JudgmentImport
from experiments.services.file_imports.shapes import Columns, ImportRefused


@dataclass(frozen=True)
class JudgmentOptions:
    mapping: dict[str, str] = field(default_factory=dict)
    experiment: int | None = None


def columns(names: Sequence[str], options: JudgmentOptions) -> Columns:
    found = judgments.columns(names, chosen=options.mapping)
    asked = [] if options.experiment else ["experiment"]
    return Columns({**found.by_field, "criteria": found.criteria}, [*found.missing(), *asked])


def typed(mapping: Mapping[str, Any]) -> judgments.Columns:
    by_field = {name: column for name, column in mapping.items() if name != "criteria"}
    return judgments.Columns(by_field, mapping.get("criteria", {}))


def columns_of(file_import: FileImport) -> judgments.Columns:
    """As the dry run used them."""
    return typed((file_import.findings or {}).get("mapping", {}))


def chosen_experiment(options: JudgmentOptions) -> Experiment:
    experiments = Experiment.objects.select_related("baseline", "candidate")
    found = experiments.filter(pk=options.experiment or 0).first()
    if found is None:
        raise ImportRefused("Choose the experiment whose pairs were judged.")
    return found


def refuse(file_import: FileImport, options: JudgmentOptions) -> None:
    experiment = chosen_experiment(options)
    if known := imported_before(experiment, file_import.upload.sha256):
        raise ImportRefused(
            f"The same bytes were imported into {experiment.name!r} before: they are the campaign "
            f"“{known.campaign.title}”. Judgments count once."
        )


def imported_before(experiment: Experiment, sha256: str) -> JudgmentImport | None:
    return JudgmentImport.objects.filter(experiment=experiment, sha256=sha256).select_related("campaign").first()


def identity(file_import: FileImport, options: JudgmentOptions) -> object:
    return {"experiment": options.experiment}
