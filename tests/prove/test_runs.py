import pytest

from tests.running.short_proof import run_short


@pytest.mark.slow
def test_a_run_ends_with_every_case_once_though_its_worker_and_the_broker_are_killed() -> None:
    done = run_short("runs")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "repeated calls of one case by one kill" in done.stdout
