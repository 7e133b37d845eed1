"""What a result is computed from: what was read beforehand, and the traffic of the units compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from experiments.live_plan import Plan
from experiments.models import LiveAmendment, LiveLook, LiveTest
from experiments.reports.live.health import BLOCKS_BELOW
from experiments.reports.live.looks import (
    Stage,
    cutoff_of,
    past_information,
)
from experiments.reports.live.payload import (
    PerArm,
    Phase,
)
from experiments.reports.live.phases import SplitCheck, Splits, splits_of
from experiments.reports.live.traffic import Traffic


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is read before anything is computed. amendments and looks in their order."""

    live_test: LiveTest
    plan: Plan
    plan_sha256: str
    amendments: Sequence[LiveAmendment]
    looks: Sequence[LiveLook]
    now: datetime
    due_since: datetime | None = None

    @property
    def kinds(self) -> list[str]:
        return [one.kind for one in self.amendments]

    @property
    def opened_early(self) -> bool:
        return LiveAmendment.Kind.OPENED_EARLY in self.kinds

    @property
    def metrics_since(self) -> datetime | None:
        """When what a metric measures was changed last. One that was added has no past to forget."""
        changed = [one.made_at for one in self.metric_changes if "added" not in one.change]
        return max(changed, default=None)

    @property
    def metric_changes(self) -> list[LiveAmendment]:
        return [one for one in self.amendments if one.kind == LiveAmendment.Kind.METRICS]

    def added_at(self, metric: str) -> datetime | None:
        """When a metric was added after the plan was registered."""
        added = [one for one in self.metric_changes if one.change.get("added", {}).get("key") == metric]
        return added[0].made_at if added else None

    @property
    def cutoff(self) -> datetime | None:
        """A fixed-horizon test compares the units of its one reading, however many come after.

        So does a group-sequential one that was stopped after its last look, when that is read once more.
        """
        if self.plan.method == "fixed_horizon":
            return cutoff_of(self.looks)
        stopped = self.live_test.status == LiveTest.Status.STOPPED
        if self.plan.method == "group_sequential" and stopped and past_information(self.looks) >= 1:
            return max(one.at for one in self.looks if one.planned)
        return None

    @property
    def splits(self) -> Splits:
        """Of the units compared: a ramp after the cut-off moves none of them."""
        cutoff = self.cutoff
        return splits_of(
            self.plan.routing.split, [one for one in self.amendments if cutoff is None or one.made_at <= cutoff]
        )

    def behind(self, traffic: Traffic) -> bool:
        """Events are missing that had arrived when a look fell due. With steady traffic some always wait: not those."""
        if not traffic.waiting:
            return False
        return self.due_since is None or traffic.waiting_since is None or traffic.waiting_since <= self.due_since

    def looks_before(self, stage: Stage) -> Sequence[LiveLook]:
        """A look that is read again takes its own place."""
        return self.looks[:-1] if stage.again else self.looks


@dataclass(frozen=True)
class Traced:
    """The traffic of the units compared, and what the split says of it. restarts: see `read_restarts`."""

    traffic: Traffic
    phases: tuple[Phase, ...]
    split: SplitCheck
    restarts: tuple[int, ...] = ()

    @property
    def blocked(self) -> bool:
        return self.split.p_value is not None and self.split.p_value < BLOCKS_BELOW

    @property
    def units(self) -> PerArm:
        """Exposed at all, as the planned size counts them."""
        compared, both = self.traffic.compared, self.traffic.conflicts
        control = compared.control + both.control + self.traffic.moved
        return PerArm(control=control, treatment=compared.treatment + both.treatment)
