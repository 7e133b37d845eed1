"""Published tests, imported as they lie and read by our results."""

from pathlib import Path

import pytest

from experiments.models import LiveTest
from experiments.reports.live.payload import LivePayload
from tests.factories.live_results_ import result_of
from tests.live_events.test_import_events import MEANWHILE, rate, run, write_plan
from tests.real_data import real_data

pytestmark = [pytest.mark.django_db, pytest.mark.real_data]
ROUNDS = {"kind": "mean", "event": "sum_gamerounds", "title": "Game rounds"}


def imported(file: Path, *options: object) -> LivePayload:
    run(file, *options)
    return result_of(LiveTest.objects.get(key="past"))


def test_cookie_cats_reads_as_published(tmp_path: Path) -> None:
    plan = write_plan(
        tmp_path,
        rate("retention_7", "primary"),
        rate("retention_1"),
        {**ROUNDS, "key": "rounds"},
        {**ROUNDS, "key": "rounds_capped", "cap": 3000},
        n_per_arm=40_000,
    )
    options = ["--plan", plan, "--at", MEANWHILE, "--arm", "gate_30=control", "--arm", "gate_40=treatment"]
    for name in ("retention_1", "retention_7", "sum_gamerounds"):
        options += ["--metric", name]
    payload = imported(real_data("cookie_cats") / "cookie_cats.csv", *options)

    assert (payload.exposed.control, payload.exposed.treatment) == (44_700, 45_489)
    [srm, *_] = payload.health
    assert (srm.key, srm.status, payload.blocked) == ("srm", "warning", False)
    assert ".0086" in "".join(figure.value for figure in srm.figures if figure.label == "p")
    read = {row.key: row for row in payload.metrics}
    assert [read["retention_1"].control, read["retention_1"].treatment] == pytest.approx([0.4482, 0.4423], abs=5e-5)
    assert read["retention_1"].p_value == pytest.approx(0.0744, abs=5e-5)
    assert [read["retention_7"].control, read["retention_7"].treatment] == pytest.approx([0.1902, 0.1820], abs=5e-5)
    assert read["retention_7"].p_value == pytest.approx(0.00155, abs=5e-6)
    assert read["retention_7"].verdict == "worse"
    assert read["retention_1"].verdict == "no_difference_shown"
    # one player of 49,854 rounds alone
    assert read["rounds"].p_value == pytest.approx(0.3759, abs=5e-5)
    assert read["rounds_capped"].p_value == pytest.approx(0.8736, abs=5e-5)
    assert read["rounds_capped"].capped == 1
    assert [read[name].verdict for name in ("rounds", "rounds_capped")] == ["doubted", "no_difference_shown"]
    assert read["rounds_capped"].uncapped_difference == pytest.approx(read["rounds"].difference)


def test_the_landing_page_reads_as_published(tmp_path: Path) -> None:
    [file] = real_data("ab_landing_page").glob("*.csv")
    plan = write_plan(
        tmp_path, rate("converted", "primary"), baseline=0.12, mde=0.01, n_per_arm=11_000, small_reason="a sample"
    )
    options = ["--plan", plan, "--metric", "converted", "--require", "group=control:landing_page=old_page",
               "--require", "group=treatment:landing_page=new_page", "--leave-out-mismatches"]  # fmt: skip
    payload = imported(file, *options)
    row = payload.primary
    assert row is not None
    assert (row.control_n + row.treatment_n, row.verdict) == (24_559 - 327, "no_difference_shown")
    assert -(row.z or 0) == pytest.approx(-0.478, abs=5e-4)  # published as control less treatment
    assert row.difference == pytest.approx(1384 / 11_982 - 1391 / 12_250)
    assert row.p_value == pytest.approx(0.633, abs=5e-4)
    assert payload.amendments[0].reason.startswith("327 rows")
    assert len(payload.exposures_per_hour.steps) > 20
    [series] = payload.over_time
    assert series.basis == "exposure"
    assert "at no point was no difference ruled out" in series.caption
