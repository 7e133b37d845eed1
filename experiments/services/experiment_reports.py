"""Everything known about an experiment as one plain structure, computed from the judgments as they are now."""

from typing import Any

from annotations.models import Campaign
from experiments.models import Experiment
from experiments.reports.progress import progress_of
from experiments.services import results


def experiment_report(experiment: Experiment) -> dict[str, Any]:
    campaigns = results.judged_campaigns(experiment)
    report, revealed = results.pooled_report(campaigns)
    found: dict[str, Any] = {
        "experiment": {
            "id": experiment.pk,
            "name": experiment.name,
            "baseline": str(experiment.baseline),
            "candidate": str(experiment.candidate),
        },
        "human": report.to_dict(),
    }
    if not revealed:
        found["hidden_because"] = hidden_because(campaigns)
    return found


def hidden_because(campaigns: list[Campaign]) -> str:
    if not campaigns:
        return "no campaign has been opened"
    progress = progress_of(campaigns).values()
    counted, planned = sum(one.counted for one in progress), sum(one.planned or 0 for one in progress)
    return (
        f"hidden until the registered {planned:,} judgments are in ({counted:,} so far), "
        "a registered sequential rule stops or a lead unblinds"
    )
