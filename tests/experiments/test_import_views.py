from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from evalsite.platform.models import Job, User
from experiments.models import Experiment, FileImport, Upload
from tests.experiments.importing import begin, checked, imported, jsonl, run
from tests.factories.platform_ import make_user

pytestmark = pytest.mark.django_db(transaction=True)

NAMES = {"baseline_name": "base-1", "candidate_name": "cand-1", "experiment": "First try", "role": "target"}
COLUMNS = {"id": "id", "prompt": "prompt", "baseline": "baseline", "candidate": "candidate"}


@pytest.fixture
def admin(client: Client) -> User:
    admin = make_user(username="boss", roles=["admin"])
    client.force_login(admin)
    return admin


def send(client: Client, data: bytes, *, token: str = "", filename: str = "pairs.jsonl") -> FileImport:
    file = SimpleUploadedFile(filename, data)
    response = client.post("/imports/new", {"token": token or str(uuid4()), "file": file})
    assert response.status_code == 302
    return FileImport.objects.get(pk=response["Location"].split("/")[2])


def test_a_reviewer_sees_no_import_page(client: Client) -> None:
    found = checked(jsonl())
    client.force_login(make_user(roles=["reviewer"]))
    for path in ("/imports/", "/imports/new", f"/imports/{found.pk}/", f"/imports/{found.pk}/problems.csv"):
        assert client.get(path).status_code == 403
    for act in ("check", "commit", "discard"):
        assert client.post(f"/imports/{found.pk}/{act}").status_code == 403


def test_the_empty_list_says_what_to_do(client: Client, admin: User) -> None:
    assert b"Import the first file" in client.get("/imports/").content


