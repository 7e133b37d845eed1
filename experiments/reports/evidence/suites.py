"""The suites of an experiment with what both finished runs said: arrays are read once, and only where asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from django.urls import reverse

from experiments.models import BenchmarkRun, Experiment, RunComparison
from experiments.policy import EvidenceRef
from experiments.reports.comparisons import comparing, speed
from experiments.reports.comparisons.coverage import Coverage, Flags
from experiments.reports.comparisons.listing import SuiteRow, suite_rows
from experiments.reports.comparisons.pairing import Paired, ScorerPair, paired_passes, paired_values, read_arm
from experiments.reports.run_summary import read_results
from experiments.reports.scores import NOT_SAID, CaseArrays, Floats, Ints, read_cases
from experiments.scorers import registry
from experiments.scorers.base import Aggregate, ScoreResult

Kind = Literal["pass", "value", "corpus"]
ARMS: Sequence[Literal["baseline", "candidate"]] = ("baseline", "candidate")
STRUCTURED = ("json_schema", "json_valid")


@dataclass(frozen=True)
class Missing:
    """There is no number, for a reason a reader understands, with the way out."""

    why: str
    growing: bool = False


@dataclass(frozen=True)
class Corpus:
    """What a figure of the whole set is computed from."""

    baseline: Sequence[ScoreResult]
    candidate: Sequence[ScoreResult]
    aggregate: Aggregate


@dataclass(frozen=True)
class Sample:
    """Both models on the same cases of one or several suites. unit is the scorer's; category a place in `names`."""

    title: str
    kind: Kind
    unit: str
    baseline: Floats
    candidate: Floats
    clusters: Ints | None
    category: Ints
    names: tuple[str, ...]
    case_ids: Ints
    sets: tuple[str, ...]
    corpus: Corpus | None = None

    @property
    def n(self) -> int:
        return self.baseline.size

    def only(self, keep: Flags) -> "Sample":
        return Sample(
            self.title,
            self.kind,
            self.unit,
            self.baseline[keep],
            self.candidate[keep],
            None if self.clusters is None else renumbered(self.clusters[keep]),
            self.category[keep],
            self.names,
            self.case_ids[keep],
            self.sets,
        )

    def of_category(self, name: str) -> "Sample":
        places = [place for place, one in enumerate(self.names) if one == name]
        return self.only(np.isin(self.category, places))


def renumbered(codes: Ints) -> Ints:
    return np.unique(codes, return_inverse=True)[1].astype(np.int64, copy=False)


class Suite:
    """One suite; `comparison` only where it is computed from what stands now."""

    def __init__(self, row: SuiteRow, comparison: RunComparison | None) -> None:
        self.row, self.comparison = row, comparison
        self.suite, self.eval_set = row.suite, row.suite.eval_set

    def __str__(self) -> str:
        return str(self.eval_set)

    @property
    def missing(self) -> Missing | None:
        for arm in ARMS:
            run = self.run_of(arm)
            if run is None:
                return Missing(f"{self} has no run of the {arm}: start it from the experiment's page.")
            if run.status != BenchmarkRun.Status.DONE:
                return Missing(f"The {arm}'s run over {self} is {run.get_status_display()}.", growing=True)
        if self.comparison is None:
            return Missing(f"The two runs over {self} are being compared.", growing=True)
        return None

    def run_of(self, arm: str) -> BenchmarkRun | None:
        return self.row.baseline_run if arm == "baseline" else self.row.candidate_run

    @property
    def runs(self) -> tuple[BenchmarkRun, BenchmarkRun]:
        before, after = self.row.baseline_run, self.row.candidate_run
        if before is None or after is None:
            raise LookupError(f"{self} lacks a run")
        return before, after

    @property
    def url(self) -> str:
        return reverse("comparison", args=[self.comparison.pk]) if self.comparison else ""

    @property
    def payload(self) -> dict[str, Any]:
        return (self.comparison.payload or {}) if self.comparison else {}

    @cached_property
    def cases(self) -> CaseArrays:
        return read_cases(self.eval_set.pk)

    @cached_property
    def coverage(self) -> Coverage:
        return comparing.covered_by(*self.runs, self.cases)

    @cached_property
    def pairs(self) -> list[ScorerPair]:
        """Scorers that both runs were scored by, primary ones first."""
        found, _ = comparing.scorer_pairs(*self.runs, comparing.current_scorers(*self.runs))
        return found

    @cached_property
    def latencies(self) -> tuple[Floats, Floats]:
        before, after = (speed.read_speed(run)["latency"] for run in self.runs)
        return before, after

    def pair_for(self, about: EvidenceRef) -> ScorerPair | Missing:
        names = wanted(about)
        for name in names:
            for pair in self.pairs:
                if name in (pair.key, pair.baseline.scorer):
                    return pair
        if names:
            return Missing(f"{self} was not scored by {' or '.join(names)} in both runs: rescore them by it.")
        if not self.pairs:
            return Missing(f"No scorer was applied to both runs over {self}: rescore one as the other.")
        return self.pairs[0]

    def sample(self, pair: ScorerPair) -> Sample:
        if pair.key not in self.samples:
            self.samples[pair.key] = self.read_sample(pair)
        return self.samples[pair.key]

    @cached_property
    def samples(self) -> dict[str, Sample]:
        return {}

    def read_sample(self, pair: ScorerPair) -> Sample:
        before, after = read_arm(pair.baseline, self.cases), read_arm(pair.candidate, self.cases)
        is_pass = bool((before.passed != NOT_SAID).any() or (after.passed != NOT_SAID).any())
        paired = (paired_passes if is_pass else paired_values)(before, after, self.coverage.paired, self.cases)
        scorer = registry.SCORERS.get(pair.baseline.scorer)
        is_corpus = bool(scorer and scorer.aggregate and not is_pass)
        return Sample(
            title=comparing.title_of(pair, scorer) if scorer else pair.key,
            kind="pass" if is_pass else "corpus" if is_corpus else "value",
            unit="share" if is_pass or not scorer else scorer.unit,
            baseline=paired.baseline,
            candidate=paired.candidate,
            clusters=None if paired.clusters is None else renumbered(paired.clusters),
            category=paired.category,
            names=self.cases.categories,
            case_ids=self.cases.case_ids[paired.place],
            sets=(str(self),),
            corpus=self.read_corpus(pair, paired, scorer.aggregate) if is_corpus and scorer else None,
        )

    def read_corpus(self, pair: ScorerPair, paired: Paired, aggregate: Aggregate | None) -> Corpus | None:
        if aggregate is None:
            return None
        ids = self.cases.case_ids[paired.place]
        return Corpus(read_results(pair.baseline, ids), read_results(pair.candidate, ids), aggregate)


