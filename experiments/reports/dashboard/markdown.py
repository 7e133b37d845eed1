"""The frozen report of a decision as Markdown: the same facts as the printed page, for a repository or a ticket."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from evalsite.platform.templatetags.figures import figure, span

SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")
RULES = {"shown": "shown", "observed": "observed"}
Report = Mapping[str, Any]


def markdown(report: Report) -> str:
    parts = (head, signature, criteria, layers, health, fragility, record, sources, policy, hashes)
    return "\n".join(line for part in parts for line in part(report)) + "\n"


def text(value: object) -> str:
    """Words of people and files in one line, without a meaning of their own."""
    return SPECIAL.sub(r"\\\1", " ".join(str(value).split()))


def quoted(value: str) -> Iterator[str]:
    for line in value.strip().splitlines():
        yield f"> {text(line)}".rstrip()
    yield ""


def table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(names)} |"
    yield f"|{'|'.join(' --- ' for _ in names)}|"
    for row in rows:
        yield f"| {' | '.join(cell or '–' for cell in row)} |"
    yield ""


def head(report: Report) -> Iterator[str]:
    decision, experiment = report["decision"], report["experiment"]
    yield f"# {text(experiment['name'])}: decision {decision['number']}, {decision['verdict']}"
    yield ""
    models = (
        f"Candidate {text(experiment['candidate']['name'])} against baseline {text(experiment['baseline']['name'])}."
    )
    yield f"{models} {decision['meaning']}"
    yield ""


def signature(report: Report) -> Iterator[str]:
    decision = report["decision"]
    yield f"Signed by {text(decision['signed_by'])} at {decision['signed_at']}."
    yield ""
    yield from quoted(decision["comment"])
    if decision["is_override"]:
        yield f"**Signed against the rule, which gave {decision['computed_verdict']}.** The reason given:"
        yield ""
        yield from quoted(decision["override_reason"])
    yield f"The rule gave **{decision['computed_verdict']}**: {text(decision['reason'])}"
    yield ""
    point = report["point_rule"]
    yield f"The point rule, uncertainty left aside, said **{point['verdict']}**: {text(point['sentence'])}"
    yield ""


def criteria(report: Report) -> Iterator[str]:
    yield "## Criteria"
    yield ""
    names = ("Criterion", "Asked", "Estimate", "Interval", "n", "State", "Method")
    yield from table(names, (criterion(one) for one in report["criteria"]))
    for one in report["criteria"]:
        said = one["sentence"] if one["estimate"] is not None else one["why_none"] or one["sentence"]
        yield f"- {text(one['title'])}: {text(said)}"
        for part in report.get("parts", {}).get(one["key"], ()):
            yield f"  - {text(part['name'])}: {part['status'].replace('_', ' ')}, n {part['n']:,}"
        for warning in one["warnings"]:
            yield f"  - Warning: {text(warning)}"
    yield ""


def criterion(one: Mapping[str, Any]) -> tuple[str, ...]:
    asked = f"{one['threshold_words']}, {RULES.get(one['rule'], one['rule'])}"
    return (
        text(one["title"]) + ("" if one["required"] else " (optional)"),
        text(asked),
        figure(one["estimate"], one["unit"]),
        f"{span(one['ci_low'], one['ci_high'], one['unit'])} ({100 * one['level']:g}%)" if one["n"] else "",
        f"{one['n']:,} {text(one['n_unit'])}".strip() if one["n"] else "",
        one["status"].replace("_", " "),
        text(one["method"]),
    )


def layers(report: Report) -> Iterator[str]:
    yield "## Layers of evidence"
    yield ""
    for one in report["layers"]:
        headline = one["headline"]
        number = ""
        if headline and headline["estimate"] is not None:
            interval = span(headline["ci_low"], headline["ci_high"], headline["unit"])
            number = f" {figure(headline['estimate'], headline['unit'])} ({interval})."
        yield f"- **{text(one['title'])}.**{number} {text(one['sentence'] or one['why_none'])}"
    yield ""


def health(report: Report) -> Iterator[str]:
    yield "## Health of the data"
    yield ""
    rows = ((text(one["title"]), one["status"], text(one["detail"])) for one in report["health"])
    yield from table(("Check", "State", "Finding"), rows)


def fragility(report: Report) -> Iterator[str]:
    found = report["fragility"]
    if not found["rows"]:
        return
    yield "## Fragility"
    yield ""
    yield text(found["sentence"])
    yield ""
    rows = (
        (
            text(one["leave_out"]),
            text(one["criterion_title"]),
            figure(one["estimate_before"], one["unit"]),
            figure(one["estimate"], one["unit"]),
            one["verdict"],
        )
        for one in found["rows"]
    )
    yield from table(("Left out", "Criterion", "With it", "Without it", "Verdict without it"), rows)


def record(report: Report) -> Iterator[str]:
    yield "## On the record"
    yield ""
    for kind in ("unblindings", "amendments", "deviations"):
        found = report[kind]
        yield f"{kind.capitalize()}: {len(found) or 'none'}."
        yield ""
        for one in found:
            by = f", by {text(one['by'])}" if one["by"] else ""
            at = f" at {one['at']}" if one["at"] else ""
            reason = f": {text(one['reason'])}" if one["reason"] else ""
            yield f"- {text(one['what'])}{by}{at}{reason}"
        if found:
            yield ""


def sources(report: Report) -> Iterator[str]:
    yield "## What was compared"
    yield ""
    experiment = report["experiment"]
    for arm in ("candidate", "baseline"):
        yield f"- {arm}: {text(experiment[arm]['name'])}, content {experiment[arm]['content_hash']}"
    for one in experiment["suites"]:
        yield f"- {one['role']} suite: {text(one['eval_set'])}, {one['n_cases']:,} cases, content {one['content_hash']}"
    yield ""


def policy(report: Report) -> Iterator[str]:
    rule = report["policy"]
    yield "## Policy"
    yield ""
    by = f" by {text(rule['registered_by'])}" if rule["registered_by"] else ""
    yield f"Number {rule['number']}, “{text(rule['title'])}”, registered at {rule['registered_at']}{by}."
    yield ""
    if rule["amended_because"]:
        yield f"Amended because: {text(rule['amended_because'])}"
        yield ""
    if rule["after_evidence"]:
        yield f"**Registered after evidence was open:** {', '.join(text(one) for one in rule['after_evidence'])}."
        yield ""


def hashes(report: Report) -> Iterator[str]:
    yield "## Hashes"
    yield ""
    names = {"policy_sha256": "Policy", "evidence_sha256": "Evidence", "verdict_sha256": "Verdict"}
    rows = [(names[key], f"`{report['hashes'][key]}`") for key in names]
    rows += [("Data", f"`{report['hashes']['data_sha256']}`"), ("Code", text(report["hashes"]["code_version"]))]
    yield from table(("What", "SHA-256"), rows)
    yield f"Evidence gathered at {report['evidence_computed_at']}."
