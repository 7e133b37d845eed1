"""A report as plain text, for terminals and logs."""

from collections.abc import Iterator
from typing import Any

WIDTH = 34


def lines(report: dict[str, Any]) -> Iterator[str]:
    experiment, human = report["experiment"], report["human"]
    yield experiment["name"]
    yield f"candidate {experiment['candidate']}, baseline {experiment['baseline']}"
    yield ""
    yield row("judgments", f"{human['n']:,} by {human['n_reviewers']:,} reviewers on {human['n_pairs']:,} pairs")
    if human["direction_hidden"]:
        yield row("direction", report["hidden_because"])
    else:
        yield from direction(human)
    yield row("share of the left side", estimate(human["position_bias"]))
    if human["gold"]:
        yield from gold(human["gold"])
    yield ""
    yield from agreement(human["agreement"])


def direction(human: dict[str, Any]) -> Iterator[str]:
    if human["sequential"]:
        yield row("valid at every look", estimate(human["sequential"]))
    rate = human["win_rate"]
    yield row("win rate of the candidate", estimate(rate))
    if rate["same_reviewers_low"] is not None:
        yield row("  of these same reviewers", f"{rate['same_reviewers_low']:.1%} to {rate['same_reviewers_high']:.1%}")
    yield row("  of decided votes", estimate(human["win_rate_decisive"]))
    for name in ("outcomes", "majority"):
        counts = human[name]
        yield row(name, ", ".join(f"{arm.replace('_', ' ')} {counts[arm]:,}" for arm in counts))
    yield row("sign test on majorities", estimate(human["sign_test"]))
    yield row("share of the longer response", estimate(human["length_bias"]))
    for category in human["categories"]:
        yield row(f"  {category['name']}", estimate({**category["win_rate"], "warnings": []}))


def gold(found: dict[str, Any]) -> Iterator[str]:
    """Accuracy where the answer is known, beside the registered threshold."""
    verdict = "BELOW" if found["failed"] else "threshold"
    yield row("right on gold pairs", f"{estimate(found['accuracy'])}, {verdict} {found['threshold']:.0%}")
    for one in found["reviewers"]:
        yield row(f"  {one['name']}", estimate({**one, "warnings": []}))


def agreement(found: dict[str, Any]) -> Iterator[str]:
    yield row("percent agreement", estimate(found["percent"]))
    yield row("Cohen's kappa, weighted mean", estimate(found["mean_kappa"], digits=4))
    for pair in found["cohen_kappa"]:
        yield row("  " + " and ".join(pair["reviewers"]), estimate(pair, digits=4))
    yield row("Krippendorff's alpha", estimate(found["krippendorff_alpha"], digits=4))
    yield row("Gwet's AC1", estimate(found["gwet_ac1"], digits=4))


def row(label: str, value: str) -> str:
    return f"{label:<{WIDTH}}{value}"


def estimate(result: dict[str, Any], *, digits: int = 0) -> str:
    """Value, interval, n and p; or why there is none."""
    if result["estimate"] is None:
        return f"not defined (n {result['n']:,}) {' '.join(result['warnings'])}".rstrip()

    def shown(value: float) -> str:
        return f"{value:.{digits}f}" if digits else f"{value:.1%}"

    low, high = result["ci_low"], result["ci_high"]
    interval = "no interval" if low is None or high is None else f"{shown(low)} to {shown(high)}"
    p = "" if result.get("p_value") is None else f", p {result['p_value']:.2g}"
    notes = "".join(f"\n{'':<{WIDTH}}  {warning}" for warning in result["warnings"])
    return f"{shown(result['estimate'])} ({interval}, n {result['n']:,}{p}){notes}"
