"""Health first: whether the traffic of a test can be believed at all, before any difference is read."""

from collections.abc import Sequence

from experiments.live_plan import Plan
from experiments.reports.live.payload import Figure, HealthCheck, HealthStatus, PerArm, Phase
from experiments.reports.live.phases import SplitCheck
from experiments.reports.live.traffic import Traffic
from experiments.reports.live.wording import probability, value

BLOCKS_BELOW, WARNS_BELOW = 0.001, 0.01
MOST_IN_BOTH, MOST_REFUSED, MOST_BOTS = 0.001, 0.01, 0.001
SLOW_SECONDS = 24 * 3600
WORST: dict[HealthStatus, int] = {"failed": 0, "warning": 1, "unknown": 2, "ok": 3}
REFUSED = {
    "malformed": "not understood",
    "late": "too late",
    "early": "from a clock that is ahead",
    "before_exposure": "before the unit was exposed",
    "not_exposed": "of units never exposed",
    "not_running": "while the test did not run",
    "conflict": "with the id of another event",
}


def health(
    traffic: Traffic, split: SplitCheck, phases: Sequence[Phase], plan: Plan, *, hidden: bool = False
) -> tuple[HealthCheck, ...]:
    """The split first, since it alone blocks; the rest by how bad they are."""
    rest = [
        both_arms(traffic),
        *([moved(traffic)] if traffic.moved else []),
        no_events(traffic, hidden=hidden),
        refused(traffic),
        duplicates(traffic),
        delays(traffic),
        bots(traffic, plan),
    ]
    return (split_check(traffic, split, phases), *sorted(rest, key=lambda one: WORST[one.status]))


def split_check(traffic: Traffic, split: SplitCheck, phases: Sequence[Phase]) -> HealthCheck:
    title = "Split as planned"
    p = split.p_value
    if p is None or split.seen is None or split.expected is None:
        return HealthCheck(key="srm", title=title, status="unknown", sentence="No unit is compared yet.")
    status: HealthStatus = "failed" if p < BLOCKS_BELOW else "warning" if p < WARNS_BELOW else "ok"
    seen = f"{split.seen:.2%} of {split.units:,} units are in treatment, {split.expected:.2%} were to be"
    words = {
        "ok": f"{seen}: as the split says ({probability(p)}).",
        "warning": f"{seen} ({probability(p)}). That is rare by chance; below .001 no verdict would be given.",
        "failed": f"{seen} ({probability(p)}). Units were lost or doubled in one arm, so no verdict is given.",
    }
    several = [
        Figure(label=f"split {one.split:.4g}", value=f"{one.units.control:,} / {one.units.treatment:,}")
        for one in phases
    ]
    return HealthCheck(
        key="srm",
        title=title,
        status=status,
        sentence=words[status],
        figures=(
            Figure(label="control", value=f"{traffic.compared.control:,}"),
            Figure(label="treatment", value=f"{traffic.compared.treatment:,}"),
            Figure(label="p", value=f"{p:.2g}"),
            *(several if len(several) > 1 else ()),
        ),
        ways_out=() if status == "ok" else WAYS_OUT_OF_A_MISMATCH,
    )


WAYS_OUT_OF_A_MISMATCH = (
    "See whether one arm loses its exposures: redirects, crashes, time-outs or a consent page before the first event.",
    "See whether all clients use the plan of now: one that has not heard of a ramp sends too few to treatment.",
    "Look at units seen in both arms: they are left out, which takes more from one arm after a ramp.",
    "When the cause is mended, start a new test: the units lost do not come back.",
)


def both_arms(traffic: Traffic) -> HealthCheck:
    n, total = traffic.conflicts.total, traffic.compared.total + traffic.conflicts.total
    title = "Units in one arm only"
    if not total:
        return HealthCheck(key="both_arms", title=title, status="unknown", sentence="No unit is exposed yet.")
    if not n:
        return HealthCheck(key="both_arms", title=title, status="ok", sentence="No unit was seen in both arms.")
    return HealthCheck(
        key="both_arms",
        title=title,
        status="warning" if n > MOST_IN_BOTH * total else "ok",
        sentence=f"{n:,} of {total:,} units ({n / total:.2%}) were seen in both arms and are left out everywhere.",
        figures=figures(traffic.conflicts),
        ways_out=(
            "Send the same unit id from every device and service: an id that changes with the session splits a person.",
            "Let clients that compute the arm themselves fetch the plan anew after a ramp.",
        ),
    )


def moved(traffic: Traffic) -> HealthCheck:
    """Their number depends on buckets and clients alone, so leaving them out biases nothing."""
    n, total = traffic.moved, traffic.compared.total + traffic.conflicts.total + traffic.moved
    return HealthCheck(
        key="moved",
        title="Units that a ramp has moved",
        status="ok",
        sentence=(
            f"{n:,} of {total:,} units were told to be in control by clients that compute the arm themselves, and the "
            "rule now says treatment. They are left out: a client that has forgotten them takes back only those that "
            "return, so the others would make control look worse or better than it is."
        ),
        figures=(Figure(label="control", value=f"{n:,}"),),
        ways_out=("Ask the site for the arm, or give the client a lasting memory: such units are compared on.",),
    )


