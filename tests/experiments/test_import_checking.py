import orjson
import pytest
from pytest_django import Settings

from evalsite.platform import jobs
from evalsite.platform.models import Job
from experiments.models import EvalCase, FileImport, ImportProblem, UploadChunk
from experiments.services import imports, uploads
from experiments.services.file_imports.pair_options import PairOptions, mapping_of
from tests.experiments.importing import OPTIONS, begin, checked, jsonl, run, upload
from tests.factories.platform_ import NOW

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_dry_run_tells_columns_counts_and_first_rows_and_stores_no_pair() -> None:
    found = checked(jsonl(12))
    assert (found.status, found.n_rows, found.n_errors) == ("checked", 12, 0)
    assert found.findings is not None
    assert found.findings["columns"] == ["id", "prompt", "baseline", "candidate"]
    assert found.findings["mapping"]["candidate"] == "candidate"
    assert [row["prompt"] for row in found.findings["checked"]["preview"]] == [f"Q{n}?" for n in range(1, 11)]
    assert not EvalCase.objects.exists()


def test_every_problem_is_kept_with_its_row_and_column() -> None:
    rows = [*jsonl(2).split(b"\n"), b'{"id": 3, "prompt": " ", "baseline": "same"}', jsonl(1)]
    found = checked(b"\n".join(rows))
    assert (found.n_errors, found.n_warnings) == (3, 0)
    kept = ImportProblem.objects.order_by("id").values_list("severity", "row", "column", "kind")
    assert list(kept) == [
        ("error", 3, "prompt", "blank"),
        ("error", 3, "candidate", "missing_counterpart"),
        ("error", 4, "id", "duplicate_id"),
    ]


def test_a_flood_of_problems_is_counted_in_full_and_kept_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.importers.tally.Tally.__init__.__defaults__", (5,))
    same = {"id": 0, "prompt": "Q", "baseline": "same", "candidate": "same"}
    rows = [same | {"id": n} for n in range(20)] + [{"id": n} for n in range(20, 40)]
    found = checked(b"\n".join(orjson.dumps(row) for row in rows))
    assert (found.n_errors, found.n_warnings) == (60, 20)
    assert found.findings is not None
    assert found.findings["kinds"]["error"] == {"missing": 20, "missing_counterpart": 40}
    assert found.problems.filter(severity="error").count() == 5
    assert found.problems.filter(severity="warning").count() == 5


def test_names_a_database_cannot_hold_do_no_harm() -> None:
    row = {"prompt": "Q", "baseline": "a", "candidate": "b", "bad\0name": 1}
    found = checked(orjson.dumps(row) + b'\n{"prompt": "Q", "baseline": "a", "candidate": "\\ud800", "\\udfff": 1}')
    assert (found.status, found.n_errors) == ("checked", 1)


def test_where_the_baseline_is_not_told_the_dry_run_asks() -> None:
    data = b'{"prompt": "Q", "response_a": "a", "response_b": "b"}'
    found = checked(data)
    assert found.findings is not None
    assert found.findings["sides"] == ["response_a", "response_b"]
    assert found.findings["missing"] == ["baseline", "candidate"]
    assert not imports.is_ready(found)
    options = PairOptions(mapping={"baseline": "response_b"})
    again = run(imports.start_check(file_import=found, options=options, actor=None, now=NOW))
    assert again.n_rows == 1
    assert mapping_of(again).candidate == "response_a"


def test_a_second_check_replaces_the_problems_of_the_first() -> None:
    found = checked(b'{"prompt": "Q", "text": "T", "baseline": "a", "candidate": "a"}')
    assert found.problems.count() == 1
    options = PairOptions(mapping={"candidate": "text"})
    again = run(imports.start_check(file_import=found, options=options, actor=None, now=NOW))
    assert (again.problems.count(), again.n_warnings) == (0, 0)


def test_a_check_that_runs_is_not_started_again() -> None:
    found = begin(jsonl())
    with pytest.raises(imports.ImportRefused, match="right now"):
        imports.start_check(file_import=found, options=OPTIONS, actor=None, now=NOW)


def test_a_check_delivered_twice_finds_the_same() -> None:
    found = checked(jsonl(2) + b"\n{}")
    assert found.job_id
    Job.objects.filter(pk=found.job_id).update(status=Job.Status.QUEUED)
    jobs.run(found.job_id)
    again = FileImport.objects.get(pk=found.pk)
    assert (again.n_errors, again.problems.count()) == (4, 4)


def test_bytes_come_back_from_the_database_as_they_were() -> None:
    data = bytes(range(256)) * 12_345
    stored = upload(data)
    assert UploadChunk.objects.filter(upload=stored).count() == 4
    with uploads.on_disk(stored) as path:
        assert path.read_bytes() == data


def test_a_file_over_the_limit_is_refused_and_leaves_nothing(settings: Settings) -> None:
    settings.UPLOAD_MAX_BYTES = 1000
    with pytest.raises(uploads.UploadRefused, match="larger than"):
        upload(b"x" * 1001)
    assert not UploadChunk.objects.exists()


def test_a_file_name_is_only_a_name() -> None:
    assert uploads.stored_name("../../etc/pass\0wd\n") == "passwd"
    assert uploads.stored_name("C:\\data\\pairs.csv") == "pairs.csv"
    assert uploads.stored_name("\u202egnp.exe") == "gnp.exe"
    assert uploads.stored_name("") == "upload"
