"""The win rate of a campaign whose votes share tasks and reviewers."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from benchmarks.simulations.promise import Promise, Trial, covers, rejects
from experiments.stats.checks import Floats, Ints
from experiments.stats.power import sample_size_win_rate
from experiments.stats.preference import length_bias, position_bias_test, win_rate, win_rate_clustered

TIE_BAND = 0.25


@dataclass(frozen=True)
class Campaign:
    """Votes cut from task effect + reviewer effect + noise; `lead` shifts all of them towards the candidate."""

    tasks: int
    votes_per_task: int
    reviewers: int
    task_sd: float = 0.3
    reviewer_sd: float = 0.3
    lead: float = 0.0

    def draw(self, rng: np.random.Generator) -> tuple[Floats, Ints, Ints]:
        items = np.repeat(np.arange(self.tasks), self.votes_per_task)
        seats = rng.random((self.tasks, self.reviewers)).argsort(axis=1)
        who = seats[:, : self.votes_per_task].ravel()
        latent = self.lead + rng.normal(0, self.task_sd, self.tasks)[items]
        latent += rng.normal(0, self.reviewer_sd, self.reviewers)[who] + rng.normal(size=items.size)
        return np.select([latent > TIE_BAND, latent < -TIE_BAND], [1.0, 0.0], 0.5), items, who

    @property
    def truth(self) -> float:
        """Expected score of a vote over tasks and reviewers."""
        spread = np.sqrt(self.task_sd**2 + self.reviewer_sd**2 + 1)
        return float(
            (special.ndtr((self.lead - TIE_BAND) / spread) + special.ndtr((self.lead + TIE_BAND) / spread)) / 2
        )


ASKED = Campaign(tasks=100, votes_per_task=5, reviewers=20)
STRONG = Campaign(tasks=100, votes_per_task=5, reviewers=20, task_sd=0.8, reviewer_sd=0.5)
AHEAD = Campaign(tasks=100, votes_per_task=5, reviewers=20, lead=0.5)
SMALL_TEAM = Campaign(tasks=200, votes_per_task=3, reviewers=6)
THREE = Campaign(tasks=200, votes_per_task=3, reviewers=3, task_sd=0.5, reviewer_sd=0.1)


def clustered_rejects(campaign: Campaign) -> Trial:
    return lambda rng: rejects(win_rate_clustered(*campaign.draw(rng)).p_value)


def clustered_covers(campaign: Campaign) -> Trial:
    return lambda rng: covers(win_rate_clustered(*campaign.draw(rng)), campaign.truth)


def naive_rejects(rng: np.random.Generator) -> bool:
    scores, _, _ = ASKED.draw(rng)
    wins, losses = int((scores == 1).sum()), int((scores == 0).sum())
    return rejects(win_rate(wins, scores.size - wins - losses, losses).p_value)


def trinomial_covers(rng: np.random.Generator) -> bool:
    rates = rng.dirichlet([1, 1, 1])
    wins, ties, losses = rng.multinomial(60, rates)
    return covers(win_rate(int(wins), int(ties), int(losses)), float(rates[0] + rates[1] / 2))


def position_rejects(rng: np.random.Generator) -> bool:
    """Votes share tasks and reviewers, but each has its side drawn by a coin."""
    scores, _, _ = STRONG.draw(rng)
    decided = scores[scores != 0.5]
    candidate_first = rng.random(decided.size) < 0.5
    return rejects(position_bias_test(int((candidate_first == (decided == 1)).sum()), decided.size).p_value)


def length_share_rejects(rng: np.random.Generator) -> bool:
    """Lengths differ by task and have no effect; tasks do."""
    scores, items, _ = Campaign(tasks=100, votes_per_task=5, reviewers=20, reviewer_sd=0).draw(rng)
    return rejects(length_bias(scores, rng.normal(size=100)[items], items=items).p_value)


def equal_length_covers(rng: np.random.Generator) -> bool:
    gaps = rng.normal(0.3, 1, 400)
    push = np.tanh(gaps / gaps.std())
    scores = (rng.random(400) < special.expit(0.4 + push)).astype(float)
    result = length_bias(scores, gaps)
    low, high = result.at_equal_length_low, result.at_equal_length_high
    return low is not None and high is not None and bool(low <= special.expit(0.4) <= high)


def power_of_the_win_rate(rng: np.random.Generator) -> bool:
    size = sample_size_win_rate(0.56, tie_rate=0.2).control
    wins, ties, losses = rng.multinomial(size, [0.46, 0.2, 0.34])
    return rejects(win_rate(int(wins), int(ties), int(losses)).p_value)


PROMISES = [
    Promise("headline win rate, true null", clustered_rejects(ASKED), 0.04, 0.065, 20_000, 1000, data="headline"),
    Promise("the same votes taken as independent", naive_rejects, 0.20, 1, 20_000, 1000, "why not", data="headline"),
    Promise("headline, strong task and reviewer effects", clustered_rejects(STRONG), 0.04, 0.065, 20_000, 500),
    Promise("headline interval, candidate ahead", clustered_covers(AHEAD), 0.935, 0.965, 20_000, 800),
    Promise("headline, 6 reviewers, true null", clustered_rejects(SMALL_TEAM), 0, 0.065, 20_000, 500),
    Promise("headline, 3 reviewers, true null", clustered_rejects(THREE), 0, 0.065, 20_000, 500, "t with 2 df: safe"),
    Promise("win rate of independent votes, interval", trinomial_covers, 0.935, 0.965, 20_000, 600),
    Promise("position bias, true null", position_rejects, 0.03, 0.05, 20_000, 600, "exact, so below 5%"),
    Promise("longer response, true null", length_share_rejects, 0.035, 0.065, 20_000, 600),
    Promise("win rate at equal length, interval", equal_length_covers, 0.935, 0.965, 10_000, 400),
    Promise("sample_size_win_rate, power 80%", power_of_the_win_rate, 0.785, 0.815, 20_000, 800),
]
