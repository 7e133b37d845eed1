import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from experiments.models import EvalSet, FileImport
from experiments.services import imports
from tests.eval_sets.importing import cases
from tests.eval_sets.reading import lines

pytestmark = pytest.mark.django_db(transaction=True)


def import_eval_set(*arguments: str) -> str:
    out = StringIO()
    call_command("import_eval_set", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def write(folder: Path, data: bytes, name: str = "cases.jsonl") -> str:
    path = folder / name
    path.write_bytes(data)
    return str(path)


def test_a_file_becomes_a_set_with_suggested_scorers(tmp_path: Path) -> None:
    out = import_eval_set(write(tmp_path, lines(*cases(5))), "--name", "Support")
    assert "Imported 5 cases, 1 warnings: eval set Support v1." in out
    assert EvalSet.objects.get().scorers


def test_the_report_is_json_when_asked_for(tmp_path: Path) -> None:
    scorers = '[{"scorer": "exact_match", "params": {"fold_case": true}}]'
    path = write(tmp_path, lines(*cases(3, category="a")))
    out = json.loads(import_eval_set(path, "--name", "S", "--scorers", scorers, "--format", "json"))
    made = EvalSet.objects.get()
    assert out["eval_set"] == {
        "id": made.pk, "name": "S", "version": 1, "title": "S v1", "content_hash": made.content_hash,
    }  # fmt: skip
    assert (out["is_new"], out["cases"], out["categories"]) == (True, 3, {"a": 3})
    assert out["scorers"][0]["params"] == {"fold_case": True}


def test_scorers_may_stand_in_a_file(tmp_path: Path) -> None:
    scorers = write(tmp_path, b'[{"scorer": "exact_match", "key": "same", "primary": true}]', "scorers.json")
    import_eval_set(write(tmp_path, lines(*cases())), "--scorers", scorers)
    assert EvalSet.objects.get().scorers[0]["key"] == "same"


def test_the_same_file_again_says_so(tmp_path: Path) -> None:
    path = write(tmp_path, lines(*cases()))
    import_eval_set(path)
    assert "The same content is there already: cases v1. Nothing new was made." in import_eval_set(path)
    assert "is there already: cases v1" in import_eval_set(path, "--name", "Other")
    assert EvalSet.objects.count() == 1


def test_the_same_file_imported_by_somebody_a_moment_before_is_said_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, lines(*cases()))
    import_eval_set(path)
    true_look, looks = imports.done_before, []

    def blind_at_first(found: FileImport) -> FileImport | None:
        looks.append(found)
        return true_look(found) if len(looks) > 1 else None

    monkeypatch.setattr(imports, "done_before", blind_at_first)
    assert "The same content is there already: cases v1. Nothing new was made." in import_eval_set(path)


def test_overlaps_with_a_training_file_are_told(tmp_path: Path) -> None:
    training = write(tmp_path, lines({"question": "question 2"}), "training.jsonl")
    out = import_eval_set(write(tmp_path, lines(*cases())), "--training-file", training)
    assert "1 cases stand in the training file too; the page of the set tells which." in out


def test_columns_with_other_names_are_mapped(tmp_path: Path) -> None:
    import_eval_set(
        write(tmp_path, lines({"frage": "Q", "soll": "A"})), "--map", "prompt=frage", "--map", "expected=soll"
    )
    assert EvalSet.objects.get().cases.get().expected == "A"


def test_it_asks_for_a_prompt_that_no_column_name_tells(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"Which column holds the prompt\? .*Columns: frage"):
        import_eval_set(write(tmp_path, lines({"frage": "Q"})))


def test_errors_keep_a_file_out(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="1 errors; nothing was imported"):
        import_eval_set(write(tmp_path, lines(*cases(), {"id": "x", "prompt": "Q", "must_not_match": ["("]})))
    assert not EvalSet.objects.exists()


@pytest.mark.parametrize(
    ("scorers", "reason"),
    [
        ("[{", "not JSON"),
        ("nowhere.json", "cannot be read"),
        ('[{"scorer": "x"}]', "no scorer"),
        ("[1]", "A scorer is"),
    ],
)
def test_scorers_that_cannot_be_read_are_refused(tmp_path: Path, scorers: str, reason: str) -> None:
    with pytest.raises(CommandError, match=reason):
        import_eval_set(write(tmp_path, lines(*cases())), "--scorers", scorers)


def test_a_dry_run_imports_nothing(tmp_path: Path) -> None:
    assert "Nothing was imported" in import_eval_set(write(tmp_path, lines(*cases())), "--dry-run")
    assert not EvalSet.objects.exists()
