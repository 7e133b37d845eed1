from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from evalsite.platform.models import AuditEntry, Job, Sweep
from tests.factories.platform_ import make_job, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def lead(client: Client) -> None:
    client.force_login(make_user(username="lena", roles=["lead"]))


def test_an_empty_list_says_where_jobs_come_from(client: Client) -> None:
    assert "No jobs yet" in client.get("/jobs/").content.decode()


def test_the_list_is_filtered_by_state_and_kind(client: Client) -> None:
    make_job(kind="tests.good_work", status=Job.Status.DONE)
    make_job(kind="tests.bad_work", status=Job.Status.FAILED)
    failed = client.get("/jobs/?status=failed").content.decode()
    assert "Bad work" in failed
    assert "Good work" not in failed
    assert "Good work" in client.get("/jobs/?kind=good+wo").content.decode()
    assert "No job fits" in client.get("/jobs/?kind=else").content.decode()


def test_the_list_is_paged_and_keeps_its_filter(client: Client) -> None:
    for _ in range(51):
        make_job(kind="tests.many")
    text = client.get("/jobs/?kind=many").content.decode()
    assert "1–50 of 51" in text
    assert "?kind=many&amp;page=2" in text
    assert "51–51 of 51" in client.get("/jobs/?kind=many&page=2").content.decode()


def test_the_list_asks_the_same_few_queries_however_many_jobs(
    client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(20):
        make_job(created_by=make_user())
    with django_assert_max_num_queries(5):
        client.get("/jobs/")


def test_a_running_job_shows_how_far_it_is_and_asks_again(client: Client) -> None:
    now = timezone.now()
    job = make_job(
        status=Job.Status.RUNNING,
        progress_done=25,
        progress_total=100,
        started_at=now - timedelta(seconds=10),
        lease_until=now + timedelta(seconds=10),
    )
    text = client.get(f"/jobs/{job.pk}").content.decode()
    assert "25 of 100" in text
    assert "about 30 s left" in text
    assert 'hx-trigger="every 2s"' in text


def test_htmx_gets_only_the_part_that_changes(client: Client) -> None:
    job = make_job()
    part = client.get(f"/jobs/{job.pk}", headers={"HX-Request": "true"})
    assert "<html" not in part.content.decode()
    assert "HX-Request" in part.headers["Vary"]


def test_a_job_that_is_over_asks_no_more(client: Client) -> None:
    job = make_job(status=Job.Status.DONE)
    assert "hx-trigger" not in client.get(f"/jobs/{job.pk}").content.decode()


def test_waiting_without_a_worker_is_said_plainly(client: Client) -> None:
    job = make_job(created_at=timezone.now() - timedelta(seconds=11))
    assert "No worker is running" in client.get(f"/jobs/{job.pk}").content.decode()
    Sweep.objects.create(pk=1, at=timezone.now())
    assert "No worker is running" not in client.get(f"/jobs/{job.pk}").content.decode()


def test_a_job_asked_for_a_moment_ago_does_not_cry_for_a_worker(client: Client) -> None:
    job = make_job(created_at=timezone.now())
    assert "No worker is running" not in client.get(f"/jobs/{job.pk}").content.decode()


def test_the_error_of_a_job_is_shown_as_text(client: Client) -> None:
    job = make_job(status=Job.Status.FAILED, error="row <b>7</b>")
    assert "row &lt;b&gt;7&lt;/b&gt;" in client.get(f"/jobs/{job.pk}").content.decode()


def test_a_failed_job_is_tried_again_and_that_is_audited(client: Client) -> None:
    job = make_job(status=Job.Status.FAILED, error="gone")
    client.post(f"/jobs/{job.pk}/retry")
    job.refresh_from_db()
    assert job.status == Job.Status.QUEUED
    assert AuditEntry.objects.get().action == "job.retried"


def test_a_finished_job_is_not_tried_again(client: Client) -> None:
    job = make_job(status=Job.Status.DONE)
    client.post(f"/jobs/{job.pk}/retry")
    job.refresh_from_db()
    assert job.status == Job.Status.DONE
    assert not AuditEntry.objects.exists()


def test_a_waiting_job_is_stopped_at_once(client: Client) -> None:
    job = make_job()
    client.post(f"/jobs/{job.pk}/cancel")
    job.refresh_from_db()
    assert job.status == Job.Status.CANCELLED
    assert AuditEntry.objects.get().action == "job.cancelled"


def test_stopping_a_job_that_is_over_changes_nothing(client: Client) -> None:
    job = make_job(status=Job.Status.DONE)
    client.post(f"/jobs/{job.pk}/cancel")
    job.refresh_from_db()
    assert job.status == Job.Status.DONE
    assert not AuditEntry.objects.exists()


def test_an_unknown_job_is_not_found(client: Client) -> None:
    assert client.get(f"/jobs/{uuid4()}").status_code == 404
