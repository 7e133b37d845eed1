"""Exports: streamed, lossless as JSON lines, harmless in a spreadsheet, and nothing while the direction is hidden."""

import csv
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from annotations.models import Assignment, Campaign, Seat
from evalsite.platform.models import AuditEntry
from experiments.models import Experiment, JudgmentImport
from experiments.reports.exports.spreadsheets import neutralised
from tests.factories.annotations_ import make_reviewer
from tests.factories.platform_ import NOW
from tests.factories.results_ import (
    judge_arms,
    make_judged_campaign,
    make_lead,
    make_open_campaign,
    make_paired_experiment,
)

pytestmark = pytest.mark.django_db

FORMULA = '=HYPERLINK("http://example.org","x")'


@pytest.fixture
def lead(client: Client) -> Client:
    client.force_login(make_lead())
    return client


def download(client: Client, campaign: Campaign, file: str) -> str:
    response = client.get(f"/campaigns/{campaign.uuid}/exports/{file}")
    assert response.status_code == 200
    assert response.streaming
    assert "attachment" in response.headers["Content-Disposition"]
    return bytes(response.getvalue()).decode()


def rows(client: Client, campaign: Campaign, table: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in download(client, campaign, f"{table}.jsonl").splitlines()]


def judged(**fields: Any) -> Campaign:
    experiment = make_paired_experiment(("base 1", "cand 1"), ("base 2", "cand 2"), name="Bot")
    values = {"winners": ["candidate"], "experiment": experiment}
    return make_judged_campaign(**{**values, **fields})


def test_judgments_tell_choice_side_and_winner(lead: Client) -> None:
    campaign = judged()
    found = rows(lead, campaign, "judgments")
    assert len(found) == 4
    for row in found:
        assert row["winner"] == "candidate"
        assert row["choice"] == ("a" if row["left_arm"] == "candidate" else "b")
        assert row["judged_at"].startswith("2026-03-02T09:00")
        assert row["surplus"] is False


def test_criteria_in_an_export_name_arms(lead: Client) -> None:
    campaign = make_open_campaign(experiment=make_paired_experiment(("a", "b")), reviewers_per_pair=1)
    seat = Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer")[0]
    judge_arms(seat, ["tie"], criteria={"safety": "a", "format": "tie"})
    [row] = rows(lead, campaign, "judgments")
    assert row["criteria"] == {"safety": row["left_arm"], "format": "tie"}


def test_battles_name_the_left_model_first(lead: Client) -> None:
    campaign = judged()
    plan_models = Experiment.objects.get(name="Bot")
    for row in rows(lead, campaign, "battles"):
        winner = row["model_a"] if row["winner"] == "model_a" else row["model_b"]
        assert winner == plan_models.candidate.name
        assert {row["model_a"], row["model_b"]} == {plan_models.baseline.name, plan_models.candidate.name}


@pytest.mark.parametrize(("winner", "written"), [("tie", "tie"), ("both_bad", "tie (bothbad)")])
def test_battles_write_ties_as_arenas_do(lead: Client, winner: str, written: str) -> None:
    found = rows(lead, judged(winners=[winner]), "battles")
    assert {row["winner"] for row in found} == {written}


def test_preferences_hold_the_majoritys_choice(lead: Client) -> None:
    found = rows(lead, judged(), "preferences")
    assert {(row["id"], row["chosen"], row["rejected"]) for row in found} == {
        ("1", "cand 1", "base 1"),
        ("2", "cand 2", "base 2"),
    }
    assert {(row["votes_chosen"], row["votes_rejected"]) for row in found} == {(2, 0)}


def test_pairs_without_a_majority_are_no_preferences(lead: Client) -> None:
    campaign = make_open_campaign(experiment=make_paired_experiment(("a", "b")))
    for seat, winner in zip(
        Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer"),
        ("candidate", "baseline"),
        strict=True,
    ):
        judge_arms(seat, [winner])
    assert rows(lead, campaign, "preferences") == []


def test_labels_are_task_worker_label(lead: Client) -> None:
    found = rows(lead, judged(winners=["baseline"]), "labels")
    assert {row["label"] for row in found} == {"baseline"}
    assert {row["task"] for row in found} == {"1", "2"}
    assert len({row["worker"] for row in found}) == 2


