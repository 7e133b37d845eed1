"""Published solutions of grade-school maths through the whole path: set, outputs, scores, without one call."""

from io import StringIO
from pathlib import Path

import orjson
import pytest
from django.core.management import call_command
from statsmodels.stats.proportion import proportion_confint

from experiments.models import BenchmarkRun, EvalSet, RunScorer
from tests.real_data import real_data
from tests.scoring.outputs import jsonl

PUBLISHED = {"6b_finetuning": 286, "6b_verification": 515, "175b_finetuning": 458, "175b_verification": 742}
SCORERS = '[{"scorer": "numeric_match", "primary": true}]'


@pytest.mark.real_data
@pytest.mark.django_db(transaction=True)
def test_four_models_score_as_published(tmp_path: Path) -> None:
    lines = (real_data("gsm8k") / "example_model_solutions.jsonl").read_bytes().splitlines()
    rows = [orjson.loads(line) for line in lines]
    cases = tmp_path / "gsm8k.jsonl"
    cases.write_bytes(
        jsonl([{"id": n, "question": row["question"], "target": row["ground_truth"]} for n, row in enumerate(rows)])
    )
    call_command("import_eval_set", str(cases), "--scorers", SCORERS, stdout=StringIO(), stderr=StringIO())
    assert EvalSet.objects.get(name="gsm8k").n_cases == 1319
    for model, correct in PUBLISHED.items():
        file = tmp_path / f"{model}.jsonl"
        file.write_bytes(jsonl([{"id": n, "text": row[model]["solution"]} for n, row in enumerate(rows)]))
        out = StringIO()
        call_command(
            "import_outputs", str(file), "--eval-set", "gsm8k", "--model", model, stdout=out, stderr=StringIO()
        )
        assert f"{correct} of 1,319 passed" in out.getvalue()
    scored = RunScorer.objects.filter(run__status=BenchmarkRun.Status.DONE, scorer="numeric_match")
    told = {one.run.model_version.name: one.n_passed for one in scored.select_related("run__model_version")}
    assert told == PUBLISHED
    best = scored.get(run__model_version__name="175b_verification").summary["overall"]
    assert (best["ci_low"], best["ci_high"]) == pytest.approx(proportion_confint(742, 1319, method="wilson"))