def no_events(traffic: Traffic, *, hidden: bool) -> HealthCheck:
    """While directions are hidden for both arms together: who is silent has not done what a rate counts."""
    title = "Events of exposed units"
    silent, exposed = traffic.silent, traffic.compared
    if not exposed.total:
        return HealthCheck(key="no_events", title=title, status="unknown", sentence="No unit is exposed yet.")
    mute = [
        name
        for name in ("control", "treatment")
        if getattr(exposed, name) and getattr(silent, name) == getattr(exposed, name)
    ]
    share = silent.total / exposed.total
    status: HealthStatus = "ok"
    sentence = f"{exposed.total - silent.total:,} of {exposed.total:,} units have sent an event that a metric counts."
    ways: tuple[str, ...] = ()
    if len(mute) == 2:
        status, sentence = "warning", f"None of {exposed.total:,} units has sent an event that a metric counts yet."
        ways = (
            "See the refused events below: they say what is wrong with them.",
            "Compare the names of events sent with those in the plan, letter by letter.",
        )
    elif mute:
        status = "failed"
        sentence = f"No unit of {mute[0]} has sent an event that a metric counts, and units of the other arm have."
        ways = (f"See whether the {mute[0]} code sends its events at all.",)
    return HealthCheck(
        key="no_events",
        title=title,
        status=status,
        sentence=sentence,
        figures=(
            *(() if hidden else figures(silent, "without an event")),
            Figure(label="share without", value=value(share, "rate")),
        ),
        ways_out=ways,
    )


def refused(traffic: Traffic) -> HealthCheck:
    found = {name: n for name, n in traffic.answers.items() if name in REFUSED and n}
    # Answers are counted where an event was not simply accepted.
    n, asked = sum(found.values()), traffic.events + sum(traffic.answers.values())
    if not n:
        words = "Every event was taken." if traffic.events else "No event has come yet."
        return HealthCheck(
            key="refused", title="Events taken", status="ok" if traffic.events else "unknown", sentence=words
        )
    worst = max(found, key=lambda name: found[name])
    return HealthCheck(
        key="refused",
        title="Events taken",
        status="warning" if n > MOST_REFUSED * asked else "ok",
        sentence=f"{n:,} of {asked:,} events were not taken, most of them {REFUSED[worst]} ({found[worst]:,}).",
        figures=tuple(Figure(label=REFUSED[name], value=f"{count:,}") for name, count in sorted(found.items())),
        ways_out=("The list of refused events says of each what is wrong with it.",),
    )


def duplicates(traffic: Traffic) -> HealthCheck:
    n = traffic.answers.get("duplicate", 0)
    if not traffic.events:
        return HealthCheck(key="duplicates", title="Duplicates", status="unknown", sentence="No event has come yet.")
    return HealthCheck(
        key="duplicates",
        title="Duplicates",
        status="ok",
        sentence=f"{n:,} events came more than once and count once." if n else "No event came twice.",
        figures=(Figure(label="events", value=f"{traffic.events:,}"), Figure(label="duplicates", value=f"{n:,}")),
    )


def delays(traffic: Traffic) -> HealthCheck:
    title = "Delay of events"
    if traffic.imported:
        return HealthCheck(
            key="delays", title=title, status="unknown", sentence="Events were imported, so their delay is not known."
        )
    if traffic.delay is None:
        return HealthCheck(key="delays", title=title, status="unknown", sentence="No event has come yet.")
    median, most = traffic.delay
    slow = most > SLOW_SECONDS
    return HealthCheck(
        key="delays",
        title=title,
        status="warning" if slow else "ok",
        sentence=f"Of the latest events half arrived within {lasting(median)} and 95% within {lasting(most)}.",
        ways_out=("The newest units have not told all yet: wait so long before reading the result.",) if slow else (),
    )


def bots(traffic: Traffic, plan: Plan) -> HealthCheck:
    n, total = traffic.bots.total, traffic.compared.total
    many = f"more than {plan.bot_events_per_day:,} events a day"
    if not n:
        status: HealthStatus = "ok" if total else "unknown"
        return HealthCheck(key="bots", title="Bot-like units", status=status, sentence=f"No unit has sent {many}.")
    return HealthCheck(
        key="bots",
        title="Bot-like units",
        status="warning" if n > MOST_BOTS * total else "ok",
        sentence=f"{n:,} of {total:,} units have sent {many}. They count: to leave units out for what they did biases.",
        figures=figures(traffic.bots),
        ways_out=(
            "Keep known bots from being exposed at all. A cap in the plan bounds what one unit weighs in a mean.",
        ),
    )


def figures(units: PerArm, what: str = "") -> tuple[Figure, Figure]:
    suffix = f" {what}" if what else ""
    return (
        Figure(label=f"control{suffix}", value=f"{units.control:,}"),
        Figure(label=f"treatment{suffix}", value=f"{units.treatment:,}"),
    )


def lasting(seconds: float) -> str:
    size = max(0.0, seconds)
    for unit, length in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if size >= 2 * length:
            return f"{size / length:.0f} {unit}"
    return f"{size:.0f} seconds" if size >= 10 or size == 0 else f"{size:.1f} seconds"