def wanted(about: EvidenceRef) -> tuple[str, ...]:
    """Names of scorers that give this metric, the best first; none where the suite's main scorer is meant."""
    if about.scorer:
        return (about.scorer,)
    if about.metric == "exact_match":
        return ("exact_match",)
    return STRUCTURED if about.metric == "schema_compliance" else ()


def read_suites(experiment: Experiment) -> list[Suite]:
    """In the order in which they were added."""
    suites = list(experiment.suites.select_related("eval_set").order_by("pk"))
    rows = suite_rows(experiment, suites)
    fresh = [row.comparison.pk for row in rows if row.comparison and not row.is_stale]
    computed = RunComparison.objects.filter(pk__in=fresh, computed_at__isnull=False).in_bulk()
    return [Suite(row, computed.get(row.comparison.pk) if row.comparison else None) for row in rows]


def chosen(suites: Sequence[Suite], about: EvidenceRef) -> list[Suite]:
    """Those a criterion asks about. Of several versions of one set the newest, unless one is named."""
    if about.eval_set_id is not None:
        return [one for one in suites if one.eval_set.pk == about.eval_set_id]
    return newest([one for one in suites if about.role in ("", one.suite.role)])


def newest(suites: Sequence[Suite]) -> list[Suite]:
    latest: dict[str, int] = {}
    for one in suites:
        latest[one.eval_set.name] = max(one.eval_set.version, latest.get(one.eval_set.name, 0))
    return [one for one in suites if one.eval_set.version == latest[one.eval_set.name]]


def pooled(samples: Sequence[Sample]) -> Sample | Missing:
    """All cases of several suites together, where they measure the same."""
    if len(samples) == 1:
        return samples[0]
    if len({(one.kind, one.unit) for one in samples}) > 1 or any(one.kind == "corpus" for one in samples):
        said = ", ".join(f"{one.sets[0]} by {one.title}" for one in samples)
        return Missing(
            f"These suites are not measured alike, so their cases cannot be taken together ({said}): "
            "name one eval set or one scorer in the criterion."
        )
    names = tuple(dict.fromkeys(name for one in samples for name in one.names))
    places = {name: place for place, name in enumerate(names)}
    return Sample(
        title=samples[0].title if len({one.title for one in samples}) == 1 else "pass rate",
        kind=samples[0].kind,
        unit=samples[0].unit,
        baseline=np.concatenate([one.baseline for one in samples]),
        candidate=np.concatenate([one.candidate for one in samples]),
        clusters=joined_clusters(samples),
        category=np.concatenate([np.array([places[name] for name in one.names])[one.category] for one in samples]),
        names=names,
        case_ids=np.concatenate([one.case_ids for one in samples]),
        sets=tuple(name for one in samples for name in one.sets),
    )


def joined_clusters(samples: Sequence[Sample]) -> Ints | None:
    """Clusters of one suite are not those of another."""
    if all(one.clusters is None for one in samples):
        return None
    found, used = [], 0
    for one in samples:
        codes = np.arange(one.n) if one.clusters is None else one.clusters
        found.append(codes + used)
        used += int(codes.max()) + 1 if codes.size else 0
    return np.concatenate(found)
