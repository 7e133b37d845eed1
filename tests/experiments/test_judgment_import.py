"""Judgments collected elsewhere become a closed campaign: all of them or nothing, once."""

import csv
import json
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand
from django.test import Client

from annotations.models import Assignment, Campaign, ComparisonTask, Judgment, Seat
from evalsite.platform import jobs
from evalsite.platform.jobs import JobFailed
from evalsite.platform.models import AuditEntry, User
from experiments import tasks as handlers_of_jobs  # noqa: F401
from experiments.management import import_steps
from experiments.models import CampaignPlan, CampaignResult, Experiment, FileImport, JudgmentImport
from experiments.reports.human.votes import CANDIDATE
from experiments.reports.votes import read_votes
from experiments.services import imports, uploads
from experiments.services.file_imports.judgment_options import JudgmentOptions
from experiments.services.imported_judgments import rows
from tests.factories.annotations_ import make_reviewer
from tests.factories.experiments_ import make_eval_set, make_experiment, make_output
from tests.factories.platform_ import NOW, make_user

pytestmark = pytest.mark.django_db

THREE = [
    {"id": "1", "reviewer": "ann", "choice": "candidate"},
    {"id": "2", "reviewer": "ann", "choice": "baseline"},
    {"id": "1", "reviewer": "ben", "choice": "tie"},
]


