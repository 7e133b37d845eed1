"""Neither the order in which pairs come nor the side on which a response stands tells the arm."""

import inspect
import secrets
from collections import Counter
from random import Random

import pytest
from scipy.stats import binomtest, chi2_contingency

from annotations.models import Assignment, Seat
from annotations.services import assignments, seats
from experiments.models import BlindedPair
from experiments.services.campaigns import opening
from tests.factories.annotations_ import judge, make_reviewer
from tests.factories.platform_ import NOW
from tests.factories.results_ import make_open_campaign, make_paired_experiment

pytestmark = pytest.mark.django_db

N_PAIRS = 240
# With seeds fixed the test always says the same; the level says how odd a draw it may have been.
ALPHA = 0.001


def claims() -> list[tuple[int, int, int]]:
    """Of four reviewers, two per pair: place in the own order, option on the left, the candidate's option."""
    texts = [(f"Short {number}.", f"A rather longer answer to {number}.") for number in range(N_PAIRS)]
    reviewers = [make_reviewer() for _ in range(4)]
    campaign = make_open_campaign(experiment=make_paired_experiment(*texts), reviewers=reviewers, entropy_seed=4)
    rng = Random(6)
    candidate_options = dict(BlindedPair.objects.filter(campaign=campaign).values_list("task_id", "candidate_option"))
    found = []
    for start, seat in enumerate(Seat.objects.filter(campaign=campaign).select_related("reviewer")):
        Seat.objects.filter(pk=seat.pk).update(ring_start=seats.RING // 4 * start, ring_cursor=seats.RING // 4 * start)
        for place in range(N_PAIRS // 2):
            locked = seats.lock(campaign=campaign.uuid, reviewer=seat.reviewer)
            assignment = assignments.claim_next(seat=locked, now=NOW, rng=rng)
            assert assignment is not None
            judge(locked, assignment, choice="tie")
            found.append((place, assignment.first_option, candidate_options[assignment.task_id]))
    return found


def test_order_and_side_are_independent_of_the_arm() -> None:
    drawn = claims()
    assert len(drawn) == 2 * N_PAIRS

    by_place = Counter((place * 10 // (N_PAIRS // 2), option) for place, _, option in drawn)
    order = [[by_place[tenth, option] for option in (1, 2)] for tenth in range(10)]
    assert chi2_contingency(order).pvalue > ALPHA

    by_side = Counter((left, option) for _, left, option in drawn)
    sides = [[by_side[left, option] for option in (1, 2)] for left in (1, 2)]
    assert chi2_contingency(sides).pvalue > ALPHA

    candidate_left = [left == option for _, left, option in drawn]
    assert binomtest(sum(candidate_left), len(drawn)).pvalue > ALPHA
    shown = Counter(Assignment.objects.values_list("task", "first_option"))
    assert set(shown.values()) == {1}, "each pair is shown both ways round"
    for seat in Seat.objects.all():
        assert binomtest(seat.option_1_left, seat.served).pvalue > ALPHA


def test_the_draws_come_from_the_systems_own_source() -> None:
    assert inspect.signature(opening.open_campaign).parameters["entropy"].default is secrets.token_bytes
    assert inspect.signature(assignments.claim_next).parameters["rng"].default is seats.SYSTEM_RANDOM
    assert inspect.signature(seats.add).parameters["rng"].default is seats.SYSTEM_RANDOM
