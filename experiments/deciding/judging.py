"""One criterion against what is known of it: met, not met, undecided or no evidence, with the numbers and why."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from experiments.deciding import enough, intervals, wording
from experiments.deciding.canonical import steady
from experiments.deciding.enough import LeastN
from experiments.deciding.evidence import Observation, Part
from experiments.deciding.intervals import Reading
from experiments.deciding.verdict import CriterionResult, PartResult, Status
from experiments.policy import Criterion

WORST_FIRST: tuple[Status, ...] = ("not_met", "undecided", "no_evidence", "met")
NOTHING = Observation(state="none", why_none="There is no evidence of it yet.")
KEPT = "The interval was given at {given} and holds at every look: it is not narrowed to {asked}."
SECOND_LOOK = "Added because of this number they are a second look at it, which its level does not allow for."
RESCALED = "The interval was given at {given} and is shown at {asked}, scaled as a normal one."


@dataclass(frozen=True)
class Held:
    """One number held against one threshold, which for a guardrail is its own."""

    name: str
    criterion: Criterion
    reading: Reading | None
    least: LeastN
    status: Status

    @property
    def margin(self) -> float | None:
        if self.reading is None:
            return None
        gap = self.reading.estimate - self.criterion.threshold
        return steady(gap if self.criterion.direction == "at_least" else -gap)

    @property
    def rank(self) -> tuple[int, float, str]:
        """The worst first."""
        return (WORST_FIRST.index(self.status), self.margin if self.margin is not None else 0.0, self.name)


def judge(criterion: Criterion, observation: Observation | None) -> CriterionResult:
    found = observation or NOTHING
    if found.state in ("hidden", "none"):
        found = replace(found, estimate=None, ci_low=None, ci_high=None, parts=())
    held = [hold(criterion, found, one, parts=len(found.parts)) for one in found.parts or (found,)]
    worst = min(held, key=lambda one: one.rank)
    status = capped(overall([one.status for one in held]), criterion, found)
    reading, asked = worst.reading, worst.criterion
    more = more_in_all(held, found) if status == "undecided" and may_be_read(criterion, found) else None
    return CriterionResult(
        key=criterion.key,
        title=criterion.title,
        layer=criterion.evidence.layer,
        status=status,
        required=criterion.required,
        sentence=sentence(status, criterion, found, worst, more, n_parts=len(found.parts)),
        rule_words=wording.rule_words(criterion),
        comparison=asked.comparison,
        direction=asked.direction,
        rule=criterion.rule,
        level=criterion.level,
        unit=asked.unit,
        threshold=asked.threshold,
        shown_beyond=asked.shown_beyond,
        estimate=reading.estimate if reading else None,
        ci_low=reading.low if reading else None,
        ci_high=reading.high if reading else None,
        margin=worst.margin,
        n=reading.n if reading else found.n,
        n_unit=found.n_unit,
        n_more=more,
        n_min=worst.least.n,
        n_min_sentence=worst.least.sentence,
        method=found.method,
        state=found.state,
        warnings=notes(criterion, found),
        parts=tuple(part_result(one) for one in sorted(held, key=lambda one: one.rank)) if found.parts else (),
    )


def hold(criterion: Criterion, found: Observation, one: Observation | Part, *, parts: int) -> Held:
    asked = own_terms(criterion, one) if isinstance(one, Part) else criterion
    reading = intervals.read(asked, one, level=found.level, anytime=found.anytime)
    least = enough.least_n(asked, found.method, n_unit_of(found, one))
    name = one.name if isinstance(one, Part) else ""
    # At a look on the way the estimate is only where chance has it: there the interval must do all by itself.
    strict = replace(asked, shown_beyond=None) if found.state == "growing" else asked
    return Held(name, asked, reading, least, status_of(strict, reading, least, parts=parts))


def n_unit_of(found: Observation, one: Observation | Part) -> str:
    """Of what the least n is counted in."""
    return found.n_unit if one.n_independent is None else "clusters"


def own_terms(criterion: Criterion, one: Part) -> Criterion:
    """What a guardrail is held against: its own margin, in points where it is a share."""
    if one.unit is not None:
        criterion = replace(criterion, comparison="points", unit=one.unit)
    if one.threshold is None and one.direction is None:
        return criterion
    own = criterion.threshold if one.threshold is None else one.threshold
    return replace(criterion, threshold=own, direction=one.direction or criterion.direction, shown_beyond=None)


def status_of(criterion: Criterion, reading: Reading | None, least: LeastN, *, parts: int) -> Status:
    if reading is None or reading.n < 1:
        return "no_evidence"
    sign = 1 if criterion.direction == "at_least" else -1
    threshold, beyond = steady(criterion.threshold), steady(criterion.beyond)
    is_reached = sign * reading.estimate >= sign * threshold
    if criterion.rule == "observed":
        return "met" if is_reached else "not_met"
    # Of several parts, one that fails by chance must not sink the candidate; all that pass need no allowance.
    wide = intervals.for_many(reading, criterion, parts) if parts > 1 else reading
    limit, reach = wide.limit(criterion.direction), reading.reach(criterion.direction)
    if limit is not None and sign * limit < sign * threshold:
        return "not_met"
    is_shown = is_reached and reach is not None and sign * reach >= sign * beyond
    return "met" if is_shown and reading.independent >= (least.n or 0) else "undecided"


def overall(statuses: Sequence[Status]) -> Status:
    if "not_met" in statuses:
        return "not_met"
    return statuses[0] if len(set(statuses)) == 1 else "undecided"


def may_be_read(criterion: Criterion, found: Observation) -> bool:
    """What is still being gathered: only where its interval holds at any look and the interval is what is asked."""
    return found.state == "final" or (found.anytime and criterion.rule == "shown")


def capped(status: Status, criterion: Criterion, found: Observation) -> Status:
    if status in ("met", "not_met") and not may_be_read(criterion, found):
        return "undecided"
    return status


def more_in_all(held: Sequence[Held], found: Observation) -> int | None:
    """The most that any open part needs."""
    open_ones = [one for one in held if one.status == "undecided" and one.reading]
    needed = [enough.more_needed(one.criterion, one.reading, found, one.least) for one in open_ones if one.reading]
    known = [one for one in needed if one is not None]
    if any(one.status == "no_evidence" for one in held):
        return None
    return max(known) if known and len(known) == len(needed) else None


def sentence(
    status: Status, criterion: Criterion, found: Observation, worst: Held, more: int | None, *, n_parts: int
) -> str:
    reading = worst.reading
    if worst.name and status != "no_evidence" and worst.status == "no_evidence":
        return f"Of {worst.name}, one of {n_parts:,}, there is no number yet, and each must meet it."
    if status == "no_evidence" or reading is None:
        return found.why_none or NOTHING.why_none
    told = wording.numbers(reading.estimate, reading.low, reading.high, worst.criterion)
    if worst.name:
        told = f"{worst.name}, the worst of {n_parts:,}: {told}"
    rule = wording.rule_words(worst.criterion, worst.criterion.threshold)
    if not may_be_read(criterion, found):
        return f"{told} so far; it is still being gathered and decides nothing before it is complete."
    return f"{told}: {outcome(status, criterion, worst, rule)}{what_next(status, found, worst, more)}"


def outcome(status: Status, criterion: Criterion, worst: Held, rule: str) -> str:
    seen = "observed" if criterion.rule == "observed" else "shown"
    beyond = wording.beyond_words(worst.criterion)
    if status == "met":
        return f"{rule} is {seen}{f', {beyond}' if beyond else ''}."
    if status == "not_met":
        return f"{rule} is {'not observed' if seen == 'observed' else 'ruled out'}."
    return f"{rule}{f', {beyond},' if beyond else ''} is neither shown nor ruled out."


def what_next(status: Status, found: Observation, worst: Held, more: int | None) -> str:
    if status != "undecided" or worst.reading is None:
        return ""
    if worst.least.never and worst.margin is not None and worst.margin >= 0:
        return f" {worst.least.sentence}"
    if is_on_the_way(found, worst):
        return " While it is being gathered, only an interval beyond the threshold itself decides."
    if more is not None:
        settled = f" About {wording.counted(more, found.n_unit)} more would settle it, if the estimate stays."
        return settled if found.anytime else f"{settled} {SECOND_LOOK}"
    if worst.margin == 0 and worst.criterion.beyond == worst.criterion.threshold:
        return " The estimate lies at the threshold itself: only one that moves away can settle it."
    return f" How many more {found.n_unit} would settle it cannot be told."


def is_on_the_way(found: Observation, worst: Held) -> bool:
    """Whether it would be met if nothing more were to come."""
    if found.state != "growing" or worst.criterion.beyond == worst.criterion.threshold:
        return False
    return status_of(worst.criterion, worst.reading, worst.least, parts=len(found.parts)) == "met"


def notes(criterion: Criterion, found: Observation) -> tuple[str, ...]:
    if abs(found.level - criterion.level) < 1e-9 or found.estimate is None:
        return found.warnings
    words = KEPT if intervals.is_kept(criterion, found.level, anytime=found.anytime) else RESCALED
    words = words.format(given=wording.percent(found.level), asked=wording.percent(criterion.level))
    return (*found.warnings, words)


def part_result(one: Held) -> PartResult:
    reading = one.reading
    return PartResult(
        name=one.name,
        status=one.status,
        estimate=reading.estimate if reading else None,
        ci_low=reading.low if reading else None,
        ci_high=reading.high if reading else None,
        n=reading.n if reading else 0,
        threshold=one.criterion.threshold,
    )
