"""Runs that an experiment still lacks: each suite over both models, started together."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from evalsite.platform.models import User
from experiments.models import BenchmarkRun, ExperimentSuite
from experiments.reports.comparisons.listing import suite_rows
from experiments.services.runs import starting


def start_missing(
    *, suite: ExperimentSuite, run_ids: Mapping[str, UUID], created_by: User | None, now: datetime
) -> list[BenchmarkRun]:
    """Of the arms that have no run which is done or on its way. run_ids: arm to the id its run gets, made by the form.

    Raises RunRefused or ScorersRefused, whose words a user can read.
    """
    experiment = suite.experiment
    models = {"baseline": experiment.baseline, "candidate": experiment.candidate}
    [row] = suite_rows(experiment, [suite])
    return [
        starting.start(
            run_id=run_ids[arm],
            model_version=models[arm],
            eval_set=suite.eval_set,
            experiment=experiment,
            created_by=created_by,
            now=now,
        )
        for arm in row.missing
    ]
