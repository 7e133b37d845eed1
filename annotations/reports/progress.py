"""How far a reviewer is, at which pace, and about how long the rest takes."""

import math
from dataclasses import dataclass

from annotations.models import Seat

MS_PER_MINUTE = 60_000


@dataclass(frozen=True)
class Progress:
    done: int
    left: int
    seconds_per_pair: int | None
    minutes_left: int | None
    shared: bool

    @property
    def total(self) -> int:
        return self.done + self.left

    @property
    def pace(self) -> str:
        if self.seconds_per_pair is None:
            return ""
        minutes, seconds = divmod(self.seconds_per_pair, 60)
        return f"{minutes}:{seconds:02d} min a pair" if minutes else f"{seconds} s a pair"


def of_seat(seat: Seat) -> Progress:
    """From a seat as read by `seated`. Who shares a campaign gets an even share of what is left."""
    left = pairs_left(seat)
    ms_per_pair = seat.active_ms / seat.done if seat.done and seat.active_ms else None
    return Progress(
        done=seat.done,
        left=left,
        seconds_per_pair=round(ms_per_pair / 1000) if ms_per_pair else None,
        minutes_left=math.ceil(left * ms_per_pair / MS_PER_MINUTE) if ms_per_pair else None,
        shared=is_shared(seat),
    )


def is_shared(seat: Seat) -> bool:
    return seat.team_size > seat.campaign.reviewers_per_pair


def pairs_left(seat: Seat) -> int:
    campaign = seat.campaign
    unseen = campaign.n_tasks - seat.done - seat.skipped
    wanted = campaign.n_tasks * campaign.reviewers_per_pair - seat.team_done
    # Where each pair needs everybody, nobody else can take one off this reviewer, however far the others are.
    share = math.ceil(wanted / seat.team_size) if is_shared(seat) else wanted
    return max(0, min(unseen, share))
