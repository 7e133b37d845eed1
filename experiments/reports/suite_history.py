"""One eval set version over the models that were run on it: a point with its interval for each, in order of time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from evalsite.platform.drawing import Scale
from evalsite.platform.templatetags.figures import figure
from experiments.models import BenchmarkRun, EvalSet, ModelVersion, RunScorer
from experiments.reports.comparisons.coverage import MOST_ERRORS
from experiments.reports.comparisons.headline import UNITS

MOST_POINTS = 60
WIDTH, HEIGHT = 640.0, 220.0
ROOM = 0.08
TICKS = 4
LETTER_WIDTH = 6.5


@dataclass(frozen=True)
class Point:
    """The latest finished run of one model. Everything from `x` on is where it is drawn."""

    run: BenchmarkRun
    model_version: ModelVersion
    finished_at: datetime | None
    estimate: dict[str, Any]
    x: float
    y: float | None
    top: float | None
    bottom: float | None
    label: str
    fingerprint: str
    scored_by: str

    @property
    def is_doubtful(self) -> bool:
        """So many cases failed that the others say little."""
        return self.run.n_errors > MOST_ERRORS * self.run.n_cases


@dataclass(frozen=True)
class History:
    eval_set: EvalSet
    keys: list[str]
    key: str
    title: str
    unit: str
    points: list[Point]
    ticks: list[tuple[str, float]]
    n_more: int

    @property
    def lines(self) -> list[str]:
        """One for each stretch of models scored alike: other versions or parameters give other figures."""
        known = [point for point in self.points if point.y is not None]
        return [
            " ".join(f"{point.x},{point.y}" for point in stretch)
            for _, stretch in groupby(known, key=lambda point: point.fingerprint)
        ]

    @property
    def is_broken(self) -> bool:
        return len({point.fingerprint for point in self.points}) > 1

    @property
    def is_doubtful(self) -> bool:
        return any(point.is_doubtful for point in self.points)

    @property
    def finding(self) -> str:
        """The best and the last, which are what one looks for, among those scored like the last."""
        known = [point for point in self.points if point.estimate["estimate"] is not None]
        known = [point for point in known if point.fingerprint == known[-1].fingerprint]
        if len(known) < 2:
            alone = "of the only model scored like this" if self.is_broken else "of the only model so far"
            return f"{self.title} {alone}." if known else "No model has a figure yet."
        last = known[-1]
        highest = max(known, key=lambda point: float(point.estimate["estimate"]))
        value = figure(last.estimate["estimate"], self.unit)
        if highest is last:
            return f"The latest model, {last.model_version}, has the highest figure so far: {value}."
        best = figure(highest.estimate["estimate"], self.unit)
        return f"The latest model, {last.model_version}, has {value}; the highest is {highest.model_version}’s {best}."


def suite_history(eval_set: EvalSet, *, key: str = "") -> History:
    """key: the scorer shown; an unknown one is the first primary one."""
    runs = BenchmarkRun.objects.finished().filter(eval_set=eval_set)
    scorers = RunScorer.objects.filter(run__in=runs, is_current=True, finished_at__isnull=False)
    kinds = list(scorers.order_by("-is_primary", "key").values_list("key", flat=True))
    keys = list(dict.fromkeys(kinds))
    chosen = key if key in keys else next(iter(keys), "")
    rows = (
        scorers.filter(key=chosen).select_related("run__model_version").order_by("run__finished_at", "run__created_at")
    )
    latest = {one.run.model_version_id: one for one in rows}
    ordered = sorted(latest.values(), key=lambda one: (one.run.finished_at or one.run.created_at, one.run.created_at))
    shown = ordered[-MOST_POINTS:]
    summary = shown[-1].summary if shown else {}
    unit = UNITS.get(summary.get("unit", "share"), UNITS["points"])[0]
    scale = scale_of([one.summary["overall"] for one in shown if one.summary])
    return History(
        eval_set=eval_set,
        keys=keys,
        key=chosen,
        title=summary.get("title") or chosen,
        unit=unit,
        points=placed(shown, scale),
        ticks=[(figure(value, unit), height_of(value, scale)) for value in steps(scale)],
        n_more=len(ordered) - len(shown),
    )


def scored_by(one: RunScorer) -> str:
    params = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in sorted(one.params.items()))
    return f"version {one.version}{f', {params}' if params else ''}"


def scale_of(estimates: Sequence[dict[str, Any]]) -> Scale:
    ends = [one[name] for one in estimates for name in ("estimate", "ci_low", "ci_high") if one[name] is not None]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    room = (high - low) * ROOM or abs(high) * ROOM or 0.5
    return Scale(low - room, high + room, width=HEIGHT)


def steps(scale: Scale) -> list[float]:
    """Round values: 1, 2 or 5 times a power of ten apart, about as many as asked."""
    rough = (scale.high - scale.low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough)
    first = math.ceil(scale.low / step)
    return [round(step * place, 12) for place in range(first, math.floor(scale.high / step) + 1)]


def height_of(value: float, scale: Scale) -> float:
    return round(HEIGHT - scale.at(value), 2)


def placed(shown: Sequence[RunScorer], scale: Scale) -> list[Point]:
    step = WIDTH / max(len(shown), 1)
    room = max(3, int(step / LETTER_WIDTH) - 1)
    return [point(one, round(step * (place + 0.5), 2), scale, room) for place, one in enumerate(shown) if one.summary]


def point(one: RunScorer, x: float, scale: Scale, room: int) -> Point:
    estimate = one.summary["overall"]
    y, bottom, top = (
        None if estimate[name] is None else height_of(estimate[name], scale)
        for name in ("estimate", "ci_low", "ci_high")
    )
    name = one.run.model_version.name
    return Point(
        run=one.run,
        model_version=one.run.model_version,
        finished_at=one.run.finished_at,
        estimate=estimate,
        x=x,
        y=y,
        top=top,
        bottom=bottom,
        label=name if len(name) <= room else f"{name[: room - 1]}…",
        fingerprint=one.fingerprint,
        scored_by=scored_by(one),
    )