def test_the_list_asks_the_same_few_queries_however_many_imports(
    client: Client, admin: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(12):
        begin(jsonl(), by=admin)
    with django_assert_max_num_queries(4):
        assert client.get("/imports/").content.count(b"pairs.jsonl") == 12


def test_the_list_is_narrowed_by_what_a_file_holds_and_where_it_stands(client: Client, admin: User) -> None:
    ways = ("whole", "errors", "stopped", "busy", "discarded")
    found = {name: send(client, jsonl() + b"\n{}" * (name == "errors"), filename=f"{name}.jsonl") for name in ways}
    for name in ("whole", "errors"):
        run(found[name])
    Job.objects.filter(args__import_id=str(found["stopped"].pk)).update(status=Job.Status.CANCELLED)
    client.post(f"/imports/{found['discarded'].pk}/discard")
    FileImport.objects.filter(pk=found["busy"].pk).update(kind="outputs")

    def shown(query: str) -> set[str]:
        page = client.get(f"/imports/?{query}").content.decode()
        return {name for name in ways if f">{name}.jsonl</a>" in page}

    assert shown("") == shown("kind=nonsense&status=nonsense") == set(ways) - {"discarded"}
    assert shown("kind=outputs") == {"busy"}
    assert shown("status=checked") == {"whole"}
    assert shown("status=errors") == {"errors"}
    assert shown("status=stopped") == {"stopped"}
    assert shown("status=checking") == {"busy"}
    assert shown("status=discarded") == {"discarded"}
    assert shown("kind=outputs&status=done") == set()
    assert b"No import fits this filter" in client.get("/imports/?kind=outputs&status=done").content


def test_where_every_import_was_discarded_the_list_leads_to_them(client: Client, admin: User) -> None:
    found = send(client, jsonl())
    client.post(f"/imports/{found.pk}/discard")
    page = client.get("/imports/").content.decode()
    assert "Every import was discarded" in page
    assert 'href="?status=discarded"' in page
    assert f"/imports/{found.pk}/" in client.get("/imports/?status=discarded").content.decode()


def test_an_upload_is_checked_named_and_imported(client: Client, admin: User) -> None:
    found = send(client, jsonl(4))
    assert found.created_by == admin
    assert b"Reading every row" in client.get(f"/imports/{found.pk}/").content
    run(found)
    page = client.get(f"/imports/{found.pk}/").content.decode()
    assert "4 pairs, no error" in page
    assert "Import 4 pairs" in page
    client.post(f"/imports/{found.pk}/commit", COLUMNS | NAMES)
    run(FileImport.objects.get(pk=found.pk))
    assert "Open the experiment" in client.get(f"/imports/{found.pk}/").content.decode()
    assert Experiment.objects.get().created_by == admin


def test_the_same_form_sent_twice_makes_one_import(client: Client, admin: User) -> None:
    token = str(uuid4())
    assert send(client, jsonl(), token=token) == send(client, jsonl(), token=token)
    assert Upload.objects.count() == 1


def test_a_form_without_a_file_is_explained(client: Client, admin: User) -> None:
    response = client.post("/imports/new", {"token": str(uuid4())})
    assert response.status_code == 422
    assert b"This field is required" in response.content


def test_the_page_asks_which_side_is_the_baseline(client: Client, admin: User) -> None:
    found = run(send(client, b'{"prompt": "Q", "response_a": "a", "response_b": "b"}'))
    page = client.get(f"/imports/{found.pk}/").content.decode()
    assert "Which one is the baseline?" in page
    assert "Import 1 pairs" not in page
    client.post(f"/imports/{found.pk}/check", NAMES | {"prompt": "prompt", "baseline": "response_b"})
    found = run(FileImport.objects.get(pk=found.pk))
    assert found.findings is not None
    assert found.findings["mapping"]["candidate"] == "response_a"


def test_changed_columns_are_checked_before_anything_is_imported(client: Client, admin: User) -> None:
    found = run(send(client, jsonl()))
    turned = COLUMNS | {"baseline": "candidate", "candidate": "baseline"}
    response = client.post(f"/imports/{found.pk}/commit", turned | NAMES, follow=True)
    assert b"checked again before it is imported" in response.content
    found = run(FileImport.objects.get(pk=found.pk))
    client.post(f"/imports/{found.pk}/commit", turned | NAMES)
    run(FileImport.objects.get(pk=found.pk))
    baseline = Experiment.objects.get().baseline
    assert sorted(baseline.outputs.values_list("text", flat=True)) == ["c1", "c2", "c3"]


def test_problems_are_listed_filtered_paged_and_downloaded(client: Client, admin: User) -> None:
    data = jsonl(1, baseline="same", candidate="same") + b"\n" + b'{"id": "=1", "prompt": "Q"}\n' * 60
    found = run(send(client, data))
    page = client.get(f"/imports/{found.pk}/").content.decode()
    assert "Nothing is imported while one remains" in page
    assert "this response is missing" in page
    assert "both responses are the same" in client.get(f"/imports/{found.pk}/?show=warning").content.decode()
    assert "both responses are the same" not in client.get(f"/imports/{found.pk}/?show=error").content.decode()
    assert b"both responses are the same" in client.get(f"/imports/{found.pk}/?page=3").content
    response = client.get(f"/imports/{found.pk}/problems.csv")
    lines = b"".join(response).decode().splitlines()
    assert lines[0] == "severity,file,row,column,kind,reason"
    assert len(lines) == 1 + found.n_errors + found.n_warnings
    assert response["Content-Type"].startswith("text/csv")


def test_a_column_named_like_a_formula_is_harmless_in_the_download(client: Client, admin: User) -> None:
    data = b'=1+1,prompt,baseline,candidate\n"a\0b",Q,a,b\n'
    found = run(send(client, data, filename="a.csv"))
    client.post(f"/imports/{found.pk}/check", NAMES | COLUMNS | {"id": "=1+1"})
    found = run(FileImport.objects.get(pk=found.pk))
    text = b"".join(client.get(f"/imports/{found.pk}/problems.csv")).decode()
    assert ",'=1+1,nul," in text
    found.problems.update(column="＝1+1")
    assert ",'＝1+1,nul," in b"".join(client.get(f"/imports/{found.pk}/problems.csv")).decode()


def test_errors_leave_no_way_to_import(client: Client, admin: User) -> None:
    found = run(send(client, jsonl() + b"\n{}"))
    response = client.post(f"/imports/{found.pk}/commit", COLUMNS | NAMES)
    assert response.status_code == 422
    assert b"Nothing is imported while an error remains" in response.content
    assert not Experiment.objects.exists()


def test_missing_names_are_asked_for(client: Client, admin: User) -> None:
    found = run(send(client, jsonl()))
    response = client.post(f"/imports/{found.pk}/commit", COLUMNS | NAMES | {"candidate_name": ""})
    assert response.status_code == 422
    assert b"This field is required" in response.content


def test_a_second_import_of_the_same_bytes_says_so_and_makes_nothing_new(client: Client, admin: User) -> None:
    first = imported(jsonl())
    second = run(send(client, jsonl()))
    assert b"These bytes were imported on" in client.get(f"/imports/{second.pk}/").content
    response = client.post(f"/imports/{second.pk}/commit", COLUMNS | NAMES, follow=True)
    assert response.redirect_chain == [(f"/imports/{first.pk}/", 302)]
    assert b"imported before under the same options" in response.content
    assert Experiment.objects.count() == 1


def test_an_import_that_stood_back_for_an_earlier_one_leads_to_that(client: Client, admin: User) -> None:
    one, two = checked(jsonl()), checked(jsonl())
    for each in (one, two):
        client.post(f"/imports/{each.pk}/commit", COLUMNS | NAMES)
    for each in (one, two):
        run(FileImport.objects.get(pk=each.pk))
    page = client.get(f"/imports/{two.pk}/").content.decode()
    assert "under the same options on" in page
    assert "Open that import" in page
    assert f'href="/imports/{one.pk}/"' in page
    assert f'href="/experiments/{Experiment.objects.get().pk}/"' in page


def test_progress_is_a_part_that_asks_for_itself_until_the_job_is_over(client: Client, admin: User) -> None:
    found = send(client, jsonl())
    part = client.get(f"/imports/{found.pk}/", headers={"HX-Request": "true"})
    assert b'hx-trigger="every 1s"' in part.content
    assert b"<html" not in part.content
    run(found)
    part = client.get(f"/imports/{found.pk}/", headers={"HX-Request": "true"})
    assert b"hx-trigger" not in part.content


def test_a_page_that_asks_something_does_not_renew_itself_under_the_answer(client: Client, admin: User) -> None:
    """The job has yet to write down its own end."""
    found = run(send(client, jsonl()))
    job = Job.objects.filter(kind="experiments.check_import")
    job.update(status=Job.Status.RUNNING, lease_until=timezone.now())
    page = client.get(f"/imports/{found.pk}/").content
    assert b"no error" in page
    assert b"hx-trigger" not in page
    FileImport.objects.filter(pk=found.pk).update(at_once=True)
    page = client.get(f"/imports/{found.pk}/").content
    assert b'hx-trigger="every 1s"' in page
    assert b"Reading every row" in page
    assert b"<select" not in page


def test_a_worker_that_is_not_running_is_said_after_ten_seconds(client: Client, admin: User) -> None:
    found = send(client, jsonl())
    assert b"No worker is running" not in client.get(f"/imports/{found.pk}/").content
    Job.objects.update(created_at=timezone.now() - timedelta(seconds=11))
    assert b"No worker is running" in client.get(f"/imports/{found.pk}/").content


def test_a_job_that_failed_says_why_and_can_be_started_again(client: Client, admin: User) -> None:
    found = send(client, jsonl())
    Job.objects.update(status=Job.Status.PARKED, error="Stopped after 3 deliveries.")
    page = client.get(f"/imports/{found.pk}/").content.decode()
    assert "Stopped after 3 deliveries." in page
    assert "The check has stopped" in page
    assert "Reading every row" not in page
    assert "Check again" in page
    assert f'/jobs/{found.job_id}"' in page
    assert "being checked" not in client.get("/imports/").content.decode().partition("<tbody>")[2]
    client.post(f"/imports/{found.pk}/check", NAMES)
    assert run(FileImport.objects.get(pk=found.pk)).n_rows == 3


def test_an_import_is_discarded(client: Client, admin: User) -> None:
    found = run(send(client, jsonl()))
    response = client.post(f"/imports/{found.pk}/discard", follow=True)
    assert b"is discarded, its file is deleted" in response.content
    assert b"Nothing of this file was imported" in client.get(f"/imports/{found.pk}/").content


def test_what_a_file_holds_is_shown_as_text_and_runs_nothing(client: Client, admin: User) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    data = jsonl(1, prompt=evil, baseline=evil, candidate="same", **{evil: 1})
    found = run(send(client, data, filename="<b>.jsonl"))
    page = client.get(f"/imports/{found.pk}/").content.decode()
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "<b>.jsonl" not in page


def test_a_file_over_the_limit_is_refused_as_it_arrives(client: Client, admin: User, settings: Settings) -> None:
    settings.UPLOAD_MAX_BYTES = 1000
    file = SimpleUploadedFile("pairs.jsonl", b"x" * 5000)
    response = client.post("/imports/new", {"token": str(uuid4()), "kind": "pairs", "file": file})
    assert response.status_code == 413
    text = response.content.decode()
    assert "the most this site takes" in text
    assert "UPLOAD_MAX_MB" in text
    assert "This field is required" not in text
    assert not Upload.objects.exists()


def test_a_body_that_is_announced_too_large_is_not_written_at_all(
    client: Client, admin: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.UPLOAD_MAX_BYTES = 1000

    def no_file(*args: object, **options: object) -> None:
        raise AssertionError("a temporary file was made")

    monkeypatch.setattr("django.core.files.uploadhandler.TemporaryUploadedFile", no_file)
    file = SimpleUploadedFile("pairs.jsonl", b"x" * (2 * 1024 * 1024))
    response = client.post("/imports/new", {"token": str(uuid4()), "kind": "pairs", "file": file})
    assert response.status_code == 413


def test_a_file_at_the_limit_is_taken(client: Client, admin: User, settings: Settings) -> None:
    data = jsonl()
    settings.UPLOAD_MAX_BYTES = len(data)
    assert run(send(client, data)).n_rows == 3


def test_a_link_cannot_choose_the_id_of_an_import(client: Client, admin: User) -> None:
    known = begin(jsonl(), by=admin)
    page = client.get(f"/imports/new?token={known.pk}").content.decode()
    assert 'name="token"' in page
    assert f'value="{known.pk}"' not in page
