from dataclasses import replace
from datetime import timedelta
from threading import Thread

import orjson
import pytest
from django.db import DatabaseError, connection

from evalsite.platform import jobs
from evalsite.platform.models import AuditEntry, Job
from experiments.models import (
    EvalCase,
    EvalSet,
    Experiment,
    ExperimentSuite,
    FileImport,
    ImportProblem,
    ModelVersion,
    Output,
    UploadChunk,
)
from experiments.services import import_committing, import_rows, imports, upload_dropping
from experiments.services.file_imports import pair_writing
from experiments.services.file_imports.pair_options import PairOptions
from tests.experiments.importing import OPTIONS, begin, checked, imported, jsonl, run
from tests.factories.platform_ import NOW

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_import_makes_the_set_both_models_their_outputs_and_the_experiment() -> None:
    row = {
        "id": "x",
        "messages": [
            {"role": "system", "content": "S"},
            {"role": "user", "content": "T"},
            {"role": "assistant", "content": "U"},
            {"role": "user", "content": "Q"},
        ],
        "baseline": "bäse",
        "candidate": "",
        "expected": "E",
        "category": "code",
        "tags": ["t"],
        "cluster": "k",
        "metadata": {"a": {"b": [1, 2.5, None]}},
    }
    found = imported(orjson.dumps(row))
    assert found.status == "done"
    case = EvalCase.objects.get()
    assert (case.external_id, case.position, case.system, case.prompt) == ("x", 0, "S", "Q")
    assert case.turns == [{"role": "user", "content": "T"}, {"role": "assistant", "content": "U"}]
    assert (case.expected, case.category, case.tags, case.cluster) == ("E", "code", ["t"], "k")
    assert case.metadata == {"a": {"b": [1, 2.5, None]}}
    experiment = Experiment.objects.get()
    assert (experiment.name, experiment.baseline.name, experiment.candidate.name) == ("First try", "base-1", "cand-1")
    assert Output.objects.get(model_version=experiment.baseline, case=case).text == "bäse"
    candidate = Output.objects.get(model_version=experiment.candidate, case=case)
    assert (candidate.text, candidate.error, candidate.latency_ms) == ("", "", None)
    suite = ExperimentSuite.objects.get()
    assert (suite.eval_set.name, suite.eval_set.version, suite.eval_set.n_cases, suite.role) == (
        "pairs",
        1,
        1,
        "target",
    )
    assert AuditEntry.objects.get(action="import.committed").details["rows"] == 1
    assert upload_dropping.drop_some(now=NOW) == 1
    assert not UploadChunk.objects.exists()


def test_more_pairs_than_a_batch_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_rows, "BATCH", 7)
    imported(jsonl(50))
    cases = EvalCase.objects.order_by("position").values_list("external_id", "prompt")
    assert list(cases) == [(str(n), f"Q{n}?") for n in range(1, 51)]
    texts = dict(Output.objects.filter(model_version__name="cand-1").values_list("case__external_id", "text"))
    assert texts == {str(n): f"c{n}" for n in range(1, 51)}


def test_the_same_bytes_under_the_same_options_make_nothing_new() -> None:
    first = imported(jsonl())
    counts = [model.objects.count() for model in (EvalSet, EvalCase, ModelVersion, Output, Experiment)]
    second = checked(jsonl())
    assert list(FileImport.objects.done_with_same_bytes(second)) == [first]
    started = imports.start_commit(file_import=second, options=OPTIONS, actor=None, now=NOW)
    assert started == first
    assert [model.objects.count() for model in (EvalSet, EvalCase, ModelVersion, Output, Experiment)] == counts


def test_two_imports_of_the_same_bytes_at_once_make_one_experiment() -> None:
    one, two = checked(jsonl()), checked(jsonl())
    for each in (one, two):
        imports.start_commit(file_import=each, options=OPTIONS, actor=None, now=NOW)
    results = [run(FileImport.objects.get(pk=each.pk)) for each in (one, two)]
    assert [each.status for each in results] == ["done", "discarded"]
    assert results[1].error == f"The same bytes were imported before, as import {one.pk}."
    assert imports.stood_back_for(results[1]) == one
    assert Experiment.objects.count() == 1


def test_a_commit_delivered_twice_makes_one_experiment() -> None:
    found = imported(jsonl())
    assert found.job_id
    Job.objects.filter(pk=found.job_id).update(status=Job.Status.QUEUED)
    jobs.run(found.job_id)
    assert Experiment.objects.count() == 1
    assert Output.objects.count() == 6


def test_the_same_cases_and_outputs_are_reused_under_another_experiment() -> None:
    imported(jsonl())
    imported(jsonl(), options=replace(OPTIONS, experiment="Second try"))
    assert (EvalSet.objects.count(), ModelVersion.objects.count(), Output.objects.count()) == (1, 2, 6)
    assert ExperimentSuite.objects.count() == 2


