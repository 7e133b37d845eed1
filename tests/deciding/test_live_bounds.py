"""A criterion on a live metric that asks the opposite of its plan is told so."""

import pytest

from experiments.policy import EvidenceRef
from experiments.reports.evidence.live import against
from experiments.reports.live.payload import MetricRow
from tests.deciding.deciding import criterion


@pytest.mark.parametrize(
    ("better", "asked", "is_told"),
    [
        ("lower", "at_least", True),
        ("lower", "at_most", False),
        ("higher", "at_most", True),
        ("higher", "at_least", False),
    ],
)
def test_a_bound_against_the_plan_is_told(better: str, asked: str, is_told: bool) -> None:
    row = MetricRow(key="escalated", title="Escalated", role="primary", kind="rate", direction=better)  # type: ignore[arg-type]
    about = EvidenceRef(layer="live", metric="primary")
    told = against(criterion(evidence=about, comparison="points", direction=asked, threshold=0.0), row)
    assert bool(told) == is_told
