"""What a comparison says in one word and one sentence, from what was computed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalsite.platform.templatetags.figures import figure, p_value, span

# unit of a scorer: how its figures are written, how differences are, and the word that follows
UNITS = {
    "share": ("percent", "points", ""),
    "points": ("number", "number", ""),
    "perplexity": ("number", "number", ""),
    "ms": ("count", "count", "ms"),
    "tokens": ("count", "count", "tokens"),
    "characters": ("count", "count", "characters"),
}
TAGS = {
    "INVALID": "INVALID",
    "better": "done",
    "worse": "failed",
    "mixed": "undecided",
    "different": "undecided",
    "no difference shown": "cancelled",
    "no evidence": "no evidence",
}


@dataclass(frozen=True)
class Headline:
    """`tag` is the state whose mark and colour it wears."""

    state: str
    sentence: str

    @property
    def tag(self) -> str:
        return TAGS[self.state]

    @property
    def tone(self) -> str:
        return {"better": "met", "worse": "failed", "mixed": "open", "INVALID": "open"}.get(self.state, "")


def headline(payload: Mapping[str, Any]) -> Headline:
    """The primary metrics decide; invalid data says so before anything else."""
    primary = [metric for metric in payload["metrics"] if metric["is_primary"]] or payload["metrics"][:1]
    words = "; ".join(sentence(metric) for metric in primary[:3])
    if payload["invalid_reasons"]:
        orientation = f" For orientation only: {words}." if words else ""
        return Headline("INVALID", f"{payload['invalid_reasons'][0]}{orientation}")
    return Headline(overall([metric["direction"] for metric in primary]), f"{words}." if words else "Nothing to say.")


def overall(directions: Sequence[str]) -> str:
    told = {one for one in directions if one in ("better", "worse", "different")}
    if len(told) > 1:
        return "mixed"
    if told:
        return told.pop()
    return "no difference shown" if "no difference shown" in directions else "no evidence"


def sentence(metric: Mapping[str, Any]) -> str:
    """ "Exact match 61.0% against 65.3%: −4.3 pts (95% interval −7.1 to −1.5 pts, p = .003, n 1,319)"."""
    unit, of_difference, word = UNITS.get(metric["unit"], UNITS["points"])
    difference = metric["difference"]
    if difference["estimate"] is None:
        return f"{metric['title']}: no case has a value of both"
    p = metric["p_adjusted"] if metric["p_adjusted"] is not None else difference["p_value"]
    parts = [
        f"95% interval {span(difference['ci_low'], difference['ci_high'], of_difference)}",
        p_value(p),
        f"n {metric['n']:,}",
    ]
    figures = (
        f"{figure(metric['candidate']['estimate'], unit)} against {figure(metric['baseline']['estimate'], unit)}"
        f"{f' {word}' if word else ''}: {figure(difference['estimate'], of_difference)}"
    )
    return f"{metric['title']} {figures} ({', '.join(part for part in parts if part)})"
