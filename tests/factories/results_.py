"""Campaigns of an experiment from draft to judged, and votes as arrays, whose every default is valid."""

from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np

from annotations.models import Campaign, Seat
from evalsite.platform.models import User
from experiments.models import BlindedPair, Experiment, ExperimentSuite
from experiments.reports.human.votes import Pairs, Votes
from experiments.services.campaigns import drafts, opening
from experiments.services.campaigns.drafts import CampaignDraft
from tests.factories.annotations_ import claim, judge, make_reviewer
from tests.factories.experiments_ import make_case, make_eval_set, make_experiment, make_model_version, make_output
from tests.factories.platform_ import NOW, make_user


def make_lead(*, username: str = "") -> User:
    return make_user(username=username, roles=["lead"])


def make_paired_experiment(*pairs: tuple[str, str], categories: Sequence[str] = ("",), **fields: Any) -> Experiment:
    """An experiment with these (baseline, candidate) texts, ids "1", "2" …, and the categories in turn."""
    baseline, candidate = make_model_version(), make_model_version()
    experiment = Experiment.objects.create(
        **{"name": f"{candidate.name} against {baseline.name}", "created_at": NOW, **fields},
        baseline=baseline,
        candidate=candidate,
    )
    eval_set = make_eval_set(n_cases=0)
    ExperimentSuite.objects.create(experiment=experiment, eval_set=eval_set)
    for position, (baseline_text, candidate_text) in enumerate(pairs):
        case = make_case(eval_set=eval_set, position=position, category=categories[position % len(categories)])
        make_output(model_version=baseline, case=case, text=baseline_text)
        make_output(model_version=candidate, case=case, text=candidate_text)
    return experiment


def make_draft(
    *, experiment: Experiment | None = None, reviewers: Sequence[User] | None = None, **fields: Any
) -> Campaign:
    values = {"title": "First round", "guidelines": "Prefer the answer that **helps**.", "reviewers_per_pair": 2}
    draft = CampaignDraft(
        reviewers=[make_reviewer(), make_reviewer()] if reviewers is None else reviewers, **{**values, **fields}
    )
    return drafts.create(
        experiment=experiment or make_experiment(), draft=draft, created_by=None, now=NOW, rng=Random(7)
    )


def entropy_of(seed: int) -> opening.Entropy:
    return Random(seed).randbytes


def make_open_campaign(*, entropy_seed: int = 1, **fields: Any) -> Campaign:
    campaign = make_draft(**fields)
    Campaign.objects.filter(pk=campaign.pk).update(status=Campaign.Status.OPENING)
    return opening.open_campaign(campaign_uuid=campaign.uuid, opened_by=None, now=NOW, entropy=entropy_of(entropy_seed))


def judge_arms(seat: Seat, winners: Sequence[str], *, limit: int | None = None, **said: Any) -> int:
    """Judge all this seat is given, so that the arms named win in turn: baseline, candidate, tie or both_bad."""
    done = 0
    while (limit is None or done < limit) and (assignment := claim(seat)):
        pair = BlindedPair.objects.get(task_id=assignment.task_id)
        winner = winners[done % len(winners)]
        candidate_side = "a" if assignment.first_option == pair.candidate_option else "b"
        other_side = "b" if candidate_side == "a" else "a"
        choice = {"candidate": candidate_side, "baseline": other_side}.get(winner, winner)
        judge(seat, assignment, choice=choice, **said)
        done += 1
    return done


def make_judged_campaign(*, winners: Sequence[str] = ("candidate",), **fields: Any) -> Campaign:
    """Every pair judged by as many as were asked."""
    campaign = make_open_campaign(**fields)
    for seat in Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer"):
        judge_arms(seat, winners)
    return campaign


def make_votes(
    *,
    task: Sequence[int],
    reviewer: Sequence[int],
    outcome: Sequence[int],
    side: Sequence[int] | None = None,
    n_pairs: int | None = None,
    gold: Sequence[int] | None = None,
    **fields: Any,
) -> Votes:
    n_pairs = n_pairs or max(task, default=-1) + 1
    n = len(task)
    pairs = Pairs(
        task_id=np.arange(n_pairs) + 1000,
        case_id=np.arange(n_pairs) + 5000,
        category=np.zeros(n_pairs, dtype=np.int64),
        length_difference=np.arange(n_pairs) - n_pairs // 2,
        identical=np.zeros(n_pairs, dtype=bool),
        gold=np.full(n_pairs, -1, dtype=np.int8) if gold is None else np.array(gold, dtype=np.int8),
        categories=("all",),
    )
    values: dict[str, Any] = {
        "pairs": pairs,
        "reviewers": tuple(f"reviewer{place}" for place in range(max(reviewer, default=-1) + 1)),
        "task": np.array(task, dtype=np.int64),
        "reviewer": np.array(reviewer, dtype=np.int64),
        "outcome": np.array(outcome, dtype=np.int8),
        "side": np.array(side if side is not None else [-1] * n, dtype=np.int8),
        "active_ms": np.full(n, 30_000),
        "judged_at": np.full(n, 1_772_442_000),
    }
    return Votes(**{**values, **fields})
