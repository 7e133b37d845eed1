"""What the list of experiments and the page of one say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models.fields.json import KT

from annotations.models import Campaign
from experiments.models import CampaignPlan, Experiment, ExperimentResult, LiveResult, LiveTest
from experiments.reports.progress import Progress, progress_of


@dataclass(frozen=True)
class CampaignRow:
    campaign: Campaign
    plan: CampaignPlan
    progress: Progress


@dataclass(frozen=True)
class ExperimentRow:
    experiment: Experiment
    campaigns: Sequence[CampaignRow]
    result: ExperimentResult | None

    @property
    def human(self) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self.result.payload["human"] if self.result else None
        return found

    @property
    def told(self) -> int:
        """Campaigns that may tell their direction."""
        return sum(row.progress.revealed for row in self.campaigns)

    @property
    def is_told(self) -> bool:
        return self.told > 0 and self.human is not None and not self.human["direction_hidden"]

    @property
    def counted(self) -> int:
        return sum(row.progress.counted for row in self.campaigns)

    @property
    def planned(self) -> int:
        return sum(row.progress.planned or 0 for row in self.campaigns)


def experiment_rows(experiments: Sequence[Experiment]) -> list[ExperimentRow]:
    plans = list(
        CampaignPlan.objects.filter(experiment__in=experiments).select_related("campaign").order_by("-campaign_id")
    )
    progress = progress_of([plan.campaign for plan in plans])
    results = {one.experiment_id: one for one in ExperimentResult.objects.filter(experiment__in=experiments)}
    return [
        ExperimentRow(
            experiment=experiment,
            campaigns=[
                CampaignRow(plan.campaign, plan, progress[plan.campaign_id])
                for plan in plans
                if plan.experiment_id == experiment.pk
            ],
            result=results.get(experiment.pk),
        )
        for experiment in experiments
    ]


LIVE_TAGS = {"registered": "waiting", "stopped": "closed"}


@dataclass(frozen=True)
class LiveTestRow:
    test: LiveTest
    headline: str

    @property
    def tag(self) -> str:
        return LIVE_TAGS.get(self.test.status, self.test.status)


def live_test_rows(experiment: Experiment) -> list[LiveTestRow]:
    """The newest first, each with what its result says, without reading the whole of it."""
    tests = LiveTest.objects.filter(experiment=experiment).order_by("-created_at").defer("draft")
    told = LiveResult.objects.filter(live_test__experiment=experiment)
    headlines = dict(told.values_list("live_test_id", KT("payload__headline")))
    return [LiveTestRow(one, headlines.get(one.pk) or "") for one in tests]
