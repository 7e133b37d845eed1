"""How a verdict is told: the numbers as pages write them, the rule in words, each result in a sentence."""

from collections.abc import Sequence

from experiments.deciding import catalogue
from experiments.policy import Criterion

MINUS = "\N{MINUS SIGN}"
SINGULAR = {
    "cases": "case",
    "judgments": "judgment",
    "units": "unit",
    "pairs": "pair",
    "calls": "call",
    "clusters": "cluster",
}
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def percent(value: float) -> str:
    """Without a digit that says nothing: 60%, 96.4%, 99.99%."""
    return f"{trimmed(100 * value, 2)}%"


def trimmed(value: float, digits: int) -> str:
    text = f"{value:z,.{digits}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", MINUS)


def counted(n: int, unit: str) -> str:
    return f"{n:,} {SINGULAR.get(unit, unit) if n == 1 else unit}"


def in_words(n: int) -> str:
    return NUMBERS[n] if n < len(NUMBERS) else f"{n:,}"


def figure(value: float, criterion: Criterion) -> str:
    """An estimate or a bound on the criterion's scale."""
    match criterion.comparison, criterion.unit:
        case "ratio", _:
            text = f"{value:z,.2f} ×"
        case "relative", _:
            text = f"{100 * value:+z.1f}%"
        case "points", "share":
            text = f"{100 * value:+z.1f} pts"
        case "points", unit:
            text = f"{value:+z,.{digits(value, unit)}f}{suffix(unit)}"
        case _, "share":
            text = f"{100 * value:z.1f}%"
        case _, unit:
            text = f"{value:z,.{digits(value, unit)}f}{suffix(unit)}"
    return text.replace("-", MINUS)


def digits(value: float, unit: str) -> int:
    if unit in ("ms", "tokens"):
        return 0
    return 4 if unit == "cost" and abs(value) < 1 else 2


def suffix(unit: str) -> str:
    return {"ms": " ms", "tokens": " tokens"}.get(unit, "")


def span(low: float | None, high: float | None, criterion: Criterion) -> str:
    """ "95% interval 53.9% to 62.8%"; empty where there is no interval."""
    level = f"{percent(criterion.level)} interval"
    if low is None and high is None:
        return ""
    if low is None or high is None:
        word, bound = ("above", low) if low is not None else ("below", high)
        return f"{level} {word} {figure(bound, criterion)}" if bound is not None else ""
    return f"{level} {figure(low, criterion)} to {figure(high, criterion)}"


def rule_words(criterion: Criterion, threshold: float | None = None) -> str:
    """ "at least 60%", "no more than 5 points lower", "at most 2 × the baseline"."""
    about = criterion.evidence
    if about.layer == "live" and about.metric == catalogue.GUARDRAILS and threshold is None:
        return "each within its margin"
    value = criterion.threshold if threshold is None else threshold
    match criterion.comparison:
        case "absolute":
            words = f"{catalogue.BOUNDS[criterion.direction]} {amount(value, criterion.unit)}"
        case "ratio":
            words = f"{catalogue.BOUNDS[criterion.direction]} {trimmed(value, 3)} × the baseline"
        case "relative":
            words = changed(criterion.direction, value, percent(abs(value)))
        case _:
            words = changed(criterion.direction, value, step(abs(value), criterion.unit))
    return f"{words} in each category" if about.category == catalogue.EACH_CATEGORY and threshold is None else words


def amount(value: float, unit: str) -> str:
    return percent(value) if unit == "share" else f"{trimmed(value, 4)}{suffix(unit)}"


def step(value: float, unit: str) -> str:
    if unit == "share":
        return f"{trimmed(100 * value, 2)} {'point' if value == 0.01 else 'points'}"
    return amount(value, unit)


def changed(direction: str, value: float, size: str) -> str:
    if not value:
        return "not lower than the baseline" if direction == "at_least" else "not higher than the baseline"
    if direction == "at_least":
        return f"at least {size} higher" if value > 0 else f"at most {size} lower"
    return f"at most {size} higher" if value > 0 else f"at least {size} lower"


def beyond_words(criterion: Criterion) -> str:
    """What the interval must do, where that is not the threshold itself."""
    if criterion.shown_beyond is None or criterion.shown_beyond == criterion.threshold:
        return ""
    side = "above" if criterion.direction == "at_least" else "below"
    return f"with the whole interval {side} {short(criterion.shown_beyond, criterion)}"


def short(value: float, criterion: Criterion) -> str:
    """A threshold or another round number, without digits that say nothing."""
    if criterion.comparison == "absolute":
        return amount(value, criterion.unit)
    return figure(value, criterion).replace(".0 pts", " pts").replace(".0%", "%")


def numbers(estimate: float, low: float | None, high: float | None, criterion: Criterion) -> str:
    interval = span(low, high, criterion)
    return f"{figure(estimate, criterion)}, {interval}" if interval else f"{figure(estimate, criterion)}, no interval"


def listed(words: Sequence[str]) -> str:
    return ", ".join(words[:-1]) + f" and {words[-1]}" if len(words) > 1 else "".join(words)
