"""`manage.py report`: every figure with its uncertainty, the direction only when it may be told."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from annotations.models import Seat
from experiments.models import Experiment
from tests.factories.experiments_ import make_experiment
from tests.factories.results_ import judge_arms, make_judged_campaign, make_open_campaign
from tests.real_data import real_data

pytestmark = pytest.mark.django_db


def report(experiment: Experiment, output: str = "json") -> str:
    out = StringIO()
    call_command("report", experiment.name, format=output, stdout=out)
    return out.getvalue()


def human(experiment: Experiment) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(report(experiment))["human"]
    return found


def test_the_report_has_outcomes_estimates_and_agreement() -> None:
    experiment = make_experiment(n_cases=6)
    make_judged_campaign(experiment=experiment, winners=["candidate", "candidate", "baseline"])

    found = human(experiment)

    assert set(found["outcomes"]) == set(found["majority"]) == {"baseline", "candidate", "tie", "both_bad"}
    for name in ("win_rate", "position_bias"):
        assert {"estimate", "ci_low", "ci_high", "p_value", "n", "method", "warnings"} <= found[name].keys()
    kappa = found["agreement"]["cohen_kappa"][0]
    assert {"reviewers", "estimate", "ci_low", "ci_high", "n"} <= kappa.keys()
    assert len(kappa["reviewers"]) == 2
    assert {"percent", "krippendorff_alpha", "gwet_ac1"} <= found["agreement"].keys()


def test_the_direction_is_left_out_while_it_is_hidden() -> None:
    experiment = make_experiment(n_cases=4)
    campaign = make_open_campaign(experiment=experiment)
    judge_arms(Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer")[0], ["candidate"])

    found = human(experiment)

    assert found["direction_hidden"]
    assert not {"outcomes", "majority", "win_rate"} & found.keys()
    assert "hidden until the registered 8 judgments are in (4 so far)" in report(experiment, "text")


def test_the_text_names_every_figure_with_its_n() -> None:
    experiment = make_experiment(n_cases=6)
    make_judged_campaign(experiment=experiment, winners=["candidate", "baseline"])
    text = report(experiment, "text")
    assert "win rate of the candidate" in text
    assert "n 12" in text
    assert "Krippendorff's alpha" in text


def test_an_experiment_without_a_campaign_has_a_report_too() -> None:
    experiment = make_experiment()
    assert human(experiment)["n"] == 0
    assert "no campaign has been opened" in report(experiment, "text")


def test_an_unknown_experiment_is_named() -> None:
    with pytest.raises(CommandError, match="no experiment 'nothing'"):
        call_command("report", "nothing")


def import_pairs(path: Path, experiment: str) -> None:
    call_command(
        "import_pairs", str(path), baseline="response1", candidate="response2", baseline_name="first",
        candidate_name="second", experiment=experiment, stdout=StringIO(), stderr=StringIO(),
    )  # fmt: skip


def import_judgments(path: Path, experiment: str) -> None:
    call_command("import_judgments", str(path), experiment=experiment, stdout=StringIO())


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.real_data
def test_pandalm_gives_its_published_kappas_and_majorities(tmp_path: Path) -> None:
    source = json.loads((real_data("pandalm") / "visible_idx_lt_500.json").read_text())
    pairs = [
        {"id": one["idx"], "prompt": f"{one['instruction']}\n\n{one['input']}", **responses(one)} for one in source
    ]
    names = ("tie", "baseline", "candidate")
    judgments = [
        {"id": one["idx"], "reviewer": who, "choice": names[one[who]]}
        for one in source
        for who in ("annotator1", "annotator2", "annotator3")
    ]
    import_pairs(write(tmp_path / "pairs.jsonl", pairs), "pandalm")
    import_judgments(write(tmp_path / "judgments.jsonl", judgments), "pandalm")

    found = human(Experiment.objects.get(name="pandalm"))

    kappas = {tuple(pair["reviewers"]): pair for pair in found["agreement"]["cohen_kappa"]}
    expected = {("annotator1", "annotator2"): 0.8187, ("annotator1", "annotator3"): 0.8495}
    expected[("annotator2", "annotator3")] = 0.8428
    assert {names: round(pair["estimate"], 4) for names, pair in kappas.items()} == expected
    assert {pair["n"] for pair in kappas.values()} == {500}
    assert found["majority"] == {"baseline": 207, "candidate": 209, "tie": 84, "both_bad": 0}


def responses(one: dict[str, Any]) -> dict[str, str]:
    return {"response1": one["response1"], "response2": one["response2"]}


@pytest.mark.real_data
def test_llmfao_shows_its_position_bias_and_alpha(tmp_path: Path) -> None:
    folder = real_data("llmfao")
    source = [json.loads(line) for line in (folder / "pairs-crowd.jsonl").read_text().splitlines()]
    pairs = [
        {"id": one["id"], "prompt": one["text"], "response1": one["result_x"] or "", "response2": one["result_y"] or ""}
        for one in source
    ]
    import_pairs(write(tmp_path / "pairs.jsonl", pairs), "llmfao")
    header, *rows = (line.split(",") for line in (folder / "crowd-comparisons.csv").read_text().splitlines())
    votes = [dict(zip(header, row, strict=False)) for row in rows]
    judgments = [
        {"id": vote["id"], "reviewer": vote["worker"], "choice": vote["winner"], "left_arm": "baseline"}
        for vote in votes
    ]
    import_judgments(write(tmp_path / "judgments.jsonl", judgments), "llmfao")

    found = human(Experiment.objects.get(name="llmfao"))

    assert found["n"] == 8931
    assert found["outcomes"] == {"baseline": 2911, "candidate": 2549, "tie": 3471, "both_bad": 0}
    assert round(found["position_bias"]["estimate"], 3) == 0.533
    assert found["position_bias"]["p_value"] < 0.001
    assert round(found["agreement"]["krippendorff_alpha"]["estimate"], 5) == 0.29060
    assert found["n_reviewers"] == 124
