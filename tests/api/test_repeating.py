import threading
from datetime import timedelta
from io import BytesIO
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from evalsite.platform.models import ApiCall
from experiments.api import taking
from experiments.models import BenchmarkRun, FileImport, Upload, UploadChunk
from experiments.services import upload_dropping, uploads
from experiments.services.imports import ImportRefused
from tests.api.calling import Program
from tests.factories.experiments_ import make_model_version, make_output
from tests.scoring.outputs import jsonl
from tests.scoring.scored import make_set

pytestmark = pytest.mark.django_db(transaction=True)

CASES = [{"expected": "4"}, {"expected": "6"}]


def start_body() -> dict[str, object]:
    eval_set, model_version = make_set(CASES), make_model_version()
    for case in eval_set.cases.all():
        make_output(model_version=model_version, case=case)
    return {"model_version": model_version.pk, "eval_set": eval_set.pk, "scorers": ["exact_match"]}


def test_the_same_call_again_gets_the_same_answer_and_starts_nothing() -> None:
    program, key, body = Program("benchmarks"), uuid4(), start_body()
    first, again = program.post("/runs", body, key=key), program.post("/runs", body, key=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert first.json()["id"] == str(key)
    assert BenchmarkRun.objects.count() == 1


def test_another_body_under_the_same_key_is_refused() -> None:
    program, key, body = Program("benchmarks"), uuid4(), start_body()
    program.post("/runs", body, key=key)
    other = program.post("/runs", {**body, "threads": 3}, key=key)
    assert (other.status_code, other.json()["code"]) == (409, "key_reused")
    assert Program("benchmarks").post("/runs", body, key=key).status_code == 409


def test_a_call_that_was_refused_may_come_again_mended() -> None:
    program, key, body = Program("benchmarks"), uuid4(), start_body()
    refused = program.post("/runs", {**body, "scorers": ["astrology"]}, key=key)
    assert (refused.status_code, refused.json()["code"]) == (422, "scorers_refused")
    assert "astrology" in refused.json()["message"]
    assert not ApiCall.objects.exists()
    assert program.post("/runs", body, key=key).status_code == 201


def test_a_file_sent_twice_is_kept_and_imported_once() -> None:
    program, key, eval_set = Program("benchmarks"), uuid4(), make_set(CASES)
    path = f"/outputs?eval_set={eval_set.pk}&model=solver"
    data = jsonl([{"id": "1", "response": "4"}])
    first, again = (program.send(path, data, "application/x-ndjson", key=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 202), first.content
    assert first.json() == again.json()
    assert program.send(path, data + b"\n", "application/x-ndjson", key=key).status_code == 409
    assert FileImport.objects.count() == Upload.objects.count() == UploadChunk.objects.count() == 1


@pytest.mark.parametrize("error", [ImportRefused("no"), RuntimeError("boom")])
def test_a_file_whose_import_does_not_begin_is_forgotten(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    program, eval_set = Program("benchmarks"), make_set(CASES)
    program.client.raise_request_exception = False

    def begin(**options: object) -> None:
        raise error

    monkeypatch.setattr("experiments.services.imports.begin", begin)
    path = f"/outputs?eval_set={eval_set.pk}&model=solver"
    answer = program.send(path, jsonl([{"id": "1", "response": "4"}]), "application/x-ndjson")
    assert answer.status_code == (422 if isinstance(error, ImportRefused) else 500)
    assert not Upload.objects.exists()
    assert not UploadChunk.objects.exists()


def test_a_file_whose_import_did_begin_is_never_forgotten() -> None:
    program, eval_set = Program("benchmarks"), make_set(CASES)
    path = f"/outputs?eval_set={eval_set.pk}&model=solver"
    program.send(path, jsonl([{"id": "1", "response": "4"}]), "application/x-ndjson")
    taking.forget(Upload.objects.get())
    assert FileImport.objects.get().upload.chunks.count() == 1


def test_a_file_of_no_import_is_dropped_after_two_weeks() -> None:
    program, eval_set, now = Program("benchmarks"), make_set(CASES), timezone.now()
    kept = [
        uploads.store(file=BytesIO(b"x"), filename=name, created_by=None, now=now - timedelta(days=days))
        for name, days in (("old", 15), ("new", 13))
    ]
    path = f"/outputs?eval_set={eval_set.pk}&model=solver"
    program.send(path, jsonl([{"id": "1", "response": "4"}]), "application/x-ndjson")
    upload_dropping.drop_some(now=now)
    assert not Upload.objects.filter(pk=kept[0].pk).exists()
    assert not UploadChunk.objects.filter(upload=kept[0].pk).exists()
    assert kept[1].chunks.count() == 1
    assert FileImport.objects.get().upload.chunks.count() == 1


def test_two_calls_at_once_have_one_effect() -> None:
    program, key, body = Program("benchmarks"), uuid4(), start_body()
    answers = []

    def call() -> None:
        try:
            answers.append(program.post("/runs", body, key=key))
        finally:
            connection.close()

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.content for answer in answers}) == 1
    assert BenchmarkRun.objects.count() == 1


@pytest.mark.parametrize("key", ["", "seven"])
def test_a_write_needs_a_key(key: str) -> None:
    program = Program("benchmarks")
    answer = program.client.post(
        "/api/v1/runs", start_body(), content_type="application/json",
        headers={**program.headers(), **({"Idempotency-Key": key} if key else {})},
    )  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert "Idempotency-Key" in answer.json()["message"]