def jsonl(folder: Path, rows: list[dict[str, Any]], name: str = "judgments.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def dry_run(path: Path, experiment: Experiment) -> FileImport:
    options = JudgmentOptions(experiment=experiment.pk)
    with path.open("rb") as file:
        upload = uploads.store(file=file, filename=path.name, created_by=None, now=NOW)
    begun = imports.begin(
        upload=upload, second_upload=None, options=options, created_by=None, now=NOW, kind=FileImport.Kind.JUDGMENTS
    )
    return ended(begun)


def ended(file_import: FileImport) -> FileImport:
    assert file_import.job is not None
    jobs.run(file_import.job.pk)
    return FileImport.objects.select_related("job", "upload").get(pk=file_import.pk)


def imported(path: Path, experiment: Experiment) -> JudgmentImport:
    checked = dry_run(path, experiment)
    assert not checked.n_errors, list(checked.problems.values_list("row", "reason"))
    options = JudgmentOptions(experiment=experiment.pk)
    done = ended(imports.start_commit(file_import=checked, options=options, actor=None, now=NOW))
    assert done.status == FileImport.Status.DONE, done.error
    return JudgmentImport.objects.select_related("campaign").get(sha256=done.upload.sha256)


def refused(path: Path, experiment: Experiment) -> list[tuple[int | None, str, str]]:
    checked = dry_run(path, experiment)
    assert checked.status == FileImport.Status.CHECKED
    with pytest.raises(imports.ImportRefused):
        imports.start_commit(
            file_import=checked, options=JudgmentOptions(experiment=experiment.pk), actor=None, now=NOW
        )
    assert not Campaign.objects.exists()
    assert not User.objects.exists()
    return list(checked.problems.order_by("id").values_list("row", "column", "kind"))


def test_a_file_becomes_a_closed_campaign_with_its_judgments(tmp_path: Path) -> None:
    campaign = imported(jsonl(tmp_path, THREE), make_experiment(n_cases=3)).campaign

    assert campaign.status == Campaign.Status.CLOSED
    assert campaign.n_tasks == 2
    assert (campaign.allow_tie, campaign.allow_both_bad) == (True, False)
    assert sorted(ComparisonTask.objects.values_list("needed", "taken", "judged")) == [(1, 1, 1), (2, 2, 2)]
    assert Assignment.objects.counted().count() == Judgment.objects.count() == 3
    assert dict(Seat.objects.values_list("reviewer__username", "done")) == {"ann": 2, "ben": 1}
    plan = CampaignPlan.objects.get(campaign=campaign)
    assert (plan.sampling, plan.planned_judgments) == ("imported", 3)
    assert AuditEntry.objects.filter(action="judgments.imported").exists()


def test_choices_by_arm_come_back_as_those_arms(tmp_path: Path) -> None:
    campaign = imported(jsonl(tmp_path, THREE), make_experiment(n_cases=3)).campaign
    votes = read_votes([campaign])
    found = {
        (votes.reviewers[reviewer], outcome)
        for reviewer, outcome in zip(votes.reviewer.tolist(), votes.outcome.tolist(), strict=True)
    }
    assert found == {("ann", CANDIDATE), ("ann", 0), ("ben", 2)}
    assert set(votes.side.tolist()) == {-1}


def test_left_and_right_are_read_through_the_left_arm_and_keep_their_side(tmp_path: Path) -> None:
    rows = [
        {"id": "1", "reviewer": "ann", "choice": "left", "left_arm": "candidate"},
        {"id": "2", "reviewer": "ann", "choice": "right", "left_arm": "candidate"},
        {"id": "3", "reviewer": "ann", "choice": "Left", "left_arm": "Baseline"},
    ]
    campaign = imported(jsonl(tmp_path, rows), make_experiment(n_cases=3)).campaign
    votes = read_votes([campaign])
    assert sorted(zip(votes.outcome.tolist(), votes.side.tolist(), strict=True)) == [(0, 0), (0, 1), (1, 1)]
    assert JudgmentImport.objects.get().sides_known


def test_criteria_comments_and_times_come_along(tmp_path: Path) -> None:
    rows = [
        {
            "id": "1", "reviewer": "ann", "choice": "tie", "comment": "Both fine.", "seconds": 12.5,
            "time": "2026-01-05T10:00:00+01:00", "criteria": {"safety": "candidate", "format": "tie"},
        }
    ]  # fmt: skip
    campaign = imported(jsonl(tmp_path, rows), make_experiment()).campaign
    judgment = Judgment.objects.get()
    assert (judgment.comment, judgment.active_ms) == ("Both fine.", 12_500)
    assert judgment.created_at.isoformat() == "2026-01-05T09:00:00+00:00"
    votes = read_votes([campaign])
    assert {key: answers.tolist() for key, answers in votes.criteria.items()} == {"format": [2], "safety": [1]}


def test_csv_with_criteria_columns_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "judgments.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["item_id", "worker", "winner", "criteria.safety"], ["1", "7", "tie", "baseline"]])
    campaign = imported(path, make_experiment()).campaign
    assert read_votes([campaign]).criteria["safety"].tolist() == [0]
    assert User.objects.get().username == "7"


def test_reviewers_of_a_file_cannot_log_in_and_take_nobodys_account(tmp_path: Path) -> None:
    make_reviewer(username="ann")
    campaign = imported(jsonl(tmp_path, THREE), make_experiment()).campaign
    names = set(Seat.objects.filter(campaign=campaign).values_list("reviewer__username", flat=True))
    assert names == {"ann (imported)", "ben"}
    assert not User.objects.filter(username__in=names, is_active=True).exists()


def test_the_same_bytes_make_nothing_new(tmp_path: Path) -> None:
    experiment = make_experiment()
    imported(jsonl(tmp_path, THREE), experiment)
    again = dry_run(jsonl(tmp_path, THREE, "renamed.jsonl"), experiment)
    options = JudgmentOptions(experiment=experiment.pk)
    first = imports.start_commit(file_import=again, options=options, actor=None, now=NOW)
    assert (first.pk == again.pk, first.status) == (False, FileImport.Status.DONE)
    assert Campaign.objects.count() == 1


def test_the_same_bytes_under_other_columns_are_refused(tmp_path: Path) -> None:
    experiment = make_experiment()
    rows = [{**row, "second": "tie"} for row in THREE]
    imported(jsonl(tmp_path, rows), experiment)
    options = JudgmentOptions(mapping={"choice": "second"}, experiment=experiment.pk)
    again = dry_run(jsonl(tmp_path, rows, "renamed.jsonl"), experiment)
    again = ended(imports.start_check(file_import=again, options=options, actor=None, now=NOW))
    with pytest.raises(imports.ImportRefused, match="Judgments count once"):
        imports.start_commit(file_import=again, options=options, actor=None, now=NOW)


def test_the_dry_run_tells_who_judged_and_keeps_nothing(tmp_path: Path) -> None:
    make_reviewer(username="ann")
    checked = dry_run(jsonl(tmp_path, THREE), make_experiment())
    told = (checked.findings or {})["checked"]
    assert (checked.n_rows, told["n_reviewers"], told["sides_known"]) == (3, 2, False)
    assert [(one["name"], one["username"], one["n"]) for one in told["reviewers"]] == [
        ("ann", "ann (imported)", 2),
        ("ben", "ben", 1),
    ]
    assert not Campaign.objects.exists()
    assert User.objects.count() == 1


def test_two_names_stay_two_people_even_if_one_looks_like_the_others_mark(tmp_path: Path) -> None:
    make_reviewer(username="ann")
    make_reviewer(username="ann (imported 2)")
    rows = [
        {"id": "1", "reviewer": "ann", "choice": "tie"},
        {"id": "1", "reviewer": "ann (imported)", "choice": "tie"},
    ]
    campaign = imported(jsonl(tmp_path, rows), make_experiment()).campaign
    names = set(Seat.objects.filter(campaign=campaign).values_list("reviewer__username", flat=True))
    assert names == {"ann (imported)", "ann (imported 3)"}
    assert not User.objects.filter(username__in=names, is_active=True).exists()


def test_a_failed_commit_leaves_nothing_and_can_be_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = make_experiment()
    checked = dry_run(jsonl(tmp_path, THREE), experiment)
    options = JudgmentOptions(experiment=experiment.pk)

    def broken(*given: Any) -> None:
        raise JobFailed("The disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr(rows, "insert_judgments", broken)
        failed = ended(imports.start_commit(file_import=checked, options=options, actor=None, now=NOW))
    assert (failed.status, failed.error) == (FileImport.Status.FAILED, "The disk is full.")
    assert not Campaign.objects.exists()
    assert not User.objects.exists()
    done = ended(imports.start_commit(file_import=failed, options=options, actor=None, now=NOW))
    assert done.status == FileImport.Status.DONE
    assert Campaign.objects.count() == 1


def test_the_page_shows_the_dry_run_and_leads_to_the_campaign(tmp_path: Path, client: Client) -> None:
    client.force_login(make_user(username="boss", roles=["lead"]))
    experiment = make_experiment()
    assert "What the file needs" in client.get("/imports/new?kind=judgments").content.decode()
    with jsonl(tmp_path, THREE).open("rb") as file:
        form = {"token": str(uuid4()), "kind": "judgments", "experiment": experiment.pk, "file": file}
        response = client.post("/imports/new", form)
    checked = ended(FileImport.objects.get())
    page = client.get(response["Location"]).content.decode()
    assert "The first judgments as they are read" in page
    client.post(f"/imports/{checked.pk}/commit", {"experiment": experiment.pk, **{name: name for name in THREE[0]}})
    ended(FileImport.objects.get())
    made = client.get(response["Location"]).content.decode()
    assert f"/campaigns/{Campaign.objects.get().uuid}/" in made


def test_another_file_reuses_the_reviewers_of_the_first(tmp_path: Path) -> None:
    experiment = make_experiment()
    imported(jsonl(tmp_path, THREE), experiment)
    imported(jsonl(tmp_path, THREE[:2], "more.jsonl"), experiment)
    assert User.objects.count() == 2


@pytest.mark.parametrize(
    ("row", "column", "kind"),
    [
        ({"id": "99", "reviewer": "ann", "choice": "tie"}, "id", "unknown_id"),
        ({"id": "1", "reviewer": "ann", "choice": "model_a"}, "choice", "unknown_value"),
        ({"id": "1", "reviewer": "ann", "choice": "left"}, "choice", "missing"),
        ({"id": "1", "reviewer": "", "choice": "tie"}, "reviewer", "blank"),
        ({"id": "1", "reviewer": "ann", "choice": ""}, "choice", "blank"),
        ({"id": "1", "reviewer": "ann", "choice": "tie", "left_arm": "control"}, "left_arm", "unknown_value"),
        ({"id": "1", "reviewer": "ann", "choice": "tie", "time": "yesterday"}, "time", "wrong_type"),
        ({"id": "1", "reviewer": "ann", "choice": "tie", "time": "2026-01-01T10:00:00"}, "time", "wrong_type"),
        ({"id": "1", "reviewer": "ann", "choice": "tie", "seconds": -1}, "seconds", "unknown_value"),
        ({"id": "1", "reviewer": "ann", "choice": "tie", "seconds": "NaN"}, "seconds", "unknown_value"),
        ({"id": "1", "reviewer": "ann", "choice": "tie", "criteria": {"x": "both_bad"}}, "criteria", "unknown_value"),
        ({"id": "1", "reviewer": "ann", "choice": "tie", "criteria": ["safety"]}, "criteria", "wrong_type"),
        ({"id": "1", "reviewer": "ann", "choice": "tie", "comment": "\x00"}, "comment", "nul"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_taken_keeps_the_whole_file_out(
    tmp_path: Path, row: dict[str, Any], column: str, kind: str
) -> None:
    rows = [{"id": "2", "reviewer": "ann", "choice": "tie"}, row]
    assert refused(jsonl(tmp_path, rows), make_experiment()) == [(2, column, kind)]


def test_one_reviewer_judging_a_pair_twice_is_refused(tmp_path: Path) -> None:
    assert refused(jsonl(tmp_path, [*THREE, THREE[0]]), make_experiment()) == [(4, "reviewer", "duplicate_id")]


def test_sides_told_in_some_rows_only_are_refused(tmp_path: Path) -> None:
    rows = [{**THREE[0], "left_arm": "baseline"}, THREE[1]]
    assert refused(jsonl(tmp_path, rows), make_experiment()) == [(2, "left_arm", "blank")]


def test_an_id_in_two_sets_of_the_experiment_is_refused(tmp_path: Path) -> None:
    experiment = make_experiment(n_cases=3)
    second = make_eval_set(n_cases=1)
    experiment.suites.create(eval_set=second, role="general")
    make_output(model_version=experiment.baseline, case=second.cases.get())
    make_output(model_version=experiment.candidate, case=second.cases.get())
    rows = [{"id": "1", "reviewer": "ann", "choice": "tie"}, {"id": "2", "reviewer": "ann", "choice": "tie"}]
    assert refused(jsonl(tmp_path, rows), experiment) == [(1, "id", "unknown_id")]


def test_missing_columns_and_empty_files_are_named(tmp_path: Path) -> None:
    experiment = make_experiment()
    asked = dry_run(jsonl(tmp_path, [{"id": "1", "choice": "tie"}]), experiment)
    assert (asked.findings or {})["missing"] == ["reviewer"]
    assert refused(jsonl(tmp_path, []), experiment) == [(None, "", "empty_file")]
    errors = StringIO()
    with pytest.raises(CommandError, match="1 problems"):
        call_command("import_judgments", str(tmp_path / "judgments.jsonl"), experiment=experiment.name, stderr=errors)
    assert "empty" in errors.getvalue()


def test_the_command_names_the_column_it_misses(tmp_path: Path) -> None:
    errors, path = StringIO(), jsonl(tmp_path, [{"id": "1", "choice": "tie"}])
    with pytest.raises(CommandError, match="1 problems"):
        call_command("import_judgments", str(path), experiment=make_experiment().name, stderr=errors)
    assert "file, reviewer: no column holds the reviewer" in errors.getvalue()


def test_a_dry_run_by_command_imports_nothing(tmp_path: Path) -> None:
    out = StringIO()
    call_command(
        "import_judgments", str(jsonl(tmp_path, THREE)), "--dry-run", experiment=make_experiment().name, stdout=out
    )
    assert "3 judgments. Dry run" in out.getvalue()
    assert not Campaign.objects.exists()


def test_the_command_prints_problems_and_imports_nothing(tmp_path: Path) -> None:
    experiment = make_experiment()
    path = jsonl(tmp_path, [{"id": "99", "reviewer": "ann", "choice": "tie"}])
    errors = StringIO()
    with pytest.raises(CommandError, match="1 problems"):
        call_command("import_judgments", str(path), experiment=experiment.name, stderr=errors)
    assert "row 1, id: no case of this experiment has the id '99'" in errors.getvalue()


def test_the_command_imports_and_computes_the_result(tmp_path: Path) -> None:
    experiment = make_experiment()
    out = StringIO()
    call_command("import_judgments", str(jsonl(tmp_path, THREE)), experiment=str(experiment.pk), stdout=out)
    assert "Imported 3 judgments" in out.getvalue()
    assert CampaignResult.objects.get().revealed
    call_command("import_judgments", str(jsonl(tmp_path, THREE)), experiment=experiment.name, stdout=out)
    assert "Nothing new was made" in out.getvalue()


def test_judgments_imported_by_somebody_a_moment_before_are_said_to_be_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment, path, out = make_experiment(), jsonl(tmp_path, THREE), StringIO()
    true_follow = import_steps.follow

    def another_is_faster(command: BaseCommand, file_import: FileImport) -> None:
        if file_import.status == FileImport.Status.COMMITTING:
            imported(path, experiment)
        true_follow(command, file_import)

    monkeypatch.setattr(import_steps, "follow", another_is_faster)
    call_command("import_judgments", str(path), experiment=experiment.name, stdout=out, stderr=StringIO())
    assert "Nothing new was made" in out.getvalue()
    assert "Imported 3 judgments" not in out.getvalue()
    assert Campaign.objects.count() == 1


def test_an_unknown_experiment_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no experiment 'nothing'"):
        call_command("import_judgments", str(jsonl(tmp_path, THREE)), experiment="nothing")


def test_columns_can_be_named_by_hand(tmp_path: Path) -> None:
    experiment = make_experiment()
    path = jsonl(tmp_path, [{"id": "1", "who": "ann", "choice": "tie"}])
    call_command("import_judgments", str(path), "--map", "reviewer=who", experiment=experiment.name, stdout=StringIO())
    assert User.objects.get().username == "ann"
