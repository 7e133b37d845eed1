"""One act renews all evidence: what stands is left alone, what is missing is made, and the end is one verdict."""

import time
from collections.abc import Iterator
from io import StringIO
from typing import Any
from uuid import uuid4

import orjson
import pytest
from celery import current_app
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from evalsite.platform.models import ApiToken, AuditEntry
from experiments.models import (
    BenchmarkRun,
    EvidenceSnapshot,
    Experiment,
    ExperimentSuite,
    PipelineRun,
    RunComparison,
    SuiteRole,
)
from experiments.reports.evidence.gathering import gather
from experiments.reports.pipelines import shown
from experiments.services import endpoints, evidence
from experiments.services.pipelines import advancing, starting
from experiments.services.pipelines.following import CannotFollow, following, name_of
from tests.api.calling import Program, work_off
from tests.factories.benchmarks_ import make_called_model, make_endpoint, make_numbered_set
from tests.factories.evidence_ import add_suite, make_empty_experiment, register_policy
from tests.factories.experiments_ import make_model_version, make_output
from tests.factories.platform_ import NOW
from tests.factories.results_ import make_lead
from tests.running.model_server import ModelServer

pytestmark = pytest.mark.django_db
Status = PipelineRun.Status


@pytest.fixture
def server(settings: Settings) -> Iterator[ModelServer]:
    current_app.loader.import_default_modules()
    settings.ENDPOINT_ALLOWED_HOSTS = ["127.0.0.1"]
    settings.RUN_BACKOFF_SECONDS = 0.02
    with ModelServer() as running:
        yield running
        endpoints.client().close()
        time.sleep(0.1)


def start(experiment: Experiment) -> PipelineRun:
    return starting.start(experiment=experiment, token=uuid4(), started_by=None, now=NOW)[0]


def followed(pipeline: PipelineRun) -> PipelineRun:
    for _ in range(10):
        pipeline = advancing.advance(pipeline.pk, now=NOW)
        if pipeline.status != Status.RUNNING:
            break
        work_off()
    return pipeline


def states(pipeline: PipelineRun) -> list[str]:
    return [f"{part.state}{' again' if part.reused else ''}" for part in shown(pipeline).parts]


def imported_experiment() -> Experiment:
    """Both models' outputs over one suite, not run yet."""
    current_app.loader.import_default_modules()
    experiment = make_empty_experiment()
    suite = ExperimentSuite.objects.create(experiment=experiment, eval_set=make_numbered_set(n=4))
    for case in suite.eval_set.cases.all():
        make_output(model_version=experiment.baseline, case=case, text="something else")
        make_output(model_version=experiment.candidate, case=case, text=case.expected)
    register_policy(experiment)
    return experiment


def test_runs_scores_compares_gathers_and_decides() -> None:
    experiment = imported_experiment()
    pipeline = followed(start(experiment))
    assert pipeline.status == Status.DONE
    assert states(pipeline) == ["done"] * 4
    snapshot = EvidenceSnapshot.objects.get(experiment=experiment)
    assert (pipeline.verdict, pipeline.evidence_sha256) == (snapshot.verdict, snapshot.sha256)
    assert BenchmarkRun.objects.filter(status="done").count() == 2
    assert RunComparison.objects.exclude(payload=None).count() == 1


def test_a_second_one_does_nothing_again_and_gives_the_same_evidence() -> None:
    experiment = imported_experiment()
    first = followed(start(experiment))
    second = followed(start(experiment))
    assert states(second) == ["done again"] * 3 + ["done"]
    assert second.evidence_sha256 == first.evidence_sha256
    assert BenchmarkRun.objects.count() == 2


def test_only_the_suite_that_is_new_is_run() -> None:
    experiment = imported_experiment()
    followed(start(experiment))
    add_suite(experiment, [0.0] * 3, [1.0] * 3, compare=False)
    pipeline = followed(start(experiment))
    assert states(pipeline)[:3] == ["done again"] * 3
    assert states(pipeline)[3:] == ["done again", "done again", "done", "done"]


def test_whatever_dies_between_two_steps_nothing_is_made_twice() -> None:
    experiment = imported_experiment()
    pipeline = start(experiment)
    for _ in range(3):
        advancing.advance(pipeline.pk, now=NOW)
    assert BenchmarkRun.objects.count() == 2
    # As after a kill that lost what the first look had noted, but not the runs it made.
    pipeline.refresh_from_db()
    PipelineRun.objects.filter(pk=pipeline.pk).update(parts=[part | {"made": ""} for part in pipeline.parts])
    assert followed(pipeline).status == Status.DONE
    assert BenchmarkRun.objects.count() == 2


