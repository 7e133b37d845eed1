"""What the page of one comparison shows: rows with their units and scales, and a finding for each table and chart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalsite.platform.templatetags.figures import figure, p_value
from experiments.models import RunComparison
from experiments.reports.comparisons.headline import UNITS, Headline, headline
from experiments.reports.comparisons.regression import INVALID

ROOM = 1.1  # a bar does not end at the edge of its drawing
MOST_ROWS = 25
TAGS = {"no regression shown": "done", "regression shown": "failed", "invalid": "INVALID"}


@dataclass(frozen=True)
class MetricRow:
    """One scorer; `reach` is how far its difference bar goes to either side."""

    data: Mapping[str, Any]
    reach: float
    shows_all: bool = False

    @property
    def unit(self) -> str:
        return UNITS.get(self.data["unit"], UNITS["points"])[0]

    @property
    def difference_unit(self) -> str:
        return UNITS.get(self.data["unit"], UNITS["points"])[1]

    @property
    def unit_word(self) -> str:
        return UNITS.get(self.data["unit"], UNITS["points"])[2]

    @property
    def low(self) -> float:
        return -self.reach

    @property
    def tone(self) -> str:
        return {"better": "met", "worse": "failed"}.get(self.data["direction"], "baseline")

    @property
    def tag(self) -> str:
        return Headline(self.data["direction"], "").tag

    @property
    def table_finding(self) -> str:
        table, test = self.data["table"], self.data["mcnemar"]
        if not table["only_baseline"] + table["only_candidate"]:
            return "Both got exactly the same cases right."
        counts = (
            f"{table['only_baseline']:,} cases were right only with the baseline, {table['only_candidate']:,} only "
            "with the candidate"
        )
        if not self.data.get("is_clustered"):
            return f"{counts}: McNemar’s exact test {p_value(test['p_value'])}."
        by_cluster = p_value(self.data["difference"]["p_value"]) or "no test can be made"
        return (
            f"{counts}: by cluster {by_cluster}. With the cases taken as independent, which they are not, McNemar’s "
            f"exact test would say {p_value(test['p_value'])}."
        )

    @property
    def interval_words(self) -> str:
        """Which intervals the categories of this metric have."""
        is_clustered = self.data.get("is_clustered")
        if self.data["kind"] == "pass" and is_clustered:
            return "95% intervals by cluster (t), Wilson’s where no two share one or, over clusters, nothing varies."
        if self.data["kind"] == "pass":
            return "Wilson’s 95% intervals."
        return f"95% intervals of the mean (t{', by cluster' if is_clustered else ''})."

    @property
    def sign(self) -> int:
        return -1 if self.data["higher_is_better"] is False else 1

    @property
    def categories(self) -> list[Mapping[str, Any]]:
        """By name; where there are very many, those that lost most."""
        rows: list[Mapping[str, Any]] = self.data["categories"]
        if self.shows_all or len(rows) <= MOST_ROWS:
            return rows
        return sorted(rows, key=lambda row: self.sign * (row["difference"]["estimate"] or 0))[:MOST_ROWS]

    @property
    def n_hidden(self) -> int:
        return len(self.data["categories"]) - len(self.categories)

    @property
    def category_finding(self) -> str:
        """The category that lost most, and whether that is more than chance."""
        rows = [row for row in self.data["categories"] if row["difference"]["estimate"] is not None]
        if not rows or self.data["higher_is_better"] is None:
            return "How both models do in each category."
        sign = self.sign
        worst = min(rows, key=lambda row: sign * row["difference"]["estimate"])
        if sign * worst["difference"]["estimate"] >= 0:
            return "The candidate does as well or better in every category."
        shown = worst["p_adjusted"] is not None and worst["p_adjusted"] <= 0.05
        loss = figure(worst["difference"]["estimate"], self.difference_unit)
        doubt = "" if shown else ", which may be chance"
        return f"The largest loss is in {worst['name']}: {loss} (n {worst['n']:,}){doubt}."


@dataclass(frozen=True)
class RegressionRow:
    """One verdict of the regression test, for the suite or for one category."""

    name: str
    data: Mapping[str, Any]
    reach: float
    threshold: float

    @property
    def low(self) -> float:
        return -self.reach

    @property
    def tag(self) -> str:
        return TAGS.get(self.data["verdict"], "undecided")

    @property
    def tone(self) -> str:
        return {"no regression shown": "met", "regression shown": "failed"}.get(self.data["verdict"], "open")


@dataclass(frozen=True)
class RegressionTable:
    title: str
    unit: str
    rows: Sequence[RegressionRow]
    shows_all: bool = False

    @property
    def shown(self) -> Sequence[RegressionRow]:
        """The whole suite first; where there are very many categories, those that lost most."""
        if self.shows_all or len(self.rows) <= MOST_ROWS + 1:
            return self.rows
        worst = sorted(self.rows[1:], key=lambda row: row.data["estimate"] or 0)[:MOST_ROWS]
        return [self.rows[0], *worst]

    @property
    def n_hidden(self) -> int:
        return len(self.rows) - len(self.shown)

    @property
    def finding(self) -> str:
        suite, *categories = self.rows
        if suite.data["verdict"] == INVALID:
            return "No verdict: the comparison is INVALID. The figures are for orientation only."
        lost = [row.name for row in categories if row.data["verdict"] == "regression shown"]
        more = f" In {', '.join(lost)} a regression is shown." if lost else ""
        return f"{suite.data['verdict'].capitalize()} on the whole suite.{more}"


@dataclass(frozen=True)
class ComparisonPage:
    """`chosen` is the metric whose categories are shown, the first where it is unknown."""

    comparison: RunComparison
    payload: Mapping[str, Any]
    chosen: str = ""
    shows_all: bool = False

    @property
    def headline(self) -> Headline:
        return headline(self.payload)

    @property
    def metrics(self) -> list[MetricRow]:
        """Rates share one scale, so that their bars can be compared."""
        shared = max((reach_of(one["difference"]) for one in self.shares), default=0.0) or 0.05
        return [
            MetricRow(one, shared if one["unit"] == "share" else reach_of(one["difference"]) or 1.0, self.shows_all)
            for one in self.payload["metrics"]
        ]

    @property
    def shares(self) -> list[Mapping[str, Any]]:
        return [one for one in self.payload["metrics"] if one["unit"] == "share"]

    @property
    def tables(self) -> list[MetricRow]:
        return [row for row in self.metrics if row.data["table"]]

    @property
    def with_categories(self) -> list[MetricRow]:
        return [row for row in self.metrics if row.data["categories"]]

    @property
    def by_category(self) -> MetricRow | None:
        rows = self.with_categories
        return next((row for row in rows if row.data["key"] == self.chosen), rows[0] if rows else None)

    @property
    def metrics_finding(self) -> str:
        told = [one["direction"] for one in self.payload["metrics"]]
        parts = [f"{told.count(word)} {word}" for word in ("better", "worse", "different") if word in told]
        changed = ", ".join(parts) if parts else "none is shown to differ"
        return f"Of {len(told)} metric{'' if len(told) == 1 else 's'}: {changed}."

    @property
    def regression(self) -> list[RegressionTable]:
        found = self.payload["regression"]
        return [regression_table(test, found, shows_all=self.shows_all) for test in found["tests"]]

    @property
    def latency_finding(self) -> str:
        latency = self.payload["latency"]
        difference = (latency or {}).get("difference")
        if not difference:
            return "Only one of the runs has latencies."
        median = difference["p50"]
        if median["ci_low"] is None:
            return "Too few calls to tell which one answers sooner."
        if median["ci_low"] <= 0 <= median["ci_high"]:
            return "Neither is shown to answer sooner at the median."
        word = "later" if median["estimate"] > 0 else "sooner"
        return f"At the median the candidate answers {figure(abs(median['estimate']), 'count')} ms {word}."

    @property
    def latency_rows(self) -> list[dict[str, Any]]:
        latency = self.payload["latency"]
        names = ("p50", "p95", "p99")
        ends = [
            (side[name]["ci_high"] or side[name]["estimate"])
            for side in (latency["baseline"], latency["candidate"])
            if side
            for name in names
        ]
        return [
            {
                "name": name.upper(),
                "top": ROOM * max(ends, default=1.0) or 1.0,
                **{side: (latency[side] or {}).get(name) for side in ("baseline", "candidate", "difference")},
            }
            for name in names
        ]


def reach_of(*results: Mapping[str, Any]) -> float:
    ends = [abs(result[name]) for result in results for name in ("estimate", "ci_low", "ci_high") if result[name]]
    return ROOM * max(ends, default=0.0)


def regression_table(test: Mapping[str, Any], found: Mapping[str, Any], *, shows_all: bool) -> RegressionTable:
    """The margin in the units of what is tested: relative changes are shares too."""
    scale = 1.0 if found["margin_is_relative"] or test["unit"] == "share" else 100.0
    threshold = -found["margin"] * scale
    everything = [("Whole suite", test["suite"]), *((row["name"], row) for row in test["categories"])]
    reach = max(reach_of(*(row for _, row in everything)), -2 * threshold)
    return RegressionTable(
        title=test["title"],
        unit="points" if scale == 1.0 else "number",
        rows=[RegressionRow(name, row, reach, threshold) for name, row in everything],
        shows_all=shows_all,
    )
