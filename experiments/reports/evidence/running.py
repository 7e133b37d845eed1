"""What is still on its way, how far it is, and when it will be enough."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.urls import reverse

from experiments.models import BenchmarkRun
from experiments.reports.evidence.live import Live
from experiments.reports.evidence.page import Criterion, Running
from experiments.reports.evidence.reviews import Reviews
from experiments.reports.evidence.suites import ARMS, Suite

ON_ITS_WAY = (*BenchmarkRun.LIVE, BenchmarkRun.Status.PAUSED)


def running(
    suites: Sequence[Suite], reviews: Reviews, tests: Sequence[Live], criteria: Iterable[Criterion]
) -> tuple[Running, ...]:
    """criteria: as they stand, for what would settle them."""
    waited = {one.layer: one for one in criteria if one.status == "undecided" and one.n_more}
    return (*runs(suites), *comparisons(suites), *campaigns(reviews, waited.get("human")), *live(tests))


def runs(suites: Sequence[Suite]) -> list[Running]:
    found = []
    for suite in suites:
        for arm in ARMS:
            run = suite.run_of(arm)
            if run is None or run.status not in ON_ITS_WAY:
                continue
            state = "" if run.status == BenchmarkRun.Status.RUNNING else f" ({run.get_status_display()})"
            found.append(
                Running(
                    what=f"{arm.capitalize()} over {suite}{state}",
                    layer="benchmark",
                    done=run.n_done + run.n_errors,
                    total=run.n_cases,
                    unit="cases",
                    enough_when="Compared as soon as both models are scored.",
                    url=reverse("run", args=[run.pk]),
                )
            )
    return found


def comparisons(suites: Sequence[Suite]) -> list[Running]:
    return [
        Running(
            what=f"Comparison over {suite}",
            layer="benchmark",
            done=0,
            total=None,
            enough_when=suite.missing.why,
            url=reverse("comparison", args=[suite.row.comparison.pk]) if suite.row.comparison else "",
        )
        for suite in suites
        if suite.missing and suite.missing.growing and not suite.row.live and not suite.row.missing
    ]


def campaigns(reviews: Reviews, waited: Criterion | None) -> list[Running]:
    found = []
    for one in reviews.unfinished(reviews.campaigns):
        progress = reviews.progress[one.pk]
        more = f"About {waited.n_more:,} more {waited.n_unit} would settle {waited.title}." if waited else ""
        known = "" if progress.revealed else "Its direction opens when the registered number is in."
        found.append(
            Running(
                what=f"{one.title}{'' if one.status == 'open' else f' ({one.get_status_display()})'}",
                layer="human",
                done=progress.counted,
                total=progress.planned,
                unit="judgments",
                enough_when=" ".join(note for note in (known, more) if note),
                url=reverse("campaign", args=[one.uuid]),
            )
        )
    return found


def live(tests: Sequence[Live]) -> list[Running]:
    found = []
    for one in tests:
        payload = one.payload
        if one.is_over:
            continue
        if payload is None:
            found.append(Running(what=one.test.name, layer="live", done=0, total=None, url=one.url))
            continue
        at_once = payload.method == "confidence_sequence"
        until = "at the latest when" if at_once or payload.method == "group_sequential" else "when"
        early = "As soon as the primary metric is shown, " if until != "when" else "Read "
        found.append(
            Running(
                what=one.test.name,
                layer="live",
                done=min(payload.exposed.control, payload.exposed.treatment),
                total=payload.planned_n,
                unit=f"{payload.unit}s in the smaller arm",
                enough_when=f"{early}{until} the planned size is in.",
                eta_at=payload.computed_at + timedelta(days=payload.eta_days) if payload.eta_days is not None else None,
                url=one.url,
            )
        )
    return found
