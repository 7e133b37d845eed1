"""Imports asked for by programs, which do not look at the dry run first."""

import pytest

from evalsite.platform import jobs
from experiments.models import Experiment, FileImport
from experiments.services import imports
from tests.experiments.importing import HANDLERS, OPTIONS, jsonl, run, upload
from tests.factories.platform_ import NOW

pytestmark = pytest.mark.django_db(transaction=True)
assert HANDLERS


def begun(data: bytes) -> FileImport:
    return imports.begin(
        upload=upload(data), second_upload=None, options=OPTIONS, created_by=None, now=NOW, at_once=True
    )


def test_a_whole_file_is_imported_without_another_word() -> None:
    found = run(begun(jsonl()))
    assert found.status == FileImport.Status.COMMITTING
    assert run(found).status == FileImport.Status.DONE
    assert Experiment.objects.filter(name=OPTIONS.experiment).exists()


def test_a_file_with_an_error_stays_checked() -> None:
    found = run(begun(jsonl() + b'\n{"id": 9}'))
    assert found.status == FileImport.Status.CHECKED
    assert found.n_errors
    assert not Experiment.objects.exists()


def test_what_stands_in_the_way_is_said() -> None:
    run(run(begun(jsonl(3))))
    found = run(begun(jsonl(4)))
    assert found.status == FileImport.Status.CHECKED
    assert "There is an experiment named" in found.error


def test_the_same_bytes_again_lead_to_the_import_they_made() -> None:
    first = run(run(begun(jsonl())))
    again = run(begun(jsonl()))
    assert again.status == FileImport.Status.DISCARDED
    assert again.fingerprint == first.fingerprint
    assert str(first.pk) in again.error


def test_a_worker_that_died_between_dry_run_and_import_is_made_up_for() -> None:
    found = begun(jsonl())
    assert found.job_id
    found = run(found)
    FileImport.objects.filter(pk=found.pk).update(status=FileImport.Status.CHECKED)
    imports.go_on(import_id=found.pk, now=NOW)
    found.refresh_from_db()
    assert found.status == FileImport.Status.COMMITTING
    assert found.job_id
    jobs.run(found.job_id)
    found.refresh_from_db()
    assert found.status == FileImport.Status.DONE