def test_other_outputs_to_the_same_cases_are_a_new_version_of_that_model_only() -> None:
    imported(jsonl())
    imported(jsonl(candidate="better"), options=replace(OPTIONS, experiment="Second try"))
    assert EvalSet.objects.count() == 1
    assert list(ModelVersion.objects.order_by("id").values_list("name", "version")) == [
        ("base-1", "1"),
        ("cand-1", "1"),
        ("cand-1", "2"),
    ]
    assert Output.objects.count() == 9
    assert Output.objects.filter(text="better").count() == 3


def test_other_cases_under_the_same_file_name_are_a_new_version_of_the_set() -> None:
    imported(jsonl(2))
    imported(jsonl(3), options=replace(OPTIONS, experiment="Second try"))
    assert list(EvalSet.objects.order_by("id").values_list("name", "version", "n_cases")) == [
        ("pairs", 1, 2),
        ("pairs", 2, 3),
    ]


def test_a_second_set_joins_an_experiment_only_when_that_is_said() -> None:
    imported(jsonl(2))
    options = replace(OPTIONS, role="adversarial")
    other = checked(jsonl(3), options=options)
    with pytest.raises(imports.ImportRefused, match="already"):
        imports.start_commit(file_import=other, options=options, actor=None, now=NOW)
    options = replace(options, add_to_existing=True)
    run(imports.start_commit(file_import=other, options=options, actor=None, now=NOW))
    experiment = Experiment.objects.get()
    assert sorted(experiment.suites.values_list("role", flat=True)) == ["adversarial", "target"]
    assert Output.objects.filter(model_version=experiment.baseline).count() == 5


def test_a_set_joins_only_an_experiment_of_the_same_two_models() -> None:
    imported(jsonl(2))
    options = replace(OPTIONS, candidate_name="cand-2", add_to_existing=True)
    with pytest.raises(imports.ImportRefused, match="'base-1' with 'cand-1'"):
        imported(jsonl(3), options=options)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (replace(OPTIONS, experiment=""), "Name both models"),
        (replace(OPTIONS, candidate_name=""), "Name both models"),
        (replace(OPTIONS, candidate_name="base-1"), "different names"),
        (replace(OPTIONS, mapping={"baseline": "candidate", "candidate": "baseline"}), "columns were changed"),
    ],
)
def test_a_commit_needs_names_and_the_columns_that_were_checked(options: PairOptions, reason: str) -> None:
    found = checked(jsonl())
    with pytest.raises(imports.ImportRefused, match=reason):
        imports.start_commit(file_import=found, options=options, actor=None, now=NOW)


def test_nothing_is_imported_while_an_error_remains() -> None:
    found = checked(jsonl(2) + b"\n{}")
    with pytest.raises(imports.ImportRefused, match="there are 4"):
        imports.start_commit(file_import=found, options=OPTIONS, actor=None, now=NOW)


def test_a_failure_in_the_middle_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = checked(jsonl(20))
    monkeypatch.setattr(import_rows, "BATCH", 5)
    written = import_rows.write_outputs

    def fail_late(ids: list[int], batch: list[object], **versions: int | None) -> None:
        written(ids, batch, **versions)  # type: ignore[arg-type]
        if EvalCase.objects.count() == 15:
            raise DatabaseError("the disk is full")

    monkeypatch.setattr(import_rows, "write_outputs", fail_late)
    after = run(imports.start_commit(file_import=found, options=OPTIONS, actor=None, now=NOW))
    assert after.job is not None
    assert after.job.status == Job.Status.FAILED
    for model in (EvalSet, EvalCase, ModelVersion, Output, Experiment):
        assert not model.objects.exists()
    monkeypatch.undo()
    jobs.retry(job=after.job)
    assert run(after).status == "done"


def test_a_worker_that_lost_its_lease_commits_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = checked(jsonl())
    started = imports.start_commit(file_import=found, options=OPTIONS, actor=None, now=NOW)
    true_check = pair_writing.check_references

    def another_worker_takes_over(target: pair_writing.Target) -> None:
        true_check(target)
        Job.objects.filter(kind=imports.COMMIT).update(token=99)

    monkeypatch.setattr(pair_writing, "check_references", another_worker_takes_over)
    assert run(started).status == "committing"
    assert not Experiment.objects.exists()


def test_large_files_go_a_few_megabytes_a_turn() -> None:
    found = checked(jsonl(2))
    upload = UploadChunk.objects.get().upload
    UploadChunk.objects.bulk_create(UploadChunk(upload=upload, seq=seq, data=b"x") for seq in range(1, 5))
    imports.discard(file_import=found, actor=None, now=NOW)
    assert [upload_dropping.drop_some(now=NOW, most=2) for _ in range(4)] == [2, 2, 1, 0]


def test_the_file_of_an_import_that_nobody_finished_goes_after_two_weeks() -> None:
    checked(jsonl(2))
    Job.objects.update(finished_at=NOW)
    assert upload_dropping.drop_some(now=NOW + timedelta(days=13)) == 0
    assert upload_dropping.drop_some(now=NOW + timedelta(days=15)) == 1


