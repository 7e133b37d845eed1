"""Numbers and findings of a live test in words."""

from experiments.reports.live.payload import MetricRow

MINUS = "\N{MINUS SIGN}"


def number(value: float) -> str:
    """As many digits as can be read: 12,345; 123.4; 12; 1.23; 0.012."""
    size = abs(value)
    if size < 10_000 and value == int(value):
        return f"{value:z,.0f}".replace("-", MINUS)
    text = f"{value:z,.0f}" if size >= 10_000 else f"{value:z,.1f}" if size >= 100 else f"{value:z.2f}"
    if 0 < size < 0.1:
        text = f"{value:z.2g}"
    return text.replace("-", MINUS)


def with_unit(text: str, unit: str) -> str:
    return f"{text} {unit}" if unit else text


def value(amount: float | None, kind: str, unit: str = "") -> str:
    if amount is None:
        return "–"
    return f"{100 * amount:z.1f}%".replace("-", MINUS) if kind == "rate" else with_unit(number(amount), unit)


def change(amount: float | None, kind: str, unit: str = "") -> str:
    """A difference, with its sign; of rates in points."""
    if amount is None:
        return "–"
    if kind == "rate":
        return with_unit(
            signed(f"{100 * abs(amount):.1f}" if abs(amount) >= 5e-4 else f"{100 * abs(amount):.2g}", amount), "points"
        )
    return with_unit(signed(number(abs(amount)), amount), unit)


def signed(text: str, amount: float) -> str:
    return text if amount == 0 else f"{MINUS if amount < 0 else '+'}{text}"


def span(low: float | None, high: float | None, kind: str, unit: str = "") -> str:
    if low is None or high is None:
        return "no interval"
    if kind == "rate":
        return f"{change(low, kind).removesuffix(' points')} to {change(high, kind)}"
    return with_unit(f"{signed(number(abs(low)), low)} to {signed(number(abs(high)), high)}", unit)


def probability(p: float | None) -> str:
    if p is None:
        return "no p-value"
    if p < 1e-12:
        return "p < 1e-12"
    return f"p = {p:.2g}".replace("e-0", "e-") if p < 0.001 else f"p = {p:.3f}".replace("0.", ".", 1)


def level(alpha: float) -> str:
    return f"{100 * (1 - alpha):g}%"


INTERVALS = {
    "fixed": "{level} interval",
    "always_valid": "{level} confidence sequence",
    "group_sequential": "{level} interval for all planned looks",
}


def finding(row: MetricRow, alpha: float) -> str:
    """One metric in one sentence."""
    if row.difference is None:
        return f"{row.title}: {row.warnings[0] if row.warnings else 'nothing to compare yet.'}"
    what = INTERVALS[row.p_kind].format(level=level(alpha))
    return (
        f"{row.title} is {value(row.treatment, row.kind, row.unit)} with treatment and "
        f"{value(row.control, row.kind, row.unit)} with control: {change(row.difference, row.kind, row.unit)} "
        f"({what} {span(row.ci_low, row.ci_high, row.kind, row.unit)}), {probability(row.p_value)}, "
        f"n = {row.treatment_n:,} and {row.control_n:,}."
    )
