"""What is known is gathered, decided on and kept; what moved is gathered again, and each move of the verdict stays."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotations.models import Seat
from evalsite.platform import jobs
from evalsite.platform.models import Job
from experiments import tasks
from experiments.go_no_go import Evidence, decide
from experiments.models import (
    BenchmarkRun,
    Endpoint,
    EvalSet,
    EvidenceSnapshot,
    Experiment,
    ExperimentSuite,
    PlanAmendment,
    SuiteRole,
    VerdictChange,
)
from experiments.policy import Criterion
from experiments.reports.evidence.freshness import same_evidence, sources
from experiments.reports.evidence.gathering import gather
from experiments.reports.evidence.page import NO_POLICY, Dashboard
from experiments.reports.policies.registered import current
from experiments.services import evidence
from experiments.services.campaigns import amending, running, unblinding
from experiments.services.campaigns.amending import CannotLower
from tests.factories.benchmarks_ import make_called_model, make_endpoint, make_items, make_run
from tests.factories.evidence_ import (
    GAIN,
    PREFERRED,
    add_suite,
    gathered,
    make_decided_experiment,
    make_empty_experiment,
    register_policy,
)
from tests.factories.experiments_ import make_eval_set, make_experiment, make_model_version
from tests.factories.platform_ import NOW
from tests.factories.results_ import judge_arms, make_judged_campaign, make_lead, make_open_campaign

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(minutes=5)


def shown(row: EvidenceSnapshot) -> Dashboard:
    return Dashboard.from_dict(row.payload)


def test_without_a_policy_the_layers_are_shown_and_no_verdict_is_given() -> None:
    experiment = make_empty_experiment()
    add_suite(experiment, [1.0, 0, 0, 0], [1.0, 1, 0, 0])
    row = gathered(experiment)
    found = shown(row)
    assert (row.verdict, found.verdict) == (NO_POLICY, NO_POLICY)
    assert found.criteria == ()
    benchmarks = found.by_layer["benchmarks"]
    assert benchmarks.headline is not None
    assert benchmarks.headline.estimate == 0.25
    assert benchmarks.sentence.endswith("1 answers got better, 0 worse.")
    assert found.by_layer["human"].why_none == "No campaign is open yet: register one and open it."
    assert not VerdictChange.objects.exists()


def test_the_kept_evidence_gives_the_kept_verdict() -> None:
    experiment = make_decided_experiment()
    row = EvidenceSnapshot.objects.get(experiment=experiment)
    rule = current(experiment)
    assert rule is not None
    again = Evidence.from_dict(json.loads(row.text))
    verdict = decide(rule.policy, again)
    assert (row.verdict, row.reason) == (verdict.verdict, verdict.reason) == ("GO", verdict.reason)
    assert (again.canonical().decode(), again.sha256) == (row.text, row.sha256)
    found = shown(row)
    assert found.met == 1
    assert found.policy is not None
    assert found.policy.sha256 == rule.row.sha256
    [criterion] = found.criteria
    assert (criterion.estimate, criterion.unit, criterion.threshold_words) == (
        0.2,
        "points",
        "at least 5 points higher",
    )
    assert criterion.axis_low <= 0 < 0.2 < criterion.axis_high
    assert found.evidence_sha256 == row.sha256


def test_gathering_twice_says_the_same_to_the_byte() -> None:
    experiment = make_decided_experiment()
    first = EvidenceSnapshot.objects.get(experiment=experiment)
    second = gathered(experiment, now=LATER)
    assert (first.text, first.payload["data_sha256"]) == (second.text, second.payload["data_sha256"])


def test_a_move_of_the_verdict_stays_on_record() -> None:
    experiment = make_decided_experiment()
    gathered(experiment, now=LATER)
    assert VerdictChange.objects.count() == 1
    add_suite(experiment, [1.0] * 40, [0.0] * 40)
    found = shown(gathered(experiment, now=LATER))
    assert [change.sentence for change in found.changes] == [
        "GO became NO-GO: Target task improves went from met to not met.",
        "First verdict: GO.",
    ]


def test_an_amended_policy_decides_anew() -> None:
    experiment = make_decided_experiment()
    register_policy(experiment, replace(GAIN, threshold=0.3), reason="Five points were too few.", by=make_lead())
    found = shown(gathered(experiment, now=LATER))
    assert found.verdict == "NO-GO"
    assert found.policy is not None
    assert found.policy.number == 2
    assert found.policy.after_evidence
    assert [act.reason for act in found.amendments] == ["Five points were too few."]


def test_nothing_is_gathered_again_while_nothing_has_moved() -> None:
    experiment = make_decided_experiment()
    assert evidence.due(now=LATER) == []
    kept = evidence.refresh(experiment=experiment, now=LATER)
    assert kept is not None
    assert kept.computed_at == NOW


def test_what_moved_is_due_once_it_has_rested() -> None:
    experiment = make_decided_experiment()
    add_suite(experiment, [1.0] * 4, [1.0] * 4, role=SuiteRole.GENERAL)
    assert evidence.due(now=NOW + timedelta(seconds=1)) == []
    assert evidence.due(now=LATER) == [experiment]
    tasks.refresh_evidence(experiment.pk)
    assert evidence.due(now=LATER + timedelta(days=3000)) == []


def test_mere_progress_is_told_without_gathering() -> None:
    experiment = make_experiment(n_cases=4)
    campaign = make_open_campaign(experiment=experiment)
    gathered(experiment)
    before = sources([experiment])[experiment.pk]
    seat = Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer").first()
    assert seat is not None
    judge_arms(seat, ["candidate"], limit=2)
    assert same_evidence(before, sources([experiment])[experiment.pk])
    assert evidence.due(now=LATER) == []
    row = EvidenceSnapshot.objects.get(experiment=experiment)
    assert row.computed_at == NOW
    assert [(one.done, one.total) for one in shown(row).running] == [(2, 8)]


def test_a_judgment_whose_direction_is_known_makes_the_evidence_stale() -> None:
    experiment = make_experiment(n_cases=4)
    campaign = make_open_campaign(experiment=experiment)
    unblinding.unblind(campaign=campaign, by=make_lead(), reason="The board asks.", now=NOW)
    before = sources([experiment])[experiment.pk]
    seat = Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer").first()
    assert seat is not None
    judge_arms(seat, ["candidate"], limit=1)
    assert not same_evidence(before, sources([experiment])[experiment.pk])


def test_another_price_makes_the_evidence_stale_and_the_data_others() -> None:
    endpoint = make_endpoint(price_per_million_input=1)
    experiment = Experiment.objects.create(
        name="Priced", baseline=make_model_version(), candidate=make_called_model(endpoint=endpoint), created_at=NOW
    )
    add_suite(experiment, [1.0] * 4, [1.0] * 4)
    before, source = gathered(experiment).payload["data_sha256"], sources([experiment])[experiment.pk]
    Endpoint.objects.filter(pk=endpoint.pk).update(price_per_million_input=2)
    assert not same_evidence(source, sources([experiment])[experiment.pk])
    assert gathered(experiment).payload["data_sha256"] != before


def test_settings_of_a_session_do_not_change_the_hash_of_the_data() -> None:
    experiment = make_decided_experiment()
    before = gathered(experiment).payload["data_sha256"]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL bytea_output = 'escape'")
        cursor.execute("SET LOCAL extra_float_digits = -3")
    assert gathered(experiment).payload["data_sha256"] == before


@pytest.mark.django_db(transaction=True)
def test_all_is_read_of_one_moment_and_the_turn_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = make_decided_experiment()
    before = EvidenceSnapshot.objects.get(experiment=experiment).payload["data_sha256"]
    n_scores = []

    def disturbed(*args: Any, **given: Any) -> Any:
        """While all is read, somebody else commits."""
        with connection.get_new_connection(connection.get_connection_params()) as other:
            other.execute("SET LOCAL session_replication_role = replica")  # past the trigger, as only a superuser can
            n_scores.append(other.execute("DELETE FROM experiments_score").rowcount)
        return gather(*args, **given)

    monkeypatch.setattr("experiments.services.evidence.gather", disturbed)
    found = gathered(experiment, now=LATER)
    assert n_scores[0] > 0
    assert (found.verdict, found.payload["data_sha256"]) == ("GO", before)
    other = connection.get_new_connection(connection.get_connection_params())
    try:
        held = other.execute("SELECT pg_try_advisory_lock(%s, %s)", [evidence.EVIDENCE_LOCK, experiment.pk]).fetchone()
    finally:
        other.close()
    assert held == (True,)


def test_two_workers_do_not_gather_the_same_at_once() -> None:
    experiment = make_empty_experiment()
    other = connection.get_new_connection(connection.get_connection_params())
    try:
        other.execute("SELECT pg_advisory_lock(%s, %s)", [evidence.EVIDENCE_LOCK, experiment.pk])
        assert evidence.refresh(experiment=experiment, now=LATER) is None
    finally:
        other.close()


def test_somebody_who_waits_gets_a_job() -> None:
    experiment = make_decided_experiment()
    add_suite(experiment, [1.0] * 4, [1.0] * 4)
    job = evidence.ask(experiment=experiment, now=LATER)
    assert evidence.ask(experiment=experiment, now=LATER).pk == job.pk
    jobs.run(job.pk)
    job.refresh_from_db()
    assert job.status == Job.Status.DONE, job.error
    assert EvidenceSnapshot.objects.get(experiment=experiment).computed_at > NOW


def test_a_hidden_direction_stays_out_of_all_that_is_kept() -> None:
    experiment = make_experiment(n_cases=6)
    register_policy(experiment, PREFERRED)
    campaign = make_open_campaign(experiment=experiment)
    seat = Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer").first()
    assert seat is not None
    judge_arms(seat, ["candidate"])
    row = gathered(experiment)
    found = shown(row)
    [criterion] = found.criteria
    assert (criterion.state, criterion.estimate, criterion.status) == ("hidden", None, "no_evidence")
    human = found.by_layer["human"]
    assert (human.state, human.headline, human.split) == ("hidden", None, ())
    assert found.fragility == ()


def test_an_early_look_at_a_fixed_number_is_invalid_and_named() -> None:
    experiment = make_experiment(n_cases=6)
    register_policy(experiment, PREFERRED)
    campaign = make_open_campaign(experiment=experiment)
    seat = Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer").first()
    assert seat is not None
    judge_arms(seat, ["candidate"])
    unblinding.unblind(campaign=campaign, by=make_lead(username="mara"), reason="The board asks.", now=NOW)
    found = shown(gathered(experiment))
    assert found.verdict == "INVALID"
    [failed] = found.failures
    assert failed.key == "opened_early"
    assert failed.detail.startswith("mara opened it at 6 of 12 judgments: The board asks.")
    [look] = found.unblindings
    assert (look.by, look.reason) == ("mara", "The board asks.")


def test_lowering_the_number_after_a_look_does_not_make_the_look_one_in_time() -> None:
    experiment = make_experiment(n_cases=6)
    register_policy(experiment, PREFERRED)
    campaign = make_open_campaign(experiment=experiment)
    seats = list(Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer"))
    judge_arms(seats[0], ["candidate"])
    lead = make_lead()
    unblinding.unblind(campaign=campaign, by=lead, reason="The board asks.", now=NOW)
    running.remove_reviewer(seat=seats[1], actor=lead, now=NOW)
    with pytest.raises(CannotLower, match="The direction has been opened"):
        amending.lower(campaign=campaign, by=lead, reason="He left.", now=LATER)
    # Written before that was refused.
    PlanAmendment.objects.create(
        campaign=campaign, planned_before=12, planned_judgments=6, n_judgments=6, reason="He left.", by=lead, at=LATER
    )
    found = shown(gathered(experiment, now=LATER))
    assert found.verdict == "INVALID"
    assert "at 6 of 12 judgments" in found.failures[0].detail


def test_a_look_after_the_number_was_lowered_is_one_in_time() -> None:
    experiment = make_experiment(n_cases=6)
    register_policy(experiment, PREFERRED)
    campaign = make_open_campaign(experiment=experiment)
    seats = list(Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer"))
    judge_arms(seats[0], ["candidate"])
    lead = make_lead()
    running.remove_reviewer(seat=seats[1], actor=lead, now=NOW)
    amending.lower(campaign=campaign, by=lead, reason="He left.", now=NOW)
    unblinding.unblind(campaign=campaign, by=lead, reason="The board asks.", now=LATER)
    assert shown(gathered(experiment, now=LATER)).failures == ()


def test_what_no_criterion_asks_for_cannot_make_it_invalid() -> None:
    experiment = make_experiment(n_cases=3)
    register_policy(experiment, GAIN)
    add_suite(experiment, [0.0] * 4, [1.0] * 4)
    campaign = make_open_campaign(experiment=experiment)
    unblinding.unblind(campaign=campaign, by=make_lead(), reason="Only a test.", now=NOW)
    found = shown(gathered(experiment))
    assert [row.key for row in found.failures] == ["opened_early"]
    assert found.verdict != "INVALID"


def test_a_version_of_a_set_that_only_one_model_was_run_over_is_invalid() -> None:
    experiment = make_empty_experiment()
    register_policy(experiment, GAIN)
    old, new = (make_eval_set(name="support", version=version) for version in (1, 2))
    ExperimentSuite.objects.create(experiment=experiment, eval_set=new)
    make_items(make_run(eval_set=new, model_version=experiment.baseline))
    make_items(make_run(eval_set=old, model_version=experiment.candidate))
    found = shown(gathered(experiment))
    assert found.verdict == "INVALID"
    [failed] = found.failures
    assert failed.detail == (
        "The baseline was run over support v2, the candidate over v1: cases of two versions are not the same cases. "
        "Run both over one version."
    )


@pytest.mark.parametrize("both_ran_the_old_one", [True, False])
def test_a_version_that_one_model_was_only_started_over_is_waited_for(both_ran_the_old_one: bool) -> None:
    experiment = make_empty_experiment()
    register_policy(experiment, GAIN)
    old, new = (make_eval_set(name="support", version=version) for version in (1, 2))
    ExperimentSuite.objects.create(experiment=experiment, eval_set=new)
    make_items(make_run(eval_set=old, model_version=experiment.candidate))
    if both_ran_the_old_one:
        make_items(make_run(eval_set=old, model_version=experiment.baseline))
        make_items(make_run(eval_set=new, model_version=experiment.baseline))
    else:
        make_run(eval_set=new, model_version=experiment.baseline, status=BenchmarkRun.Status.RUNNING)
    row = gathered(experiment)
    assert row.verdict == "INCONCLUSIVE"
    [check] = [one for one in shown(row).health if one.key == "eval_set_versions"]
    assert check.status == "unknown"
    assert check.detail.startswith("Only the baseline was started over support v2 so far, the candidate over v1")


def test_a_review_of_another_version_than_the_benchmarks_is_invalid() -> None:
    experiment = make_experiment(n_cases=4)
    register_policy(experiment, GAIN, PREFERRED)
    judged = ExperimentSuite.objects.get(experiment=experiment).eval_set
    make_judged_campaign(experiment=experiment)
    assert "eval_set_versions" not in {row.key for row in shown(gathered(experiment)).failures}
    add_suite(experiment, [0.0] * 4, [1.0] * 4, name=judged.name, version=judged.version + 1)
    row = gathered(experiment)
    failed = [one for one in shown(row).failures if one.key == "eval_set_versions"]
    assert row.verdict == "INVALID"
    assert [one.layer for one in failed] == ["human"]
    assert f"First round judges {judged}, the benchmarks are of" in failed[0].detail


def add_newer(experiment: Experiment, judged: EvalSet) -> EvalSet:
    newer = add_suite(
        experiment,
        [0.0] * 4,
        [1.0] * 4,
        name=judged.name,
        version=judged.version + 1,
        baseline_outputs={"text": "Something else."},
    )
    return newer.eval_set


@pytest.mark.parametrize("asked", [(GAIN, PREFERRED), (PREFERRED,)])
def test_a_review_that_mixes_two_versions_is_invalid(asked: tuple[Criterion, ...]) -> None:
    """Also where no benchmark is asked of that set: their votes stand in one number."""
    experiment = make_experiment(n_cases=4)
    register_policy(experiment, *asked)
    judged = ExperimentSuite.objects.get(experiment=experiment).eval_set
    newer = add_newer(experiment, judged)
    make_judged_campaign(experiment=experiment, eval_sets=[judged.pk, newer.pk])
    [check] = [one for one in shown(gathered(experiment)).failures if one.key == "eval_set_versions"]
    assert shown(gathered(experiment)).verdict == "INVALID"
    assert f"First round judges {judged} and {newer}, the " in check.detail


def test_two_reviews_of_two_versions_are_one_number_only_where_neither_is_named() -> None:
    experiment = make_experiment(n_cases=4)
    judged = ExperimentSuite.objects.get(experiment=experiment).eval_set
    first = make_judged_campaign(experiment=experiment)
    newer = add_newer(experiment, judged)
    make_judged_campaign(experiment=experiment, title="Second round", eval_sets=[newer.pk])
    register_policy(experiment, PREFERRED)
    [check] = [one for one in shown(gathered(experiment)).failures if one.key == "eval_set_versions"]
    assert f"First round judges {judged}, the newest that is judged is {newer}" in check.detail
    named = replace(PREFERRED, evidence=replace(PREFERRED.evidence, campaign=str(first.uuid)))
    register_policy(experiment, named, reason="The first round was the one we meant.")
    assert shown(gathered(experiment)).verdict != "INVALID"


def test_errors_and_missing_pairs_are_invalid_by_the_share_of_the_policy() -> None:
    experiment = make_empty_experiment()
    register_policy(experiment, GAIN, max_error_share=0.05)
    add_suite(experiment, [0.0] * 20, [1.0] * 20, errors={"3": "timeout", "4": "timeout"})
    found = shown(gathered(experiment))
    assert found.verdict == "INVALID"
    assert {row.key for row in found.failures} == {"errors", "missing_pairs"}
    lenient = make_empty_experiment()
    register_policy(lenient, GAIN, max_error_share=0.2)
    add_suite(lenient, [0.0] * 20, [1.0] * 20, errors={"3": "timeout"})
    assert shown(gathered(lenient)).verdict == "GO"


def test_all_layers_of_a_finished_review_are_filled() -> None:
    experiment = make_experiment(n_cases=10)
    register_policy(experiment, PREFERRED)
    make_judged_campaign(experiment=experiment, winners=["candidate", "tie", "candidate"])
    found = shown(gathered(experiment))
    human = found.by_layer["human"]
    assert human.headline is not None
    assert sum(human.split) == 20
    assert human.headline.n == 20


def test_how_many_queries_staleness_takes_does_not_depend_on_the_number_of_experiments() -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            sources(Experiment.objects.all())
        return len(captured)

    make_decided_experiment()
    few = queries()
    make_decided_experiment()
    assert queries() == few
