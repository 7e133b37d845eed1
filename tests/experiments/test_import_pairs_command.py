import subprocess
import sys
from io import StringIO
from pathlib import Path

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand
from django.utils import timezone

from evalsite.platform.models import Job
from experiments.management import import_steps
from experiments.models import Experiment, FileImport
from tests.experiments.importing import begin, checked, imported, jsonl

pytestmark = pytest.mark.django_db(transaction=True)

NAMES = ("--baseline-name=base-1", "--candidate-name=cand-1", "--experiment=First try")


def import_pairs(*arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("import_pairs", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def write(folder: Path, data: bytes, name: str = "pairs.jsonl") -> str:
    path = folder / name
    path.write_bytes(data)
    return str(path)


def test_a_file_is_imported_and_without_a_worker_the_command_does_the_work_and_says_so(tmp_path: Path) -> None:
    out, err = import_pairs(write(tmp_path, jsonl(5)), *NAMES)
    assert "Imported 5 pairs: experiment First try." in out
    assert "No worker took this job: it runs in this command." in err
    assert Experiment.objects.get().candidate.name == "cand-1"
    assert set(Job.objects.values_list("status", flat=True)) == {"done"}


def test_the_same_file_again_says_so_and_makes_nothing_new(tmp_path: Path) -> None:
    path = write(tmp_path, jsonl())
    import_pairs(path, *NAMES)
    out, _ = import_pairs(path, *NAMES)
    assert "Imported before" in out
    assert "Nothing new was made" in out
    assert Experiment.objects.count() == 1
    assert sorted(FileImport.objects.values_list("status", flat=True)) == ["discarded", "done"]


def test_the_same_file_imported_by_somebody_a_moment_before_is_said_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_follow = import_steps.follow

    def another_is_faster(command: BaseCommand, file_import: FileImport) -> None:
        if file_import.status == FileImport.Status.COMMITTING:
            imported(jsonl())
        true_follow(command, file_import)

    monkeypatch.setattr(import_steps, "follow", another_is_faster)
    out, _ = import_pairs(write(tmp_path, jsonl()), *NAMES)
    assert "Imported before, on" in out
    assert "experiment First try. Nothing new was made." in out
    assert "Imported 3 pairs" not in out


def test_an_import_that_somebody_discards_while_it_runs_is_no_import(monkeypatch: pytest.MonkeyPatch) -> None:
    found = checked(jsonl())
    monkeypatch.setattr(import_steps, "follow", lambda *_: None)
    found.status = FileImport.Status.DISCARDED
    with pytest.raises(CommandError, match="discarded while it ran"):
        import_steps.follow_commit(BaseCommand(), found)


def test_the_work_of_a_worker_that_died_is_taken_over_when_its_lease_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    found = begin(jsonl())
    Job.objects.update(status=Job.Status.RUNNING, deliveries=1, token=1, lease_until=timezone.now())
    assert found.job is not None
    found.job.refresh_from_db()

    def never(seconds: float) -> None:
        raise AssertionError("waits for nobody")

    monkeypatch.setattr("time.sleep", never)
    command = BaseCommand(stderr=StringIO())
    import_steps.follow(command, found)
    assert (found.status, found.n_rows) == ("checked", 3)
    assert Job.objects.get().deliveries == 2


def test_problems_are_printed_by_row_and_nothing_is_imported(tmp_path: Path) -> None:
    path = write(tmp_path, b"id,prompt,baseline,candidate\n1,Q,a,b\n1,,a\n2, ,a,b\n", "pairs.csv")
    err = StringIO()
    with pytest.raises(CommandError, match="2 errors; nothing was imported"):
        call_command("import_pairs", path, *NAMES, stdout=StringIO(), stderr=err)
    assert "error: row 3: 3 fields where the header has 4 [ragged]" in err.getvalue()
    assert "error: row 4, prompt: the prompt is blank [blank]" in err.getvalue()
    assert not Experiment.objects.exists()


def test_it_asks_which_side_is_the_baseline_and_takes_the_answer(tmp_path: Path) -> None:
    path = write(tmp_path, b'{"prompt": "Q", "response_a": "a", "response_b": "b"}')
    with pytest.raises(CommandError, match="Which is the baseline, response_a or response_b"):
        import_pairs(path, *NAMES)
    import_pairs(path, "--baseline", "response_b", *NAMES)
    assert Experiment.objects.get().baseline.outputs.get().text == "b"


def test_columns_with_other_names_are_mapped(tmp_path: Path) -> None:
    path = write(tmp_path, b'{"nr": 7, "frage": "Q", "alt": "a", "neu": "b", "art": "code"}')
    import_pairs(
        path, "--map", "id=nr", "--map", "prompt=frage", "--map", "category=art",
        "--baseline", "alt", "--candidate", "neu", "--role", "general", *NAMES,
    )  # fmt: skip
    suite = Experiment.objects.get().suites.get()
    case = suite.eval_set.cases.get()
    assert (suite.role, case.external_id, case.prompt, case.category) == ("general", "7", "Q", "code")


def test_a_field_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="FIELD=COLUMN"):
        import_pairs(write(tmp_path, jsonl()), "--map", "colour=x", *NAMES)


def test_two_files_are_joined_on_id_and_name_their_models(tmp_path: Path) -> None:
    def file(name: str, model: str, numbers: list[int]) -> str:
        rows = [{"id": n, "prompt": f"Q{n}", "model": model, "output": f"{model} {n}"} for n in numbers]
        return write(tmp_path, b"\n".join(orjson.dumps(row) for row in rows), name)

    one, two = file("one.jsonl", "old", [1, 2, 3]), file("two.jsonl", "new", [3, 1, 2])
    import_pairs(one, two, "--experiment", "Joined")
    experiment = Experiment.objects.get()
    assert (experiment.baseline.name, experiment.candidate.name) == ("old", "new")
    assert experiment.candidate.outputs.get(case__external_id="3").text == "new 3"


def test_a_dry_run_imports_nothing(tmp_path: Path) -> None:
    out, _ = import_pairs(write(tmp_path, jsonl()), "--dry-run")
    assert "3 pairs, 0 errors, 0 warnings" in out
    assert "Dry run: nothing was imported." in out
    assert not Experiment.objects.exists()


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        import_pairs(str(tmp_path / "nowhere.csv"), *NAMES)


def test_the_help_names_every_option() -> None:
    done = subprocess.run([sys.executable, "manage.py", "import_pairs", "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    for option in ("--baseline", "--candidate", "--map", "--dry-run", "--role", "--add"):
        assert option in done.stdout