def test_surplus_judgments_are_marked_in_the_long_form_and_absent_elsewhere(lead: Client) -> None:
    campaign = judged()
    late = Assignment.objects.filter(campaign=campaign)[0]
    Assignment.objects.filter(pk=late.pk).update(surplus=True)
    assert sum(row["surplus"] for row in rows(lead, campaign, "judgments")) == 1
    assert len(rows(lead, campaign, "battles")) == len(rows(lead, campaign, "labels")) == 3


def test_csv_cells_that_a_spreadsheet_would_run_are_neutralised_and_json_is_not_changed(lead: Client) -> None:
    campaign = make_open_campaign(experiment=make_paired_experiment((FORMULA, "+1")), reviewers_per_pair=1)
    seat = Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer")[0]
    judge_arms(seat, ["baseline"], comment="@SUM(A1)")

    [preference] = csv.DictReader(StringIO(download(lead, campaign, "preferences.csv"), newline=""))
    assert (preference["chosen"], preference["rejected"]) == (f"'{FORMULA}", "'+1")
    [judgment] = csv.DictReader(StringIO(download(lead, campaign, "judgments.csv"), newline=""))
    assert judgment["comment"] == "'@SUM(A1)"
    [lossless] = rows(lead, campaign, "preferences")
    assert (lossless["chosen"], lossless["rejected"]) == (FORMULA, "+1")


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\tx", "\rx", "\nx", "＝1"])
def test_every_start_of_a_formula_is_known(text: str) -> None:
    assert neutralised(text) == f"'{text}"


def test_numbers_and_plain_text_stay_as_they_are() -> None:
    assert [neutralised(value) for value in (-1, 2.5, None, "plain", "a=b", "")] == [-1, 2.5, None, "plain", "a=b", ""]


@pytest.mark.parametrize("table", ["judgments", "battles", "preferences", "labels"])
def test_no_export_while_the_direction_is_hidden(lead: Client, table: str) -> None:
    campaign = make_open_campaign()
    response = lead.get(f"/campaigns/{campaign.uuid}/exports/{table}.csv", follow=True)
    assert "An export would tell it" in response.content.decode()
    with pytest.raises(CommandError, match="hidden"):
        call_command("export", Experiment.objects.get().name, table)


def test_exporting_is_audited(lead: Client) -> None:
    campaign = judged()
    download(lead, campaign, "labels.csv")
    assert AuditEntry.objects.get(action="campaign.exported").details["table"] == "labels"


@pytest.mark.parametrize("file", ["secrets.csv", "labels.xlsx", "labels"])
def test_an_unknown_export_is_not_found(lead: Client, file: str) -> None:
    assert lead.get(f"/campaigns/{judged().uuid}/exports/{file}").status_code == 404


def test_the_command_writes_the_same_bytes_as_the_page(lead: Client, tmp_path: Path) -> None:
    campaign = judged()
    out = StringIO()
    call_command("export", "Bot", "labels", "--format", "csv", stdout=out)
    assert out.getvalue() == download(lead, campaign, "labels.csv")
    target = tmp_path / "labels.csv"
    call_command("export", "Bot", "labels", "--format", "csv", "--campaign", str(campaign.uuid), output=target)
    assert target.read_bytes().decode() == out.getvalue()


def test_an_exported_campaign_comes_back_as_the_same_judgments(lead: Client, tmp_path: Path) -> None:
    campaign = judged(winners=["candidate", "tie"], reviewers=[make_reviewer(), make_reviewer()])
    path = tmp_path / "judgments.jsonl"
    path.write_text(download(lead, campaign, "judgments.jsonl"))
    call_command(
        "import_judgments", str(path), "--map", "id=question_id", "--map", "choice=winner", experiment="Bot",
        stdout=StringIO(),
    )  # fmt: skip
    again = JudgmentImport.objects.get().campaign
    kept = ("question_id", "winner", "left_arm", "choice")

    def told(one: Campaign) -> list[tuple[str, ...]]:
        return sorted(tuple(row[name] for name in kept) for row in rows(lead, one, "judgments"))

    assert told(again) == told(campaign)
    assert NOW.isoformat() in {row["judged_at"].replace("Z", "+00:00") for row in rows(lead, again, "judgments")}
