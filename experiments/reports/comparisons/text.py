"""A comparison as lines for a terminal."""

from collections.abc import Iterator, Mapping
from typing import Any

from evalsite.platform.templatetags.figures import figure, p_value, span
from experiments.reports.comparisons.headline import UNITS


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """found: as `export.as_dict` makes it."""
    eval_set = found["eval_set"]
    yield f"{eval_set['name']} v{eval_set['version']}"
    for name in ("baseline", "candidate"):
        yield f"  {name:<10} {found[name]['model']} (version {found[name]['version']}), run {found[name]['run']}"
    yield ""
    yield f"{found['state'].upper()}: {found['headline']}"
    for reason in found["invalid_reasons"]:
        yield f"  INVALID: {reason}"
    yield ""
    yield from metrics(found)
    yield from regression(found["regression"])
    yield from latency(found["latency"])
    yield from errors(found["coverage"])


def metrics(found: Mapping[str, Any]) -> Iterator[str]:
    for metric in found["metrics"]:
        unit, of_difference, word = UNITS.get(metric["unit"], UNITS["points"])
        difference = metric["difference"]
        mark = "*" if metric["is_primary"] else " "
        yield (
            f"{mark} {metric['title']}{f' ({word})' if word else ''}: baseline {value(metric['baseline'], unit)}, "
            f"candidate {value(metric['candidate'], unit)}"
        )
        yield (
            f"    difference {value(difference, of_difference)}, "
            f"{p_value(difference['p_value']) or 'no p'}, adjusted {p_value(metric['p_adjusted']) or 'no p'}, "
            f"n {metric['n']:,}: {metric['direction']}"
        )
        yield f"    {metric['losses']:,} cases worse, {metric['wins']:,} better, {metric['ties']:,} alike"
        if table := metric["table"]:
            yield (
                f"    both right {table['both']:,}, only baseline {table['only_baseline']:,}, "
                f"only candidate {table['only_candidate']:,}, both wrong {table['neither']:,}; "
                f"McNemar exact{', cases taken as independent,' if metric['is_clustered'] else ''} "
                f"{p_value(metric['mcnemar']['p_value']) or 'nothing to test'}"
            )
    for one in found["not_compared"]:
        yield f"  not compared: {one['key']}. {one['reason']}"


def value(result: Mapping[str, Any], unit: str) -> str:
    return f"{figure(result['estimate'], unit)} [{span(result['ci_low'], result['ci_high'], unit)}]"


def regression(found: Mapping[str, Any]) -> Iterator[str]:
    if not found["is_tested"]:
        return
    for test in found["tests"]:
        yield ""
        kind = "relative" if found["margin_is_relative"] else "absolute"
        yield f"Regression test of {test['title']}, margin {found['words']}, {kind}"
        yield f"  whole suite: {verdict(test['suite'])}"
        for row in test["categories"]:
            yield f"  {row['name']}: {verdict(row)}"


def verdict(row: Mapping[str, Any]) -> str:
    point = {True: "within", False: "beyond", None: "no figure"}[row["point_holds"]]
    more = f", about {row['more']:,} more cases would settle it" if row["more"] is not None else ""
    return f"{row['verdict']} (n {row['n']:,}; plain point rule: {point}){more}"


def latency(found: Mapping[str, Any] | None) -> Iterator[str]:
    if not found:
        return
    yield ""
    yield "Latency, ms"
    for name in ("p50", "p95", "p99"):
        sides = [f"{arm} {value(found[arm][name], 'count')}" for arm in ("baseline", "candidate") if found[arm]]
        yield f"  {name.upper()}: {', '.join(sides)}"
    for warning in found["warnings"]:
        yield f"  {warning}"


def errors(found: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield f"{found['n_paired']:,} of {found['n_cases']:,} cases are paired"
    for name in ("baseline", "candidate"):
        arm = found[name]
        which = ", ".join(f"{one['n']:,} {one['words']}" for one in arm["error_classes"]) or "none"
        yield f"  errors of the {name}: {arm['errors']:,} ({arm['error_share']:.1%}): {which}"