def test_the_file_of_an_old_import_that_somebody_has_just_checked_again_stays() -> None:
    checked(jsonl(2))
    later = NOW + timedelta(days=15)
    Job.objects.update(finished_at=later)
    assert upload_dropping.drop_some(now=later) == 0


@pytest.mark.parametrize("ending", [Job.Status.CANCELLED, Job.Status.PARKED, Job.Status.FAILED])
def test_the_file_of_an_import_whose_job_ended_before_it_goes_after_two_weeks_too(ending: str) -> None:
    begin(jsonl(2))
    later = NOW + timedelta(days=15)
    assert upload_dropping.drop_some(now=later) == 0
    Job.objects.update(status=ending, finished_at=NOW)
    assert FileImport.objects.stopped().count() == 1
    assert upload_dropping.drop_some(now=NOW + timedelta(days=13)) == 0
    assert upload_dropping.drop_some(now=later) == 1


def test_a_discarded_import_drops_its_file_and_problems_and_is_over() -> None:
    found = checked(jsonl(2) + b"\n{}")
    assert upload_dropping.drop_some(now=NOW) == 0
    imports.discard(file_import=found, actor=None, now=NOW)
    assert upload_dropping.drop_some(now=NOW) == 1
    assert not UploadChunk.objects.exists()
    assert not ImportProblem.objects.exists()
    with pytest.raises(imports.ImportRefused, match="discarded already"):
        imports.start_check(file_import=found, options=OPTIONS, actor=None, now=NOW)


def test_a_discard_stops_a_waiting_job() -> None:
    found = begin(jsonl())
    imports.discard(file_import=found, actor=None, now=NOW)
    assert Job.objects.get().status == Job.Status.CANCELLED


def test_a_done_import_cannot_be_discarded() -> None:
    found = imported(jsonl())
    with pytest.raises(imports.ImportRefused, match="stays"):
        imports.discard(file_import=found, actor=None, now=NOW)


def test_a_dry_run_whose_job_is_just_ending_is_not_taken_for_the_import() -> None:
    found = checked(jsonl())
    assert found.job is not None
    Job.objects.filter(pk=found.job.pk).update(status=Job.Status.RUNNING, lease_until=NOW)
    started = imports.start_commit(file_import=found, options=OPTIONS, actor=None, now=NOW)
    assert started.job is not None
    assert started.job.kind == imports.COMMIT
    assert run(started).status == "done"


def lose_lease_and_run(delivery: jobs.JobRun) -> None:
    try:
        Job.objects.filter(pk=delivery.job_id).update(lease_until=NOW)
        jobs.run(delivery.job_id)
    finally:
        connection.close()


def test_a_zombie_that_comes_back_after_the_import_is_done_leaves_it_done(monkeypatch: pytest.MonkeyPatch) -> None:
    found = checked(jsonl())
    started = imports.start_commit(file_import=found, options=OPTIONS, actor=None, now=NOW)
    true_turn = import_committing.take_turn

    def another_worker_was_faster(delivery: jobs.JobRun) -> None:
        monkeypatch.setattr(import_committing, "take_turn", true_turn)
        worker = Thread(target=lose_lease_and_run, args=[delivery])
        worker.start()
        worker.join()
        true_turn(delivery)

    monkeypatch.setattr(import_committing, "take_turn", another_worker_was_faster)
    assert run(started).status == "done"
    assert Experiment.objects.count() == 1


def test_a_commit_that_failed_is_started_anew_by_trying_its_job_again() -> None:
    options = replace(OPTIONS, add_to_existing=True)
    one, two = checked(jsonl(2)), checked(jsonl(3), options=options)
    started = [imports.start_commit(file_import=each, options=options, actor=None, now=NOW) for each in (one, two)]
    run(started[0])
    Experiment.objects.update(name="Held")
    other = imported(jsonl(4), options=replace(OPTIONS, candidate_name="cand-2"))
    failed = run(started[1])
    assert (failed.status, failed.error[:11]) == ("failed", "'First try'")
    assert other.experiment is not None
    Experiment.objects.filter(pk=other.experiment.pk).update(name="Out of the way")
    Experiment.objects.filter(name="Held").update(name="First try")
    assert failed.job is not None
    assert jobs.retry(job=failed.job)
    assert run(failed).status == "done"
    assert Experiment.objects.get(name="First try").suites.count() == 2


def test_an_old_job_does_not_take_up_an_import_that_has_gone_on() -> None:
    found = checked(jsonl())
    first = imports.start_commit(file_import=found, options=OPTIONS, actor=None, now=NOW)
    FileImport.objects.filter(pk=found.pk).update(status="failed", job=None)
    assert first.job is not None
    jobs.run(first.job.pk)
    assert FileImport.objects.get(pk=found.pk).status == "failed"
    assert not Experiment.objects.exists()