@pytest.mark.parametrize("has_ended", [True, False])
def test_of_several_who_come_to_its_end_one_gathers(has_ended: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waited for another finds the pipeline ended, or at least the evidence gathered."""
    experiment = make_empty_experiment()
    register_policy(experiment)
    add_suite(experiment, [0.0] * 3, [1.0] * 3)
    pipeline = start(experiment)
    gatherings, lock = [], evidence.lock

    def counted(*args: Any, **given: Any) -> Any:
        gatherings.append(1)
        return gather(*args, **given)

    def after_another(experiment: Experiment, *, waits: bool) -> bool:
        monkeypatch.setattr(evidence, "lock", lock)
        if has_ended:
            advancing.advance(pipeline.pk, now=NOW)
            # Whatever moves then is the next one's.
            add_suite(experiment, [0.0] * 3, [1.0] * 3)
        else:
            evidence.compute(experiment=experiment, now=NOW)
        return lock(experiment, waits=waits)

    monkeypatch.setattr(evidence, "gather", counted)
    monkeypatch.setattr(evidence, "lock", after_another)
    assert advancing.advance(pipeline.pk, now=NOW).status == Status.DONE
    assert len(gatherings) == 1


def test_one_runs_at_a_time_and_the_same_token_is_the_same_pipeline() -> None:
    experiment, token = imported_experiment(), uuid4()
    first, is_new = starting.start(experiment=experiment, token=token, started_by=None, now=NOW)
    assert is_new
    assert starting.start(experiment=experiment, token=token, started_by=None, now=NOW) == (first, False)
    assert starting.start(experiment=experiment, token=uuid4(), started_by=None, now=NOW) == (first, False)
    with pytest.raises(starting.PipelineRefused):
        starting.start(experiment=make_empty_experiment(), token=token, started_by=None, now=NOW)


def test_a_part_that_cannot_be_done_is_told_and_the_rest_is_done_all_the_same() -> None:
    experiment = imported_experiment()
    ExperimentSuite.objects.create(experiment=experiment, eval_set=make_numbered_set(n=2, name="no outputs"))
    pipeline = followed(start(experiment))
    assert pipeline.status == Status.FAILED
    assert states(pipeline) == ["done"] * 3 + ["failed"] * 3 + ["done"]
    assert pipeline.verdict
    assert "no outputs" in pipeline.status_reason
    assert "it has no endpoint" in shown(pipeline).parts[3].note


def test_an_experiment_without_suites_is_decided_on_what_else_there_is() -> None:
    experiment = make_empty_experiment()
    register_policy(experiment)
    pipeline = followed(start(experiment))
    assert (pipeline.status, pipeline.verdict) == (Status.DONE, "INCONCLUSIVE")


def test_models_are_called_and_a_paused_run_waits_for_somebody(server: ModelServer) -> None:
    endpoint = make_endpoint(base_url=server.base_url)
    experiment = Experiment.objects.create(
        name="called",
        baseline=make_called_model(endpoint=endpoint, name="before"),
        candidate=make_called_model(endpoint=endpoint, name="after"),
        created_at=NOW,
    )
    ExperimentSuite.objects.create(experiment=experiment, eval_set=make_numbered_set(n=5))
    pipeline = advancing.advance(start(experiment).pk, now=NOW)
    paused = BenchmarkRun.objects.filter(model_version=experiment.candidate)
    paused.update(status=BenchmarkRun.Status.PAUSED, status_reason="The budget is used up.")
    pipeline = advancing.advance(pipeline.pk, now=NOW)
    assert [part.title for part in shown(pipeline).stuck] == [f"Candidate over {paused.get().eval_set}"]
    assert "The budget is used up." in shown(pipeline).stuck[0].note
    paused.update(status=BenchmarkRun.Status.QUEUED)
    pipeline = followed(pipeline)
    assert pipeline.status == Status.DONE
    assert BenchmarkRun.objects.filter(n_done=5, n_errors=0).count() == 2


def test_a_cancelled_one_starts_nothing_more() -> None:
    pipeline = start(imported_experiment())
    assert starting.cancel(pipeline=pipeline, actor=None, now=NOW)
    assert not starting.cancel(pipeline=pipeline, actor=None, now=NOW)
    assert followed(pipeline).status == Status.CANCELLED
    assert BenchmarkRun.objects.count() == 0


def test_the_command_works_without_a_worker_and_prints_the_verdict() -> None:
    experiment = imported_experiment()
    out = StringIO()
    call_command("run_pipeline", str(experiment.pk), format="json", stdout=out, stderr=StringIO())
    told = orjson.loads(out.getvalue())
    assert told["status"] == "done"
    assert told["verdict"] == EvidenceSnapshot.objects.get(experiment=experiment).verdict
    assert [part["state"] for part in told["parts"]] == ["done"] * 4
    with pytest.raises(CommandError, match="There is no experiment"):
        call_command("run_pipeline", "nothing", stdout=out)


def test_the_page_starts_it_follows_it_and_says_what_came_of_it(client: Client) -> None:
    experiment = imported_experiment()
    client.force_login(make_lead())
    address = reverse("pipelines", args=[experiment.pk])
    assert "Not run yet" in client.get(address).content.decode()
    form = {"token": str(uuid4())}
    for _ in range(2):
        assert client.post(reverse("start_pipeline", args=[experiment.pk]), form).status_code == 302
    page = client.get(address).content.decode()
    assert "On its way" in page
    assert "No worker is running" in page
    followed(PipelineRun.objects.get())
    assert "To the dashboard" in client.get(address).content.decode()


def test_the_page_of_an_experiment_without_suites_leads_to_the_eval_sets(client: Client) -> None:
    client.force_login(make_lead())
    page = client.get(reverse("pipelines", args=[make_empty_experiment().pk])).content.decode()
    assert "No suite yet" in page
    assert reverse("start_pipeline", args=[make_empty_experiment().pk]) not in page
    assert "no policy to go on by" in page


def test_the_api_starts_it_once_and_tells_how_far_it_is() -> None:
    experiment, key = imported_experiment(), uuid4()
    path = f"/experiments/{experiment.pk}/pipeline"
    program, reader = Program(ApiToken.Scope.BENCHMARKS), Program(ApiToken.Scope.READ)
    assert reader.get(path).status_code == 404
    first = program.post(path, key=key)
    again = program.post(path, key=key)
    assert (first.status_code, again.content) == (201, first.content)
    followed(PipelineRun.objects.get())
    assert reader.get(path).json()["status"] == "done"


def test_another_candidate_gets_the_next_experiment_once_under_the_same_rule() -> None:
    experiment = imported_experiment()
    ExperimentSuite.objects.filter(experiment=experiment).update(role=SuiteRole.GENERAL, margin=0.02)
    candidate = make_model_version(name="support-v3")
    path = f"/experiments/{experiment.pk}/pipeline?candidate={candidate.pk}"
    program = Program(ApiToken.Scope.BENCHMARKS)
    told = [program.post(path, key=uuid4()).json() for _ in range(2)]
    made = Experiment.objects.get(pk=told[0]["experiment"])
    assert told[1]["experiment"] == made.pk != experiment.pk
    assert (made.baseline, made.candidate) == (experiment.baseline, candidate)
    assert made.name == f"{experiment.name}: {candidate}"
    [suite] = made.suites.all()
    assert (suite.role, suite.margin) == (SuiteRole.GENERAL, 0.02)
    [row], [before] = made.policies.all(), experiment.policies.all()
    assert (row.sha256, row.number) == (before.sha256, 1)
    assert following(experiment=made, candidate=candidate, actor=None, now=NOW) == made
    gathered = evidence.compute(experiment=made, now=NOW, waits=True)
    assert gathered is not None
    assert gathered.payload["deviations"] == []


def test_the_page_runs_it_for_a_new_candidate_once(client: Client) -> None:
    experiment, lead = imported_experiment(), make_lead()
    candidate, other = make_model_version(name="support-v3"), make_model_version(name="support-v4")
    client.force_login(lead)
    address = reverse("follow_pipeline", args=[experiment.pk])
    assert address in client.get(reverse("pipelines", args=[experiment.pk])).content.decode()
    form = {"token": str(uuid4()), "candidate": str(candidate.pk)}
    told = [client.post(address, form).headers["Location"] for _ in range(2)]
    made = Experiment.objects.get(candidate=candidate)
    assert set(told) == {reverse("pipelines", args=[made.pk])}
    assert PipelineRun.objects.get().started_by == lead
    assert AuditEntry.objects.filter(action="experiment.followed", actor=lead).count() == 1
    refused = client.post(address, form | {"candidate": str(other.pk)})
    assert refused.status_code == 422
    assert "used before for another experiment" in refused.content.decode()
    assert not Experiment.objects.filter(candidate=other).exists()


@pytest.mark.parametrize("candidate", ["", "0", "baseline"])
def test_the_page_says_which_candidate_cannot_be_taken(client: Client, candidate: str) -> None:
    experiment = imported_experiment()
    make_model_version()
    client.force_login(make_lead())
    chosen = str(experiment.baseline_id) if candidate == "baseline" else candidate
    form = {"token": str(uuid4()), "candidate": chosen}
    refused = client.post(reverse("follow_pipeline", args=[experiment.pk]), form)
    assert refused.status_code == 422
    assert 'id="follow_candidate_error"' in refused.content.decode()
    assert not PipelineRun.objects.exists()


def test_without_a_rule_there_is_nothing_to_follow() -> None:
    with pytest.raises(CannotFollow, match="no registered policy"):
        following(experiment=make_empty_experiment(), candidate=make_model_version(), actor=None, now=NOW)
    name, candidate = "n" * 200, make_model_version()
    assert name_of(Experiment(name=name), candidate).endswith(f": {candidate}")
    assert len(name_of(Experiment(name=name), candidate)) == 200


def test_the_command_takes_the_new_candidate_by_name() -> None:
    experiment, candidate = imported_experiment(), make_model_version(name="support-v3")
    for case in experiment.suites.get().eval_set.cases.all():
        make_output(model_version=candidate, case=case, text=case.expected)
    out = StringIO()
    call_command(
        "run_pipeline", str(experiment.pk), candidate="support-v3", format="json", stdout=out, stderr=StringIO()
    )
    told = orjson.loads(out.getvalue())
    assert told["status"] == "done"
    assert Experiment.objects.get(pk=told["experiment"]).candidate == candidate
